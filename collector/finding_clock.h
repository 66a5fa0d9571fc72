#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <string>

#include "collector/catalog/catalog.h"
#include "collector/store/own_stream.h"
#include "rules/findings/finding.h"

namespace yunjian::collector {

// Findings whose next step is late, by whose step it is; `undated`: a clock runs, but the calendar
// does not know the days yet.
struct LateFindings {
  std::uint64_t provider = 0;
  std::uint64_t authority = 0;
  std::uint64_t unit = 0;
  std::uint64_t undated = 0;

  std::uint64_t all() const { return provider + authority + unit; }
};

// Looks after the deadlines of findings that are not closed, so that silence becomes known and
// never more than that: gives a date to a clock that has none as soon as the calendar knows it
// (act `set_due`), lets unanswered ones expire, counts every other step that is late, and raises
// one alarm (`findings-late`) a day while there are any. One thread.
class FindingClock {
 public:
  struct Parts {
    Catalog& catalog;
    OwnStream& own;
    std::mutex& acts;  // held while the catalog and the own stream are changed together
  };
  explicit FindingClock(Parts parts) : parts_(parts) {}

  struct Looked {
    LateFindings late;
    std::size_t expired = 0;
  };
  ledger::Result<Looked> look(ledger::Time now);

 private:
  ledger::Result<void> look_at(Finding finding, const rules::Calendar& calendar, Looked& looked);
  ledger::Result<void> step(const Finding& finding, std::string_view act);
  ledger::Result<void> warn(const LateFindings& late);

  const Parts parts_;
  ledger::Time now_{};
  std::optional<rules::Date> warned_;
};

}  // namespace yunjian::collector
