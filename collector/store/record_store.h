#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "collector/store/deriver.h"
#include "collector/store/filter.h"
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
  ledger::Time received{};  // commit of the body, also when that came behind its header
  std::string_view line;    // exact bytes
  std::span<const DerivedField> derived;
};

// The last word about a record. Null record: the line is not JSON.
using RecordTest = std::function<bool(const ledger::ParsedRecord*, const StoredRecord&)>;

// any: as it comes, several at once where that is faster; no limits and no cursor.
enum class Order { oldest_first, newest_first, any };

// Which records a question is about.
struct Selection {
  std::vector<Lane> lanes;  // empty = all
  ledger::Time from{};      // from <= time < to
  ledger::Time to{};
  ledger::Time received_from{};                            // committed then or later
  std::optional<ledger::Time> received_to = std::nullopt;  // and before
  Filter filter;
  RecordTest matches;  // asked of what the filter lets through; empty: all of it matches
  const std::atomic<bool>* cancelled = nullptr;
  // Damage is counted in the answer instead of being its error.
  bool skip_damaged = false;
};

struct ScanQuery : Selection {
  Order order = Order::newest_first;
  std::optional<RecordKey> after;  // go on behind this key, in `order`
  std::size_t limit = 100;
  std::uint64_t bytes_max = 32U << 20;  // of visited lines: stops like `limit`, after at least one
};

struct ScanStats {
  std::uint64_t batches = 0;  // decoded, or blocks of them
  std::uint64_t records = 0;  // looked at
  std::uint64_t bytes = 0;    // of their lines
  std::uint64_t damaged = 0;  // pieces that might hold matches and cannot be read
  bool complete = true;       // false: `limit` or `bytes_max` was reached, there may be more
};

// Counts by time and by the value of a field, or by where a record came from.
enum class CountBy { field, host, unit, stream };
struct AggregateQuery : Selection {
  std::chrono::microseconds step{0};  // width of a time step, beginning at 1970; 0: one step
  CountBy by = CountBy::field;        // otherwise `field` is not looked at
  std::string field;                  // of the record or derived; empty: one value, ""
  std::size_t groups_max = 100'000;
};
struct AggregateGroup {
  ledger::Time step{};               // where it begins; 1970 when there is only one
  std::optional<std::string> value;  // absent: records without the field
  auto operator<=>(const AggregateGroup&) const = default;
};
struct Aggregate {
  std::map<AggregateGroup, std::uint64_t> counts;
  std::map<std::string, std::uint64_t, std::less<>> units;  // all that matches, by whose it is
  ScanStats stats;  // complete = false: `groups_max` was reached, some groups are not there
  void merge(Aggregate&& other);  // of other records
};

// What a UTC day of commit holds of a lane. Records are never changed: where both numbers are what
// they were, the records are.
struct StoredDay {
  std::uint64_t records = 0;
  std::uint64_t bytes = 0;  // of their lines
  ledger::Time time_min{};  // of the records
  ledger::Time time_max{};
  bool waits = false;  // some of it is not filed yet, and not counted
};

// A record with nothing borrowed.
struct OwnedRecord {
  RecordKey key;
  std::string host;
  std::string unit;
  ledger::Time received{};
  std::string line;
  std::vector<DerivedField> derived;
};

// What search stands on; below WAL and log, so that another store can take its place. Any thread.
// What was committed before a call is seen by it, filed or not.
class RecordStore {
 public:
  virtual ~RecordStore() = default;
  // Calls `visit` in order for each match, at most `limit` times; never twice at once, from
  // whatever thread. Errors: retry (cancelled), corrupt.
  virtual ledger::Result<ScanStats> scan(const Scope& scope, const ScanQuery& query,
                                         const std::function<void(const StoredRecord&)>& visit) = 0;
  // One record; reject when absent or outside the scope (the same answer).
  virtual ledger::Result<OwnedRecord> record(const Scope& scope, std::string_view stream,
                                             std::uint64_t number) = 0;
  // How many records match, by group. Errors as scan().
  virtual ledger::Result<Aggregate> aggregate(const Scope& scope, const AggregateQuery& query) = 0;
  // The days on which records of that lane were committed, by day since 1970; from counts, without
  // reading a record.
  virtual ledger::Result<std::map<std::uint64_t, StoredDay>> days(Lane lane) = 0;
  // The exact lines of a batch, joined by LF; reject when absent, hollow or outside the scope.
  virtual ledger::Result<std::string> lines(const Scope& scope, std::string_view stream,
                                            std::uint64_t batch) = 0;
};

}  // namespace yunjian::collector
