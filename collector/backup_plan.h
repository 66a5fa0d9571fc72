#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "collector/admin_protocol.h"
#include "ledger/base/result.h"

namespace yunjian::collector {

// What makes up a copy of the data directory as it was at one moment; whoever holds the directory
// makes it (`backup begin`) and keeps the files where they are until `backup end`. Paths are
// relative to the directory. What is not named here (keys, certificates, lists) is replaced as a
// whole when it changes and can be copied at any time.
struct BackupPlan {
  std::map<std::string, std::string> contents;  // path -> bytes
  std::vector<std::string> files;               // immutable
  std::string last_segment;                     // of the WAL: its first bytes count
  std::uint64_t last_segment_bytes = 0;
  std::string catalog;  // a copy of the catalog that is the backup's own
  std::uint64_t leaves = 0;
};

// As an answer through the admin socket; both ends are of one version.
AdminAnswer to_answer(BackupPlan plan);
ledger::Result<BackupPlan> read_backup_plan(AdminAnswer answer);

}  // namespace yunjian::collector
