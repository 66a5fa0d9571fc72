#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "collector/backup_writer.h"
#include "collector/collector.h"
#include "collector/store/store_repair.h"

namespace yunjian::collector {

// What the commands that look after the files work with: `backup` and `verify --repair`. They run
// outside `serve`, as the owner of the data.
struct UpkeepTools {
  const OwnStream::Tools& system;
  const CollectorConfig& config;
  std::function<ledger::Result<std::unique_ptr<Collector>>()> open;  // the data, nobody serves
  std::function<void(std::string_view)> say;                         // a line for the operator
};

// Asks whoever serves for what is to be copied, or opens the data itself when nobody does.
ledger::Result<BackupWriter::Summary> back_up(const UpkeepTools& tools,
                                              const AdminRequest& request);

// Mends the files while nobody has them open (`from` of the request: a backup that files may be
// taken from), then opens the log, which compares all that was signed, and records the repair.
// Retry: a collector has the directory open. Reject: the copy is of another log.
ledger::Result<StoreRepair::Report> repair_store(const UpkeepTools& tools,
                                                 const AdminRequest& request);

// What was done, in a line.
std::string told(const BackupWriter::Summary& done);
std::string told(const StoreRepair::Report& done);

}  // namespace yunjian::collector
