#pragma once

#include <memory>
#include <string>
#include <vector>

#include "agent/sources/source.h"
#include "agent/sources/start_point.h"

namespace yunjian::agent {

struct JournalOptions {
  std::string directory;           // of journal files, or of such directories
  std::vector<std::string> files;  // exactly these files instead
  FileStart start = FileStart::beginning;
  std::vector<std::string> units;                  // fnmatch(3) patterns; empty: all
  std::vector<std::string> exclude_units;          // likewise, of what is left out
  std::uint64_t severity_max = 7;                  // less severe ones are left out
  std::string own_unit = "yunjian-agent.service";  // its messages are left out
};

// Hands over the entries of the systemd journal, in its order, one record each: of the host's own
// journal when the options name neither directory nor files.
//
// The position is the cursor of the last entry. Entries that came by way of the kernel's audit are
// left to the source that reads audit whole; the agent's own are left out, or each seal would cause
// the next. A cursor that is gone (vacuumed journal), an entry that cannot be read, and what
// journald itself says it threw away become gap records, and so does a file whose beginning is
// damaged: once in a run, the other files are read. Where there is no journal yet, one is
// looked for every 10 s.
//
// Null when the agent was built without libsystemd.
std::unique_ptr<Source> make_journal(JournalOptions options);

}  // namespace yunjian::agent
