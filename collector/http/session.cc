#include "collector/http/session.h"

#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <iterator>
#include <utility>

#include "collector/http/response_message.h"

namespace yunjian::collector {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using boost::system::error_code;

// GCC 12 miscompiles some coroutines: errors come as values, one co_await stands in a statement,
// its buffers and results have names, and no lambda is a coroutine. Each operation on a stream is
// awaited in one place only: it is a thousand templates.
constexpr auto as_values = asio::as_tuple(asio::use_awaitable);

constexpr std::string_view continue_line = "HTTP/1.1 100 Continue\r\n\r\n";
constexpr std::size_t head_read_bytes = 4096;
constexpr std::size_t body_read_bytes = 16'384;  // what a TLS record holds
constexpr std::chrono::milliseconds close_timeout{2000};
constexpr std::chrono::milliseconds stop_close_timeout{200};
constexpr std::size_t drained_bytes_max = 16U << 20;
constexpr std::chrono::milliseconds watch_interval{250};  // of the client, while a worker is busy
constexpr std::chrono::milliseconds queue_retry{100};

std::string_view view_of(const beast::flat_buffer& buffer) {
  return {static_cast<const char*>(buffer.data().data()), buffer.size()};
}

Problem malformed_request(std::string detail) {
  return {.status = 400,
          .slug = "malformed-request",
          .title = "The request is malformed",
          .detail = std::move(detail)};
}

Problem overloaded() {
  return {.status = 503,
          .slug = "overloaded",
          .title = "The collector is busy",
          .detail = "Too many requests are being worked on; send this one again later.",
          .retry = true,
          .retry_after_s = 2};
}

Problem body_too_large(const RequestHead& head, std::uint64_t limit) {
  return {.status = 413,
          .slug = "body-too-large",
          .title = "The body is too large",
          .detail = head.method + " " + head.target.path + " takes at most " +
                    std::to_string(limit) + " bytes; send less at once, or check method and path."};
}

// Content of a chunk extension is ignored by us and might not be by somebody else.
struct RefuseChunkExtensions {
  void operator()(std::uint64_t, beast::string_view extensions, error_code& error) const {
    if (!extensions.empty()) error = http::error::bad_chunk_extension;
  }
};

}  // namespace

struct Session::BodyReader {
  BodyReader(std::uint64_t body_limit, std::size_t head_bytes_max) : limit(body_limit) {
    parser.body_limit(limit);
    parser.header_limit(static_cast<std::uint32_t>(head_bytes_max) + 4);
    parser.on_chunk_header(refuse_extensions);
  }
  std::size_t fields() const {
    return static_cast<std::size_t>(std::distance(parser.get().begin(), parser.get().end()));
  }

  RefuseChunkExtensions refuse_extensions;
  http::request_parser<http::string_body> parser;
  std::uint64_t limit = 0;
  std::size_t head_fields = 0;
  TimePoint begun = std::chrono::steady_clock::now();
};

Session::Session(asio::ip::tcp::socket socket, asio::ssl::context& tls, ListenerState& listener,
                 ConnectionTable::Place place)
    : listener_(listener),
      place_(std::move(place)),
      stream_(beast::tcp_stream(std::move(socket)), tls),
      answered_(stream_.get_executor()) {}

Session::~Session() { release_body(); }

void Session::start() {
  listener_.connections.add(place_, weak_from_this());
  asio::co_spawn(stream_.get_executor(), run(shared_from_this()), asio::detached);
}

void Session::stop_when_idle() {
  asio::post(stream_.get_executor(), [self = shared_from_this()] {
    self->stop_ = true;
    if (self->idle_) beast::get_lowest_layer(self->stream_).cancel();
  });
}

void Session::cut() {
  asio::post(stream_.get_executor(), [self = shared_from_this()] {
    self->stop_ = true;
    beast::get_lowest_layer(self->stream_).close();
  });
}

Session::Nothing Session::run(std::shared_ptr<Session> self) {
  bool more = co_await self->handshake();
  if (!more) co_return;
  while (more) {
    more = co_await self->serve_one();
  }
  co_await self->finish();
}

Session::Done Session::handshake() {
  idle_ = true;
  limit_until(std::chrono::steady_clock::now() + listener_.options.limits.handshake_timeout);
  auto result = co_await stream_.async_handshake(asio::ssl::stream_base::server, as_values);
  const error_code error = std::get<0>(result);
  if (error) {
    count_timeout(error);
    ++listener_.handshakes_failed;
    co_return false;
  }
  identity_ = peer_identity(stream_.native_handle());
  co_return true;
}

