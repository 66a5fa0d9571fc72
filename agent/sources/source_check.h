#pragma once

#include <string>
#include <vector>

namespace yunjian::agent {

// What a look at a source found, before any agent runs: for people.
struct SourceFinding {
  std::string text;
  bool readable = true;  // false: something is there, and this user cannot read it
};

// The files that the patterns match now, how much is in them and which cannot be opened.
std::vector<SourceFinding> check_files(const std::vector<std::string>& patterns,
                                       const std::vector<std::string>& excludes);

// The journal files of the host, or those below `directory` when it is not empty.
std::vector<SourceFinding> check_journal(const std::string& directory);

// A unix socket that another program listens at, as auditd's af_unix plugin does.
SourceFinding check_socket(const std::string& path, const std::string& when_absent);

// One file that may be absent, e.g. the log of auditd.
SourceFinding check_file(const std::string& path, const std::string& when_absent);

}  // namespace yunjian::agent
