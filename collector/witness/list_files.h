#pragma once

#include <string>

#include "ledger/base/file_system.h"
#include "ledger/list_leaves.h"

namespace yunjian::collector {

// The lines of rosters and purges, in <data>/lists/<root as hex>. A list is durable before the leaf
// that names its root; what a crash leaves without a leaf harms nobody. Any thread.
class ListFiles {
 public:
  ListFiles(ledger::FileSystem& files, std::string directory)
      : files_(files), directory_(std::move(directory)) {}

  // Durable on return. `lines` are sorted, each ended by \n. Reject: they are not.
  ledger::Result<ledger::ListHead> keep(std::string_view lines, const ledger::Suite& suite);
  // Reject: there is no such list. Corrupt: the file has another root.
  ledger::Result<std::string> read(const ledger::ListHead& head, const ledger::Suite& suite) const;

 private:
  ledger::FileSystem& files_;
  const std::string directory_;
};

}  // namespace yunjian::collector