Session::Done Session::serve_one() {
  response_.reset();
  keep_alive_ = false;
  head_only_ = false;
  const bool asked = co_await read_head();
  if (!asked) co_return false;
  if (!response_) {
    const bool complete = co_await read_body();
    if (!complete) co_return false;
  }
  co_await answer();
  const bool written = co_await write_response();
  co_return written&& keep_alive_;
}

Session::Done Session::read_head() {
  const HttpLimits& limits = listener_.options.limits;
  idle_ = buffer_.size() == 0;
  if (idle_) buffer_.shrink_to_fit();  // idle connections are many, and a body left its room here
  limit_until(std::chrono::steady_clock::now() +
              (idle_ ? limits.idle_timeout : limits.head_timeout));
  while (!(idle_ && (stop_ || listener_.stopping))) {
    const std::string_view bytes = view_of(buffer_);
    const HeadEnd end = find_head_end(bytes);
    if (end.scan != HeadScan::incomplete || bytes.size() >= limits.head_bytes_max) {
      co_return accept_head(end);
    }
    const std::size_t room = std::min(head_read_bytes, limits.head_bytes_max - bytes.size());
    const bool more = co_await read_some(room);
    if (!more) break;
    if (std::exchange(idle_, false)) {
      limit_until(std::chrono::steady_clock::now() + limits.head_timeout);
    }
  }
  idle_ = false;
  co_return false;
}

// Up to `room` bytes more into buffer_.
Session::Done Session::read_some(std::size_t room) {
  const auto space = buffer_.prepare(room);
  auto result = co_await stream_.async_read_some(space, as_values);
  const error_code error = std::get<0>(result);
  if (!idle_) count_timeout(error);
  if (error) co_return false;
  buffer_.commit(std::get<1>(result));
  co_return true;
}

// True: go on, with a request in head_ or a refusal in response_.
bool Session::accept_head(HeadEnd end) {
  if (end.scan == HeadScan::incomplete) {
    ++listener_.malformed;
    refuse({.status = 431,
            .slug = "head-too-large",
            .title = "The request head is too large",
            .detail = "Request line and header fields may have at most " +
                      std::to_string(listener_.options.limits.head_bytes_max) + " bytes."});
    return true;
  }
  if (end.scan == HeadScan::malformed) {
    ++listener_.malformed;
    refuse(malformed_request("A line does not end in CR LF, or the head holds a NUL."));
    return true;
  }
  auto head = parse_request_head(view_of(buffer_).substr(0, end.bytes));
  if (!head) {
    ++listener_.malformed;
    refuse(malformed_request(head.error().message));
    return true;
  }
  head_ = std::move(*head);
  head_only_ = head_.method == "HEAD";
  if (head_only_) head_.method = "GET";
  start_body(end.bytes);
  return true;
}

// Hands the head to the library, which frames the body by it; refuses before a byte of it is read.
void Session::start_body(std::size_t head_bytes) {
  const auto& options = listener_.options;
  const std::uint64_t limit = options.handler->body_bytes_max(head_.method, head_.target.path);
  if (head_.content_length.value_or(0) > limit || (head_.chunked && limit == 0)) {
    refuse(body_too_large(head_, limit));
    return;
  }
  body_ = std::make_unique<BodyReader>(limit, options.limits.head_bytes_max);
  error_code error;
  const auto head = beast::buffers_prefix(head_bytes, buffer_.data());
  const std::size_t used = body_->parser.put(head, error);
  if (error || used != head_bytes || !body_->parser.is_header_done()) {
    ++listener_.malformed;
    refuse(malformed_request("The header fields cannot be read: " + error.message()));
    return;
  }
  buffer_.consume(head_bytes);
  body_->head_fields = body_->fields();
}

Session::Done Session::read_body() {
  const bool waits = head_.expect_continue && head_.has_body() && buffer_.size() == 0;
  if (waits) {
    const bool sent = co_await send_continue();
    if (!sent) co_return false;
  }
  while (!body_->parser.is_done() && !response_) {
    if (parse_body()) continue;
    limit_until(deadline(body_->begun, listener_.options.limits.body_timeout, body_bytes_));
    const bool more = co_await read_some(body_read_bytes);
    if (!more) co_return false;
  }
  if (!response_) complete_request();
  co_return true;
}

Session::Done Session::send_continue() {
  const Parts parts{continue_line};
  const bool sent = co_await write(parts);
  co_return sent;
}

// Hands the library what has come. False: it needs more than that.
bool Session::parse_body() {
  if (buffer_.size() == 0) return false;
  error_code error;
  const std::size_t used = body_->parser.put(buffer_.data(), error);
  buffer_.consume(used);
  if (error == http::error::need_more) {
    if (buffer_.size() < listener_.options.limits.head_bytes_max) return false;
    error = http::error::bad_chunk;  // a line between chunks that does not end
  }
  if (error) {
    judge_body_error(error);
  } else {
    note_body_progress();
  }
  return true;
}

