#pragma once

#include <atomic>
#include <string>
#include <vector>

#include "agent/ship/curl_session.h"
#include "agent/ship/uploader.h"

namespace yunjian::agent {

// Posts over HTTPS with the agent's client certificate. Several URLs are addresses of one
// collector: when one cannot be reached, the others are tried at once, and the one that answered is
// kept. Tells each post how far this host's clock is off, as the answer before told.
//
// A host whose clock is far off (a dead battery) must not fall silent: when the server's
// certificate is refused for this host's time only, the collector is asked for the time, and if the
// clock is what is wrong, certificates are taken whatever their dates until it is right again.
// One thread, except abort().
class CurlUploader : public Uploader {
 public:
  // `urls` without path, at least one: "https://collector:8443".
  CurlUploader(std::vector<std::string> urls, CurlOptions options);

  ledger::Result<PostAnswer> post(std::string_view frames) override;
  ledger::Result<PostAnswer> get(std::string_view path) override;
  void drop_connection() override { session_.drop_connection(); }
  void abort() override { aborted_ = true; }

  // POST of JSON to another path of the same collector, "/ingest/v1/certificate". Ship thread.
  ledger::Result<HttpAnswer> ask(std::string_view path, std::string_view json);
  // POST of frames to another path. Ship thread.
  ledger::Result<HttpAnswer> post_to(std::string_view path, std::string_view frames);
  // This host's clock − the collector's; 0 before the first comparison. Ship thread.
  std::chrono::milliseconds clock_offset() const {
    return clock_offset_.value_or(std::chrono::milliseconds(0));
  }

 private:
  ledger::Result<HttpAnswer> send(std::string_view path, CurlSession::Request request);
  ledger::Result<HttpAnswer> send_to_current(const CurlSession::Request& request);
  bool clock_is_wrong();
  void note_clock(const HttpAnswer& answer);

  std::atomic<bool> aborted_ = false;
  std::vector<std::string> urls_;
  std::size_t current_ = 0;
  CurlSession session_;
  std::optional<std::chrono::milliseconds> clock_offset_;
};

}  // namespace yunjian::agent
