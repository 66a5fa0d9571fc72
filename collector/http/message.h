#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace yunjian::collector {

// A request that passed the strict checks of the session: one Host, sane framing, body within its
// limit, path percent-decoded once and free of "..", "//", control characters and backslashes.
struct Request {
  std::string method;
  std::string path;                               // decoded, begins with '/'
  std::multimap<std::string, std::string> query;  // decoded
  std::map<std::string, std::string, std::less<>>
      headers;  // names lower case; repeated ones joined by ", "
  std::string body;
  std::string peer;                       // address of the other side
  std::string client_certificate_sha256;  // lower-case hex of its DER, empty without one (ingest
                                          // always has one)
  std::string client_common_name;         // CN of that certificate
  // Becomes true when nobody waits for the answer any more: the client has gone, the server stops,
  // or HttpLimits::handler_timeout is over. Long work ends then. Lives until the answer is sent.
  const std::atomic<bool>* cancelled = nullptr;

  std::optional<std::string> parameter(std::string_view name) const;  // first value
  std::string_view header(std::string_view lower_case_name) const;    // "" when absent
};

// A body that is made while it is sent, in pieces; its length is not known before.
class BodySource {
 public:
  struct Piece {
    std::string bytes;
    bool last = false;
    bool broken = false;                 // cannot go on: the connection is cut, so that the client
                                         // sees that its answer is not whole
    std::chrono::milliseconds pause{0};  // until the next piece is asked for
  };
  virtual ~BodySource() = default;
  // On a worker thread, one call at a time. Returns soon after Request::cancelled became true.
  virtual Piece next() = 0;
};

struct Response {
  int status = 200;
  std::string content_type = "application/json";
  std::string body{};
  std::vector<std::pair<std::string, std::string>> headers{};
  std::shared_ptr<BodySource> source = nullptr;  // in place of `body`; sent in chunks
};

// RFC 9457: `type` is about:blank or urn:yunjian:problem:<slug>; `title` short, `detail` what,
// where and what to do.
struct Problem {
  int status = 500;
  std::string slug;
  std::string title;
  std::string detail;
  bool retry = false;  // told as member "retry", with Retry-After when retry_after_s > 0
  int retry_after_s = 0;
};
Response problem_response(const Problem& problem);

// Whoever answers. Called on a worker thread, several at once; must not throw.
class Handler {
 public:
  virtual ~Handler() = default;
  virtual Response handle(const Request& request) = 0;
  // Largest body for this target, asked before the body is read. 0 = no body allowed.
  virtual std::uint64_t body_bytes_max(std::string_view method, std::string_view path) const = 0;
};

}  // namespace yunjian::collector
