#pragma once

#include <string>
#include <vector>

#include "agent/sources/journal.h"

namespace yunjian::agent {

struct DamagedJournal {
  std::string path;
  std::string problem;  // as the system words it
};

// Of the files that the options name (the host's own when they name none), those whose beginning
// is damaged: libsystemd leaves such a file out of a directory without a word. Files that are
// empty, gone, or closed to this user are no damage.
std::vector<DamagedJournal> damaged_journals(const JournalOptions& options);

}  // namespace yunjian::agent