void Session::judge_body_error(const error_code& error) {
  if (error == http::error::body_limit) {
    refuse(body_too_large(head_, body_->limit));
    return;
  }
  ++listener_.malformed;
  refuse(malformed_request("The body cannot be read: " + error.message()));
}

void Session::note_body_progress() {
  const std::uint64_t bytes = body_->parser.get().body().size();
  const std::uint64_t grown = bytes - body_bytes_;
  body_bytes_ = bytes;
  if (listener_.body_bytes.fetch_add(grown) + grown <= listener_.options.limits.bodies_bytes_max) {
    return;
  }
  ++listener_.overloaded;
  refuse(overloaded());
}

void Session::complete_request() {
  if (body_->fields() != body_->head_fields) {
    ++listener_.malformed;
    refuse(malformed_request("Trailer fields are not taken."));
    return;
  }
  request_ = Request{.method = std::move(head_.method),
                     .path = std::move(head_.target.path),
                     .query = std::move(head_.target.query),
                     .headers = std::move(head_.headers),
                     .body = std::move(body_->parser.get().body()),
                     .peer = place_.peer(),
                     .client_certificate_sha256 = identity_.certificate_sha256,
                     .client_common_name = identity_.common_name,
                     .cancelled = &cancelled_};
  keep_alive_ = head_.keep_alive;
  body_.reset();
}

Session::Nothing Session::answer() {
  if (!response_) {
    cancelled_ = false;
    const bool queued = submit();
    if (queued) {
      co_await wait_for_worker();
    } else {
      ++listener_.overloaded;
      refuse(overloaded());
    }
  }
  release_body();
}

// Looks after the client meanwhile, so that work for somebody who has gone ends.
Session::Nothing Session::wait_for_worker() {
  const TimePoint end = std::chrono::steady_clock::now() + listener_.options.limits.handler_timeout;
  while (!worker_done_) {
    answered_.expires_after(watch_interval);
    auto result = co_await answered_.async_wait(as_values);
    static_cast<void>(result);
    if (stop_ || listener_.stopping || std::chrono::steady_clock::now() >= end || peer_has_left()) {
      cancelled_ = true;
    }
  }
}

