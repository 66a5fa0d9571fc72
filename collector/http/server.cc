#include "collector/http/server.h"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <thread>

#include "collector/http/session.h"
#include "collector/http/tls_context.h"
#include "ledger/base/bytes.h"

namespace yunjian::collector {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using ledger::ErrorKind;
using ledger::fail;
using ledger::failure;
using ledger::Result;

// After an accept that failed for want of descriptors or memory.
constexpr std::chrono::milliseconds accept_pause{200};

std::string peer_address(const tcp::socket& socket) {
  error_code error;
  const auto endpoint = socket.remote_endpoint(error);
  if (error) return {};
  const asio::ip::address address = endpoint.address();
  if (address.is_v6() && address.to_v6().is_v4_mapped()) {
    return asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6()).to_string();
  }
  return address.to_string();
}

// Accepts connections on one address and owns what their sessions share. Its own handlers run on
// one strand.
class Listener {
 public:
  Listener(asio::io_context& io, asio::ssl::context tls, const ListenerOptions& options)
      : io_(io),
        acceptor_(asio::make_strand(io)),
        pause_(acceptor_.get_executor()),
        tls_(std::move(tls)),
        state_(options) {}

  Result<void> open() {
    error_code error;
    const auto address = asio::ip::make_address(state_.options.address, error);
    if (error) {
      return fail(ErrorKind::reject, "\"" + state_.options.address + "\" is not an IP address");
    }
    const tcp::endpoint endpoint(address, state_.options.port);
    acceptor_.open(endpoint.protocol(), error);
    if (!error) acceptor_.set_option(tcp::acceptor::reuse_address(true), error);
    if (!error && address.is_v6()) acceptor_.set_option(asio::ip::v6_only(false), error);
    if (!error) acceptor_.bind(endpoint, error);
    if (!error) acceptor_.listen(asio::socket_base::max_listen_connections, error);
    if (!error) port_ = acceptor_.local_endpoint(error).port();
    if (!error) return {};
    return fail(ErrorKind::reject, "cannot listen on " + state_.options.address + " port " +
                                       std::to_string(state_.options.port) + ": " +
                                       error.message());
  }

  void start() {
    state_.pool = std::make_unique<WorkerPool>(std::max<std::size_t>(1, state_.options.workers),
                                               state_.options.requests_queued_max);
    asio::post(acceptor_.get_executor(), [this] { accept(); });
  }

  void begin_stop() {
    state_.stopping = true;
    asio::post(acceptor_.get_executor(), [this] {
      error_code ignored;
      acceptor_.close(ignored);
      pause_.cancel();
    });
    for (const auto& connection : state_.connections.all()) connection->stop_when_idle();
  }

  void finish_stop(std::chrono::steady_clock::time_point deadline) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        deadline - std::chrono::steady_clock::now());
    if (!state_.connections.wait_until_empty(std::max(left, std::chrono::milliseconds(0)))) {
      for (const auto& connection : state_.connections.all()) connection->cut();
      state_.connections.wait_until_empty();
    }
    state_.pool.reset();
  }

  std::uint16_t port() const { return port_; }
  ListenerCounters counters() const {
    return {.connections_open = state_.connections.size(),
            .connections_accepted = state_.accepted,
            .connections_refused = state_.refused,
            .handshakes_failed = state_.handshakes_failed,
            .requests = state_.requests,
            .malformed = state_.malformed,
            .overloaded = state_.overloaded,
            .timeouts = state_.timeouts};
  }

 private:
  void accept() {
    if (state_.stopping) return;
    acceptor_.async_accept(asio::make_strand(io_), [this](error_code error, tcp::socket socket) {
      if (error == asio::error::operation_aborted || state_.stopping) return;
      if (error) {
        accept_later();
        return;
      }
      try {
        admit(std::move(socket));
      } catch (const std::exception&) {
        ++state_.refused;  // no memory for one more
      }
      accept();
    });
  }

  void accept_later() {
    pause_.expires_after(accept_pause);
    pause_.async_wait([this](error_code) { accept(); });
  }

  // A connection that is not admitted is closed by going out of scope: no handshake, no answer.
  void admit(tcp::socket socket) {
    const std::string peer = peer_address(socket);
    const HttpLimits& limits = state_.options.limits;
    auto place =
        state_.connections.enter(peer, {limits.connections_max, limits.connections_per_peer_max});
    if (peer.empty() || !place) {
      ++state_.refused;
      return;
    }
    ++state_.accepted;
    error_code ignored;
    socket.set_option(tcp::no_delay(true), ignored);
    const auto session =
        std::make_shared<Session>(std::move(socket), tls_, state_, std::move(*place));
    session->start();
  }

  asio::io_context& io_;
  tcp::acceptor acceptor_;
  asio::steady_timer pause_;
  asio::ssl::context tls_;
  ListenerState state_;
  std::uint16_t port_ = 0;
};

}  // namespace

struct Server::Impl {
  asio::io_context io;
  asio::executor_work_guard<asio::io_context::executor_type> work{io.get_executor()};
  std::vector<std::unique_ptr<Listener>> listeners;
  std::vector<std::thread> threads;
  bool stopped = false;

  Result<void> add(ListenerOptions options) {
    if (options.handler == nullptr) return fail(ErrorKind::reject, "a listener needs a handler");
    auto tls = make_tls_context(options);
    ledger::wipe(options.private_key_pem);
    if (!tls) return failure(tls);
    listeners.push_back(std::make_unique<Listener>(io, std::move(*tls), options));
    return listeners.back()->open();
  }

  void run(std::size_t io_threads) {
    for (const auto& listener : listeners) listener->start();
    for (std::size_t i = 0; i < std::max<std::size_t>(1, io_threads); ++i) {
      threads.emplace_back(&Impl::serve, this);
    }
  }

  // What a handler throws (there is only std::bad_alloc) costs its connection, never the process.
  void serve() {
    while (true) {
      try {
        io.run();
        return;
      } catch (const std::exception&) {
        continue;
      }
    }
  }
};

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Server::~Server() { stop(std::chrono::milliseconds(0)); }

Result<std::unique_ptr<Server>> Server::start(std::vector<ListenerOptions> listeners,
                                              std::size_t io_threads) {
  try {
    auto impl = std::make_unique<Impl>();
    for (ListenerOptions& options : listeners) {
      auto added = impl->add(std::move(options));
      if (!added) return failure(added);
    }
    impl->run(io_threads);
    return std::unique_ptr<Server>(new Server(std::move(impl)));
  } catch (const std::exception& error) {
    return fail(ErrorKind::fatal, std::string("cannot start the HTTPS server: ") + error.what());
  }
}

std::uint16_t Server::port(std::size_t listener) const {
  return impl_->listeners.at(listener)->port();
}

ListenerCounters Server::counters(std::size_t listener) const {
  return impl_->listeners.at(listener)->counters();
}

void Server::stop(std::chrono::milliseconds limit) {
  if (std::exchange(impl_->stopped, true)) return;
  const auto deadline = std::chrono::steady_clock::now() + limit;
  for (const auto& listener : impl_->listeners) listener->begin_stop();
  for (const auto& listener : impl_->listeners) listener->finish_stop(deadline);
  impl_->work.reset();
  for (std::thread& thread : impl_->threads) thread.join();
}

}  // namespace yunjian::collector
