#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "collector/report/day_fold.h"
#include "ledger/base/clock.h"
#include "ledger/base/file_system.h"
#include "rules/month/utilization_table.h"

namespace yunjian::collector {

// What usage_hour records came on one UTC day, folded host by host; found by host.
class FoldedDay {
 public:
  struct Place {
    std::string unit;
    std::uint64_t offset = 0;  // of the host's frame in the file; 0: it is irregular
    std::string packed;        // when there is no file
  };
  std::multimap<std::string, Place, std::less<>> hosts;
  std::unique_ptr<ledger::File> file;
  std::uint64_t number = 0;  // of the day, since 1970

  // Adds what it has of the host within the scope. False: only the records themselves tell.
  ledger::Result<bool> add(const std::string& host, const Scope& scope, rules::Month month,
                           StreamRuns& streams) const;
};

// The folded days that may hold records of one month. One thread.
class FoldedMonth {
 public:
  explicit FoldedMonth(rules::Month month) : month_(month) {}
  void add(FoldedDay day) { days_.push_back(std::move(day)); }

  // The same as to fold the host's records one by one; nothing when that must be done, because
  // some are irregular or came in another order than they were sealed in.
  ledger::Result<std::optional<rules::FoldedHost>> fold(const std::string& host, const Scope& scope,
                                                        const rules::FoldWindow& window,
                                                        const rules::Calendar& calendar) const;

 private:
  rules::Month month_;
  std::vector<FoldedDay> days_;
};

// Hours folded by day, so that a month is made of its days and not of 744 records a host.
//
// Life of a day: it is over and all of it is filed → its records are folded, some thousand hosts at
// a time, into `<day>.new` → that is durable and becomes `<day>` → it counts as long as the store
// says that the day holds as many records and bytes as then (a purge or a repair lets it be made
// anew) → it goes when two months are over. Derived: a file that is not there or not whole is made
// again. Any thread; one at a time makes files.
class HourFolds {
 public:
  struct Parts {
    RecordStore& records;
    ledger::FileSystem& files;
    const ledger::Clock& clock;
    std::string directory;
    // All hosts of all streams, those of a unit together.
    std::function<std::vector<std::string>()> hosts;
  };
  explicit HourFolds(Parts parts) : parts_(std::move(parts)) {}

  // Folds one day since the beginning of the month before that is over and not folded. False: there
  // is none. Retry: cancelled.
  ledger::Result<bool> step(const std::atomic<bool>* cancelled);

  // The month's days, those folded now that are not yet. Errors: those of the store; retry:
  // cancelled.
  ledger::Result<FoldedMonth> month(rules::Month month, const std::atomic<bool>* cancelled);

 private:
  struct Making;
  std::string path_of(std::uint64_t day) const;
  // Of the file; nothing when it is not there, not whole, or of other records.
  std::optional<FoldedDay> read(std::uint64_t day, const StoredDay& stored) const;
  bool is_folded(std::uint64_t day, const StoredDay& stored) const;  // by the file's end
  ledger::Result<FoldedDay> in_memory(std::uint64_t day, const std::atomic<bool>* cancelled) const;
  ledger::Result<void> write(std::uint64_t day, const StoredDay& stored,
                             const std::atomic<bool>* cancelled) const;
  using Take = std::function<ledger::Result<void>(const DayFold::Hosts&)>;
  ledger::Result<void> fold(std::uint64_t day, const std::atomic<bool>* cancelled,
                            const Take& take) const;
  ledger::Result<void> drop_old() const;

  const Parts parts_;
  std::mutex making_;
};

}  // namespace yunjian::collector
