#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "collector/store/scope.h"
#include "ledger/base/clock.h"
#include "ledger/record.h"

namespace yunjian::collector {

// Place of a record for ever: order of results within one time, and what cursors hold. Keys, never
// offsets.
struct RecordKey {
  ledger::Time time{};  // of the record (its `time`), or of its commit when it has none
  std::string stream;
  std::uint64_t number = 0;
  auto operator<=>(const RecordKey&) const = default;
};

struct StoredRecord {
  RecordKey key;
  std::string_view host;
  std::string_view unit;
  ledger::Time received{};
  std::string_view line;  // exact bytes
};

enum class Lane { event, usage, hour };  // event holds event, agent and collector records

enum class Order { oldest_first, newest_first };

struct ScanQuery {
  std::vector<Lane> lanes;  // empty = all
  ledger::Time from{};      // from <= time < to
  ledger::Time to{};
  std::optional<std::string> host;
  std::function<bool(const ledger::ParsedRecord*, std::string_view line)>
      matches;  // null record: the line is not JSON; empty = all
  Order order = Order::newest_first;
  std::optional<RecordKey> after;  // go on behind this key, in `order`
  std::size_t limit = 100;
  const std::atomic<bool>* cancelled = nullptr;
};

struct ScanStats {
  std::uint64_t batches = 0;
  std::uint64_t records = 0;
  std::uint64_t bytes = 0;
  bool complete = true;  // false: `limit` was reached, there may be more
};

// What search stands on; below WAL and log, so that another store can take its place. Any thread.
class RecordStore {
 public:
  virtual ~RecordStore() = default;
  // Calls `visit` in order for each match, at most `limit` times. Errors: retry (cancelled,
  // limits), corrupt.
  virtual ledger::Result<ScanStats> scan(const Scope& scope, const ScanQuery& query,
                                         const std::function<void(const StoredRecord&)>& visit) = 0;
  // Exact bytes of one record; reject when absent or outside the scope (the same answer).
  virtual ledger::Result<std::string> line(const Scope& scope, std::string_view stream,
                                           std::uint64_t number) = 0;
};

}  // namespace yunjian::collector
