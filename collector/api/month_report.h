#pragma once

#include <atomic>
#include <span>

#include "collector/api/context.h"
#include "collector/report/document.h"
#include "collector/report/hour_folds.h"
#include "collector/report/month_types.h"

namespace yunjian::collector {

// What a month's table is made from.
struct MonthSources {
  const Catalog* catalog = nullptr;
  const EvidenceLog* log = nullptr;
  RecordStore* records = nullptr;
  const ledger::Clock* clock = nullptr;
  HourFolds* folds = nullptr;                    // null: every record is read
  const std::atomic<bool>* cancelled = nullptr;  // then: retry
};

// 云资源利用情况表 of the hosts in `scope` that were enrolled in the month, from their sealed
// usage_hour records. Reject: the month has not begun.
ledger::Result<UtilizationTable> month_table(const MonthSources& sources, const Scope& scope,
                                             rules::Month month);

// The same from an inventory that was read before, so that nobody changes it meanwhile. Its hosts
// and units are those of the scope.
ledger::Result<UtilizationTable> month_table(const MonthSources& sources,
                                             const rules::Inventory& inventory, const Scope& scope,
                                             rules::Month month);

// The table as a workbook's bytes, the charts on sheets of their own. `scratch`: directory where it
// is made; made when missing.
ledger::Result<std::string> utilization_workbook(ledger::FileSystem& files,
                                                 const std::string& scratch,
                                                 const UtilizationTable& table,
                                                 std::span<const Chart> charts);

}  // namespace yunjian::collector
