#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "agent/config.h"
#include "agent/positions.h"
#include "agent/sources/source.h"

namespace yunjian::agent {

// One source as the configuration wants it.
struct SourcePlan {
  std::string label;     // for people and `config` records, e.g. "journal", "file /var/log/app.log"
  std::string settings;  // all that make() depends on: equal settings, equal source
  bool files = false;    // reads files by patterns: its places may move to another such source
  std::function<std::unique_ptr<Source>()> make;  // null when this host or build has no such thing
};

std::vector<SourcePlan> plan_sources(const AgentConfig& config);

// The running sources and the plans they were made from.
class SourceSet {
 public:
  using Sources = std::vector<std::unique_ptr<Source>>;

  // All sources of `plans`, which are kept.
  Sources make(std::vector<SourcePlan> plans);

  struct Change {
    Sources sources;
    std::vector<Source*> fresh;               // of them, those that were not running before
    std::vector<std::string> added, removed;  // labels
  };
  // Turns `running`, which make() or exchange() returned, into the sources of `plans`. What has the
  // same settings goes on untouched. Sources that read files are exchanged all or none, since a
  // file may go from one to another.
  Change exchange(Sources running, std::vector<SourcePlan> plans);

 private:
  std::vector<SourcePlan> plans_;  // one for each running source, in the same order
};

// Gives the place of each followed file to the [[file]] table that wants it now, so that a table
// that was renamed, split or joined goes on where the old one was. Places nobody wants stay under
// "file-left", at most 4096, for the case that the path is configured again.
void regroup_file_positions(Positions& positions, const std::vector<FileConfig>& files);

}  // namespace yunjian::agent
