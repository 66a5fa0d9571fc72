#pragma once

#include <memory>
#include <string>

#include "ledger/base/result.h"

namespace yunjian::auditor {

struct HttpAnswer {
  long status = 0;
  std::string body;
};

// GET and POST over one kept TLS 1.3 connection with a bearer token and a pinned CA. An answer 429
// is not handed on at once: the client waits as long as Retry-After says (a minute at most, a
// second when it says nothing) and asks again, up to `tries_max` times. One thread.
class HttpsClient {
 public:
  struct Options {
    std::string base_url;  // https://host:port
    std::string ca_file;
    std::string token;
    std::size_t answer_bytes_max = 64U << 20;
    long timeout_s = 60;
    int tries_max = 20;
  };
  static ledger::Result<HttpsClient> open(Options options);
  HttpsClient(HttpsClient&&) noexcept;
  HttpsClient& operator=(HttpsClient&&) noexcept;
  ~HttpsClient();

  // Errors: retry (no answer; the message says why and what to do). Any status is an answer.
  ledger::Result<HttpAnswer> get(const std::string& path);
  ledger::Result<HttpAnswer> post(const std::string& path, const std::string& body);

 private:
  struct Impl;
  ledger::Result<HttpAnswer> perform(const std::string& path);
  ledger::Result<HttpAnswer> perform_once(const std::string& url);
  explicit HttpsClient(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace yunjian::auditor
