#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>

#include "collector/store/evidence_log.h"
#include "collector/witness/list_files.h"

namespace yunjian::collector {

inline constexpr std::chrono::seconds agent_silent_after{180};
inline constexpr std::chrono::seconds roster_interval{3600};       // over all agents
inline constexpr std::chrono::seconds roster_change_interval{60};  // over those that changed

// Says in the log which agents are heard and which are silent, so that nobody can fall silent, or
// be left out later, unnoticed. Over all agents when it starts and each hour, in between over those
// that changed. One thread.
class RosterKeeper {
 public:
  RosterKeeper(EvidenceLog& log, ListFiles& lists, ledger::Clock& clock)
      : log_(log), lists_(lists), clock_(clock) {}

  // Call it about once a second. The roster's leaf when one was made.
  struct Made {
    std::uint64_t leaf = 0;
    bool all = false;
    std::uint64_t agents = 0;
    std::uint64_t silent = 0;
    std::vector<std::string> fell_silent;  // agents that were live in the roster before
  };
  ledger::Result<std::optional<Made>> step();

 private:
  using Agents = std::map<std::string, ledger::RosterLine>;
  Agents agents(ledger::Time now) const;
  ledger::Result<Made> write(const Agents& now, const Agents& lines, ledger::Roster roster);

  EvidenceLog& log_;
  ListFiles& lists_;
  ledger::Clock& clock_;
  Agents last_;  // as the rosters so far tell
  std::optional<ledger::Time> last_all_;
  std::optional<ledger::Time> looked_;
};

}  // namespace yunjian::collector
