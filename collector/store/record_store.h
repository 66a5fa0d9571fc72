#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "collector/store/line_glance.h"
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

enum class Order { oldest_first, newest_first };

struct ScanQuery {
  std::vector<Lane> lanes;  // empty = all
  ledger::Time from{};      // from <= time < to
  ledger::Time to{};
  std::optional<std::string> host;
  // Null record: the line is not JSON. Empty function: every record matches.
  std::function<bool(const ledger::ParsedRecord*, const StoredRecord&)> matches;
  Order order = Order::newest_first;
  std::optional<RecordKey> after;  // go on behind this key, in `order`
  std::size_t limit = 100;
  std::uint64_t bytes_max = 32U << 20;  // of visited lines: stops like `limit`, after at least one
  const std::atomic<bool>* cancelled = nullptr;
};

struct ScanStats {
  std::uint64_t batches = 0;  // decoded
  std::uint64_t records = 0;  // looked at
  std::uint64_t bytes = 0;    // of their lines
  bool complete = true;       // false: `limit` or `bytes_max` was reached, there may be more
};

// A record with nothing borrowed.
struct OwnedRecord {
  RecordKey key;
  std::string host;
  std::string unit;
  ledger::Time received{};
  std::string line;
};

// What search stands on; below WAL and log, so that another store can take its place. Any thread.
class RecordStore {
 public:
  virtual ~RecordStore() = default;
  // Calls `visit` in order for each match, at most `limit` times. Errors: retry (cancelled),
  // corrupt.
  virtual ledger::Result<ScanStats> scan(const Scope& scope, const ScanQuery& query,
                                         const std::function<void(const StoredRecord&)>& visit) = 0;
  // One record; reject when absent or outside the scope (the same answer).
  virtual ledger::Result<OwnedRecord> record(const Scope& scope, std::string_view stream,
                                             std::uint64_t number) = 0;
};

}  // namespace yunjian::collector
