#include "agent/ship/curl_uploader.h"

namespace yunjian::agent {
namespace {

constexpr std::string_view batches_path = "/ingest/v1/batches";

CurlOptions with_abort(CurlOptions options, const std::atomic<bool>& aborted) {
  options.aborted = &aborted;
  return options;
}

std::string endpoint(std::string url) {
  while (url.ends_with('/')) url.pop_back();
  return url.append(batches_path);
}

}  // namespace

CurlUploader::CurlUploader(std::vector<std::string> urls, CurlOptions options)
    : session_(with_abort(std::move(options), aborted_)) {
  ledger::require(!urls.empty(), "a collector has an ingest URL");
  for (std::string& url : urls) urls_.push_back(endpoint(std::move(url)));
}

ledger::Result<PostAnswer> CurlUploader::post(std::string_view frames) {
  if (aborted_) return ledger::fail(ledger::ErrorKind::retry, "stopped");
  auto answer = session_.perform(
      {.url = urls_[current_], .body = frames, .content_type = "application/octet-stream"});
  if (!answer) {
    current_ = (current_ + 1) % urls_.size();
    return failure(answer);
  }
  return PostAnswer{.status = answer->status,
                    .body = std::move(answer->body),
                    .retry_after = answer->retry_after};
}

}  // namespace yunjian::agent
