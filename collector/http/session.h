#pragma once

#include <array>
#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "collector/http/connection_table.h"
#include "collector/http/message.h"
#include "collector/http/request_head.h"
#include "collector/http/server.h"
#include "collector/http/tls_context.h"
#include "collector/http/worker_pool.h"

namespace yunjian::collector {

// What the sessions of one listener share; outlives them all.
struct ListenerState {
  explicit ListenerState(const ListenerOptions& listener_options) : options(listener_options) {}

  const ListenerOptions options;
  ConnectionTable connections;
  std::atomic<std::uint64_t> body_bytes{0};  // of all requests now in memory
  std::atomic<bool> stopping{false};
  std::atomic<std::uint64_t> accepted{0}, refused{0}, handshakes_failed{0}, requests{0},
      malformed{0}, overloaded{0}, timeouts{0};
  std::unique_ptr<WorkerPool> pool;
};

// One connection, from handshake to close. Everything but the public functions and run_handler()
// runs on its strand. It keeps itself alive while its coroutine runs.
class Session : public Connection, public std::enable_shared_from_this<Session> {
 public:
  Session(boost::asio::ip::tcp::socket socket, boost::asio::ssl::context& tls,
          ListenerState& listener, ConnectionTable::Place place);
  ~Session() override;

  void start();
  void stop_when_idle() override;  // any thread
  void cut() override;             // any thread

 private:
  using Stream = boost::asio::ssl::stream<boost::beast::tcp_stream>;
  using Nothing = boost::asio::awaitable<void>;
  using Done = boost::asio::awaitable<bool>;  // false: the connection is over
  using TimePoint = std::chrono::steady_clock::time_point;
  using Parts = std::array<std::string_view, 3>;  // of what is written at once
  struct BodyReader;

  static Nothing run(std::shared_ptr<Session> self);
  Done handshake();
  Done serve_one();
  Done read_head();
  Done read_some(std::size_t room);
  Done read_body();
  Done send_continue();
  Nothing answer();
  Nothing wait_for_worker();
  Done write_response();
  Done write(Parts parts);
  Done write_source();
  Done write_source_head(bool chunked);
  Done write_piece(bool chunked);
  Done make_piece();
  Nothing finish();
  Nothing drain();

  void refuse(const Problem& problem);  // this is the answer; the connection closes behind it
  bool accept_head(HeadEnd end);
  void start_body(std::size_t head_bytes);
  bool parse_body();
  void judge_body_error(const boost::system::error_code& error);
  void note_body_progress();
  void complete_request();
  bool submit();
  void run_handler() noexcept;
  bool submit_source();
  void run_source() noexcept;
  void worker_done();
  bool peer_has_left();
  void limit_until(TimePoint deadline);
  TimePoint deadline(TimePoint begun, std::chrono::milliseconds limit, std::uint64_t bytes) const;
  void count_timeout(const boost::system::error_code& error);
  void release_body();

  ListenerState& listener_;
  const ConnectionTable::Place place_;  // given back last, when the socket is closed
  Stream stream_;
  boost::asio::steady_timer answered_;
  boost::beast::flat_buffer buffer_;
  PeerIdentity identity_;
  RequestHead head_;
  std::unique_ptr<BodyReader> body_;
  Request request_;
  std::optional<Response> response_;
  BodySource::Piece piece_;             // of response_->source, made by a worker
  std::atomic<bool> cancelled_{false};  // nobody waits for the answer of request_
  bool worker_done_ = false;
  std::uint64_t body_bytes_ = 0;  // of ours in listener_.body_bytes
  bool head_only_ = false;        // HEAD
  bool keep_alive_ = false;
  bool idle_ = false;  // waiting for a request's first byte
  bool stop_ = false;
};

}  // namespace yunjian::collector
