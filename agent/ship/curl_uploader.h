#pragma once

#include <atomic>
#include <string>
#include <vector>

#include "agent/ship/curl_session.h"
#include "agent/ship/uploader.h"

namespace yunjian::agent {

// Posts over HTTPS with the agent's client certificate. Several URLs are addresses of one
// collector: after a failure to reach one, the next is tried. One thread, except abort().
class CurlUploader : public Uploader {
 public:
  // `urls` without path, at least one: "https://collector:8443".
  CurlUploader(std::vector<std::string> urls, CurlOptions options);

  ledger::Result<PostAnswer> post(std::string_view frames) override;
  void drop_connection() override { session_.drop_connection(); }
  void abort() override { aborted_ = true; }

 private:
  std::atomic<bool> aborted_ = false;
  std::vector<std::string> urls_;
  std::size_t current_ = 0;
  CurlSession session_;
};

}  // namespace yunjian::agent
