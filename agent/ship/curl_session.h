#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "ledger/base/result.h"

namespace yunjian::agent {

inline constexpr std::size_t answer_bytes_max = 8U << 20;

struct HttpAnswer {
  long status = 0;
  std::string body;
  std::optional<std::chrono::seconds> retry_after;
};

// How a connection is made. TLS 1.3 only, no redirects, no proxy but the one named here.
struct CurlOptions {
  std::string ca_file = {};    // the only CA that is trusted; empty with verify off
  std::string cert_file = {};  // client certificate and key; empty = none
  std::string key_file = {};
  std::string proxy = {};  // URL; empty = none, whatever the environment says
  bool verify = true;      // off only to fetch the CA, whose fingerprint is then compared
  std::chrono::seconds connect_timeout{10};
  std::chrono::seconds total_timeout{60};
  const std::atomic<bool>* aborted = nullptr;  // set from another thread: running requests end
};

// One libcurl easy handle with one kept connection. One thread.
class CurlSession {
 public:
  explicit CurlSession(CurlOptions options);
  ~CurlSession();
  CurlSession(CurlSession&&) noexcept;
  CurlSession& operator=(CurlSession&&) noexcept;

  struct Request {
    std::string url;
    std::string_view body = {};  // sent as POST when content_type is not empty
    std::string_view content_type = {};
  };
  // An answer of any status. Errors: retry or reject, with a message that says what to do.
  ledger::Result<HttpAnswer> perform(const Request& request);
  void drop_connection();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace yunjian::agent
