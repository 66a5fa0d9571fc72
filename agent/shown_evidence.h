#pragma once

#include <string>
#include <vector>

#include "agent/ship/answers.h"
#include "ledger/base/clock.h"
#include "ledger/base/file_system.h"

namespace yunjian::agent {

// Files of contradictions that are kept: the first ones say most, and a collector that shows a new
// one with each answer must not fill the disk.
inline constexpr std::size_t alarm_files_max = 16;

// What proves that this agent was shown a log that went back or has two histories: a file for
// people, `<state>/alarms/<day>-<kind>-<hash>`, and `checkpoint` records that carry both notes to
// whoever verifies the log. Of kind `split-view` (yunjian/split-view/v1, which `yunjian-audit
// verify
// --alarm` proves with the log's key alone) or `roll-back` (both notes). One thread.
class ShownEvidence {
 public:
  ShownEvidence(ledger::FileSystem& files, std::string directory)
      : files_(&files), directory_(std::move(directory)) {}

  struct Kept {
    std::string path;                  // empty: known already, or enough are kept
    std::vector<std::string> records;  // to be sealed; none when the path is empty
  };
  // Durable on return. Full: there was no room for the file.
  ledger::Result<Kept> keep(const Contradiction& contradiction, ledger::Time now);

 private:
  ledger::FileSystem* files_;
  std::string directory_;
};

}  // namespace yunjian::agent
