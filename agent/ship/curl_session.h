#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ledger/base/clock.h"
#include "ledger/base/result.h"

namespace yunjian::agent {

inline constexpr std::size_t answer_bytes_max = 8U << 20;

struct HttpAnswer {
  long status = 0;
  std::string body;
  std::optional<std::chrono::seconds> retry_after;
  // How far this host's clock is ahead of the one that the header Yunjian-Time tells.
  std::optional<std::chrono::milliseconds> clock_offset;
  std::uint64_t sent_bytes_per_s = 0;  // of the request; 0 = not known
};

// How a connection is made. TLS 1.3 only, no redirects, no proxy but the one named here.
struct CurlOptions {
  std::string ca_file = {};    // the only CA that is trusted; empty with verify off
  std::string cert_file = {};  // client certificate and key; empty = none
  std::string key_file = {};
  std::string proxy = {};  // URL; empty = none, whatever the environment says
  bool verify = true;      // off only to fetch the CA, whose fingerprint is then compared
  std::chrono::seconds connect_timeout{10};
  std::chrono::seconds total_timeout{60};      // plus what the body takes at 512 bytes a second
  std::uint64_t send_bytes_per_s_max = 0;      // 0 = as fast as it goes
  const ledger::Clock* clock = nullptr;        // for clock_offset; without it there is none
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
    std::vector<std::string> headers = {};  // "Name: value"
  };
  // An answer of any status. Errors: retry or reject, with a message that says what to do.
  ledger::Result<HttpAnswer> perform(const Request& request);
  void drop_connection();

  // Whether the last failure was only that the server's certificate is not good at this host's
  // time.
  bool refused_for_time() const;
  // Whether validity times of the server's certificate are looked at; from the next connection on.
  void check_times(bool check);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace yunjian::agent
