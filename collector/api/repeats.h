#pragma once

#include <functional>
#include <mutex>
#include <set>
#include <string>

#include "collector/api/outcome.h"
#include "collector/catalog/catalog.h"

namespace yunjian::collector {

struct Call;

inline constexpr std::size_t idempotency_key_bytes_max = 128;

// Lets a request that changes something be sent again: with the header `Idempotency-Key` it is done
// once, and who repeats it within a day gets the first answer again. Any thread.
class Repeats {
 public:
  Repeats(Catalog& catalog, const ledger::Clock& clock) : catalog_(catalog), clock_(clock) {}

  // Without the header: just `change()`. Refuses a key that came with another request (422) or
  // whose request is still being answered (409). Only good answers are kept.
  Outcome<Response> once(const Call& call, const std::function<Outcome<Response>()>& change);

 private:
  Outcome<Response> repeat_or_change(const Call& call, const RepeatedKey& key,
                                     const std::function<Outcome<Response>()>& change);

  Catalog& catalog_;
  const ledger::Clock& clock_;
  std::mutex mutex_;  // protects running_
  std::set<std::string> running_;
};

}  // namespace yunjian::collector
