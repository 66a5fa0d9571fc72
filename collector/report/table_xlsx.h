#pragma once

#include <span>
#include <string>

#include "collector/report/document.h"
#include "collector/report/month_types.h"
#include "ledger/base/file_system.h"

namespace yunjian::collector {

// Writes the table as a workbook: 云资源利用情况表 (the rows), 判定说明 (why, in both languages),
// 记录来源 (the records each row was folded from), 口径说明 (what every column means), and a sheet
// for each chart that has something to show. Dated by table.as_of only, so the same table gives the
// same bytes. `path` is of the real file system; the old or the new file is there, whole.
ledger::Result<void> write_utilization_xlsx(ledger::FileSystem& files, const std::string& path,
                                            const UtilizationTable& table,
                                            std::span<const Chart> charts = {});

// utilization.json and utilization.xlsx in `directory`, which is made when it is missing.
ledger::Result<void> write_utilization_report(ledger::FileSystem& files,
                                              const std::string& directory,
                                              const UtilizationTable& table,
                                              std::span<const Chart> charts = {});

}  // namespace yunjian::collector
