#include "collector/api/repeats.h"

#include <fmt/format.h>

#include <algorithm>

#include "collector/api/context.h"
#include "ledger/base/bytes.h"
#include "ledger/suite.h"

namespace yunjian::collector {

namespace {

std::string fingerprint(const Request& request) {
  std::string all = request.method + "\n" + request.path + "\n";
  for (const auto& [name, value] : request.query) all += fmt::format("{}={}\n", name, value);
  all += request.body;
  return ledger::to_hex(ledger::as_view(ledger::sha256(all)));
}

bool is_good_key(std::string_view key) {
  return key.size() <= idempotency_key_bytes_max &&
         std::ranges::all_of(key, [](char c) { return c >= 0x20 && c < 0x7f; });
}

}  // namespace

Outcome<Response> Repeats::once(const Call& call,
                                const std::function<Outcome<Response>()>& change) {
  const std::string key(call.request.header("idempotency-key"));
  if (key.empty()) return change();
  if (!is_good_key(key)) {
    return bad_request(fmt::format("The header Idempotency-Key holds 1 to {} visible characters.",
                                   idempotency_key_bytes_max));
  }
  const std::string name = call.credential.id + " " + key;
  {
    const std::lock_guard lock(mutex_);
    if (!running_.insert(name).second) {
      return refuse(409, "in-flight", "The first request is still being answered",
                    "A request with this Idempotency-Key is running; ask again later.");
    }
  }
  auto answer = repeat_or_change(call, {.credential = call.credential.id, .key = key}, change);
  const std::lock_guard lock(mutex_);
  running_.erase(name);
  return answer;
}

Outcome<Response> Repeats::repeat_or_change(const Call& call, const RepeatedKey& key,
                                            const std::function<Outcome<Response>()>& change) {
  auto known = catalog_.repeated_answer(key);
  if (!known) return storage_problem(known.error());
  const std::string sha256 = fingerprint(call.request);
  if (*known) {
    if ((*known)->request_sha256 != sha256) {
      return refuse(422, "key-used", "The Idempotency-Key belongs to another request",
                    "Take a new key for each new request.");
    }
    Response response;
    response.status = (*known)->status;
    response.body = (*known)->body;
    return response;
  }
  auto answer = change();
  if (!answer || answer->source) return answer;
  auto kept = catalog_.keep_answer(
      key, {.request_sha256 = sha256, .status = answer->status, .body = answer->body},
      clock_.wall());
  // What was asked for is done and sealed; that it can be repeated is not worth an error.
  static_cast<void>(kept);
  return answer;
}

}  // namespace yunjian::collector
