#include "agent/ship/curl_uploader.h"

#include <fmt/format.h>

namespace yunjian::agent {
namespace {

using ledger::ErrorKind;
using ledger::fail;
using ledger::failure;
using ledger::Result;

constexpr std::string_view batches_path = "/ingest/v1/batches";
constexpr std::string_view time_path = "/ingest/v1/time";  // any answer tells the time
// Beyond it, dates of certificates say more about this host's clock than about the server.
constexpr std::chrono::milliseconds clock_wrong_beyond = std::chrono::hours(1);

CurlOptions with_abort(CurlOptions options, const std::atomic<bool>& aborted) {
  options.aborted = &aborted;
  return options;
}

Result<PostAnswer> answer_of(Result<HttpAnswer> answer) {
  if (!answer) return failure(answer);
  return PostAnswer{.status = answer->status,
                    .body = std::move(answer->body),
                    .retry_after = answer->retry_after,
                    .clock_offset = answer->clock_offset,
                    .sent_bytes_per_s = answer->sent_bytes_per_s};
}

// What stands between us and the collector answers these when it cannot reach it.
bool is_of_gateway(long status) { return status == 502 || status == 504; }

}  // namespace

CurlUploader::CurlUploader(std::vector<std::string> urls, CurlOptions options)
    : urls_(std::move(urls)), session_(with_abort(std::move(options), aborted_)) {
  ledger::require(!urls_.empty(), "a collector has an ingest URL");
  for (std::string& url : urls_) {
    while (url.ends_with('/')) url.pop_back();
  }
}

Result<PostAnswer> CurlUploader::post(std::string_view frames) {
  CurlSession::Request request{.body = frames, .content_type = "application/octet-stream"};
  if (clock_offset_) {
    request.headers.push_back(fmt::format("Yunjian-Clock-Offset: {}", clock_offset_->count()));
  }
  return answer_of(send(batches_path, std::move(request)));
}

Result<PostAnswer> CurlUploader::get(std::string_view path) { return answer_of(send(path, {})); }

Result<HttpAnswer> CurlUploader::ask(std::string_view path, std::string_view json) {
  return send(path, {.body = json, .content_type = "application/json"});
}

Result<HttpAnswer> CurlUploader::post_to(std::string_view path, std::string_view frames) {
  return send(path, {.body = frames, .content_type = "application/octet-stream"});
}

// One round over the addresses, beginning with the one that answered last.
Result<HttpAnswer> CurlUploader::send(std::string_view path, CurlSession::Request request) {
  std::string problems;
  for (std::size_t tried = 0; tried < urls_.size(); ++tried) {
    if (aborted_) return fail(ErrorKind::retry, "stopped");
    request.url = urls_[current_] + std::string(path);
    auto answer = send_to_current(request);
    if (answer && !(is_of_gateway(answer->status) && tried + 1 < urls_.size())) {
      note_clock(*answer);
      return answer;
    }
    if (!answer && (answer.error().kind == ErrorKind::reject || urls_.size() == 1)) return answer;
    if (!problems.empty()) problems += "; ";
    problems +=
        answer ? fmt::format("{}: HTTP {}", request.url, answer->status) : answer.error().message;
    current_ = (current_ + 1) % urls_.size();
  }
  return fail(ErrorKind::retry, problems);
}

Result<HttpAnswer> CurlUploader::send_to_current(const CurlSession::Request& request) {
  auto answer = session_.perform(request);
  if (answer || !session_.refused_for_time()) return answer;
  if (!clock_is_wrong()) {
    return fail(ErrorKind::retry,
                request.url +
                    ": the server's certificate is not good at this time, and this host's clock is "
                    "right or cannot be compared: restart the collector, which renews it");
  }
  return session_.perform(request);
}

// Asks for the time only. The CA, the names and our own certificate are checked as ever, and what
// frees a body is a receipt by the log's key, never the connection.
bool CurlUploader::clock_is_wrong() {
  session_.check_times(false);
  const auto answer = session_.perform({.url = urls_[current_] + std::string(time_path)});
  const bool wrong = answer && answer->clock_offset &&
                     std::chrono::abs(*answer->clock_offset) > clock_wrong_beyond;
  if (wrong) note_clock(*answer);
  if (!wrong) session_.check_times(true);
  return wrong;
}

void CurlUploader::note_clock(const HttpAnswer& answer) {
  if (!answer.clock_offset) return;
  clock_offset_ = answer.clock_offset;
  if (std::chrono::abs(*clock_offset_) <= clock_wrong_beyond) session_.check_times(true);
}

}  // namespace yunjian::agent
