#pragma once

#include <cstdint>
#include <string>

#include "ledger/base/result.h"

namespace yunjian::ledger {

struct DiskSpace {
  std::uint64_t bytes = 0;
  std::uint64_t free_bytes = 0;  // for a process that is not root
};

// Of the file system that `path` lies on.
Result<DiskSpace> read_disk_space(const std::string& path);

}  // namespace yunjian::ledger