// Whether the other side has closed its end, also when bytes of it are still unread.
bool Session::peer_has_left() {
  auto& socket = beast::get_lowest_layer(stream_).socket();
  tcp_info info{};
  socklen_t size = sizeof(info);
  if (::getsockopt(socket.native_handle(), IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return true;
  return info.tcpi_state != TCP_ESTABLISHED;
}

bool Session::submit() {
  worker_done_ = false;
  return listener_.pool->try_submit([self = shared_from_this()] { self->run_handler(); });
}

// On a worker thread. The coroutine sleeps meanwhile and looks at nothing that is written here; the
// post back to its strand comes after the answer and wakes it.
void Session::run_handler() noexcept {
  ++listener_.requests;
  try {
    response_ = checked_response(listener_.options.handler->handle(request_));
  } catch (...) {
    response_ = internal_error();
  }
  worker_done();
}

void Session::run_source() noexcept {
  try {
    piece_ = response_->source->next();
  } catch (...) {
    piece_ = {.bytes = {}, .broken = true};
  }
  worker_done();
}

void Session::worker_done() {
  asio::post(stream_.get_executor(), [self = shared_from_this()] {
    self->worker_done_ = true;
    self->answered_.cancel();
  });
}

Session::Done Session::write_response() {
  if (stop_ || listener_.stopping) keep_alive_ = false;
  if (response_->source) {
    const bool whole = co_await write_source();
    response_->source.reset();
    co_return whole;
  }
  const std::string head = response_head(*response_, keep_alive_, Framing::length);
  const bool bare = head_only_ || has_no_body(response_->status);
  const Parts parts{head, bare ? std::string_view() : response_->body};
  const bool sent = co_await write(parts);
  co_return sent;
}

// All of `parts`; a client is given time by what it took of them.
Session::Done Session::write(Parts parts) {
  std::array<asio::const_buffer, std::tuple_size_v<Parts>> left;
  std::transform(parts.begin(), parts.end(), left.begin(),
                 [](std::string_view part) { return asio::buffer(part); });
  const TimePoint begun = std::chrono::steady_clock::now();
  std::uint64_t sent = 0;
  while (asio::buffer_size(left) > 0) {
    limit_until(deadline(begun, listener_.options.limits.write_timeout, sent));
    auto result = co_await stream_.async_write_some(left, as_values);
    const error_code error = std::get<0>(result);
    count_timeout(error);
    if (error) co_return false;
    sent += std::get<1>(result);
    std::size_t taken = std::get<1>(result);
    for (asio::const_buffer& part : left) {
      const std::size_t bytes = std::min(taken, part.size());
      part += bytes;
      taken -= bytes;
    }
  }
  co_return true;
}

// Head, then piece after piece as the source makes them; false when the client did not get it all.
Session::Done Session::write_source() {
  const bool chunked = !head_.http_1_0;
  if (!chunked) keep_alive_ = false;
  const bool begun = co_await write_source_head(chunked);
  if (!begun) co_return false;
  if (head_only_) co_return true;
  piece_ = {};
  while (!piece_.last) {
    const bool made = co_await make_piece();
    if (!made || piece_.broken) {
      cut();
      co_return false;
    }
    const bool written = co_await write_piece(chunked);
    if (!written) co_return false;
  }
  co_return true;
}

Session::Done Session::write_source_head(bool chunked) {
  const std::string head =
      response_head(*response_, keep_alive_, chunked ? Framing::chunks : Framing::until_close);
  const Parts parts{head};
  const bool sent = co_await write(parts);
  co_return sent;
}

// Asks the source on a worker thread, once its pause is over. False: the connection is over.
Session::Done Session::make_piece() {
  beast::get_lowest_layer(stream_).expires_never();
  TimePoint next = std::chrono::steady_clock::now() + piece_.pause;
  while (!cancelled_) {
    const TimePoint now = std::chrono::steady_clock::now();
    if (now >= next && submit_source()) {
      co_await wait_for_worker();
      co_return true;
    }
    if (now >= next) next = now + queue_retry;
    answered_.expires_at(std::min(next, now + watch_interval));
    auto result = co_await answered_.async_wait(as_values);
    static_cast<void>(result);
    if (peer_has_left()) co_return false;
    if (stop_ || listener_.stopping) cancelled_ = true;
  }
  // It is asked once more and then ends its answer.
  const bool queued = submit_source();
  if (!queued) co_return false;
  co_await wait_for_worker();
  co_return true;
}

bool Session::submit_source() {
  worker_done_ = false;
  return listener_.pool->try_submit([self = shared_from_this()] { self->run_source(); });
}

Session::Done Session::write_piece(bool chunked) {
  std::string size_line;
  if (chunked && !piece_.bytes.empty()) size_line = fmt::format("{:x}\r\n", piece_.bytes.size());
  std::string_view end;
  if (chunked && !piece_.bytes.empty()) end = piece_.last ? "\r\n0\r\n\r\n" : "\r\n";
  if (chunked && piece_.bytes.empty() && piece_.last) end = "0\r\n\r\n";
  const Parts parts{size_line, piece_.bytes, end};
  const bool sent = co_await write(parts);
  co_return sent;
}

// Says goodbye in TLS without waiting for the other side's, then takes in what the client is still
// sending: closing with unread bytes would reset the connection and could destroy the answer.
Session::Nothing Session::finish() {
  SSL* const connection = stream_.native_handle();
  SSL_set_shutdown(connection, SSL_get_shutdown(connection) | SSL_RECEIVED_SHUTDOWN);
  beast::get_lowest_layer(stream_).expires_after(stop_ ? stop_close_timeout : close_timeout);
  auto result = co_await stream_.async_shutdown(as_values);
  static_cast<void>(result);
  co_await drain();
}

Session::Nothing Session::drain() {
  auto& tcp = beast::get_lowest_layer(stream_);
  error_code ignored;
  tcp.socket().shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
  std::array<char, 4096> scrap;
  const auto space = asio::buffer(scrap);
  std::size_t drained = 0;
  while (!stop_ && drained < drained_bytes_max) {
    auto result = co_await tcp.async_read_some(space, as_values);
    const error_code error = std::get<0>(result);
    if (error) break;
    drained += std::get<1>(result);
  }
}

void Session::refuse(const Problem& problem) {
  response_ = problem_response(problem);
  keep_alive_ = false;
}

void Session::limit_until(TimePoint end) { beast::get_lowest_layer(stream_).expires_at(end); }

Session::TimePoint Session::deadline(TimePoint begun, std::chrono::milliseconds limit,
                                     std::uint64_t bytes) const {
  const std::uint64_t rate = std::max<std::uint64_t>(1, listener_.options.limits.bytes_per_s_min);
  return begun + limit + std::chrono::seconds(bytes / rate);
}

void Session::count_timeout(const error_code& error) {
  if (error == beast::error::timeout) ++listener_.timeouts;
}

void Session::release_body() {
  listener_.body_bytes -= std::exchange(body_bytes_, 0);
  body_.reset();
  request_ = Request();
}

}  // namespace yunjian::collector
