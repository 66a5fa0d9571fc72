#pragma once

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "auditor/findings.h"
#include "ledger/leaves.h"
#include "ledger/list_leaves.h"
#include "ledger/note.h"

namespace yunjian::auditor {

// A roster is logged soon after its lines were made; one that names an older tree is refused.
inline constexpr std::uint64_t roster_lag_max = 1U << 16;
inline constexpr std::chrono::seconds roster_silent_after{180};
inline constexpr std::chrono::hours roster_gap_max{2};
// A collector whose clock ran ahead and was set right signs an earlier time once; by no more than
// this. An enrolment bears the time of its reservation, which may wait for its host.
inline constexpr std::chrono::hours log_time_back_max{1};
inline constexpr std::chrono::days reservation_waits_max{31};

// The log's own words, held against its leaves: rosters (nobody left out, nobody called live who
// was not heard), retirements, endorsements, and the times it signs, which do not go back. Fed in
// the order of the log; one thread.
class AgentBook {
 public:
  AgentBook(const ledger::Verifier& log, std::vector<ledger::Verifier> authorities,
            Findings& findings)
      : log_(log), authorities_(std::move(authorities)), findings_(&findings) {}

  void enrolled(std::uint64_t leaf, const ledger::Hash& leaf_hash,
                const ledger::Enrolment& enrolment);
  struct Header {
    std::string agent;
    std::uint64_t incarnation = 1;
    std::uint64_t batch = 0;
    ledger::Hash leaf_hash{};
  };
  void sealed(std::uint64_t leaf, const Header& header);
  // A batch of the collector's own stream: while the collector runs, a roster comes each hour.
  void own_sealed(std::uint64_t leaf, const ledger::BatchHeader& header);
  void retirement(std::uint64_t leaf, std::string_view text);
  void endorsement(std::uint64_t leaf, std::string_view note);
  // The text of the successor leaf in base64, kept with the rest; empty: there is none.
  void succeed(std::string successor) { successor_ = std::move(successor); }
  const std::string& successor() const { return successor_; }
  // `lines` have the root that the roster names.
  void roster(std::uint64_t leaf, const ledger::Roster& roster, std::string_view lines);
  // The log's key signed this time at this leaf: of a purge, a report, a fork; the others call it.
  void signed_at(std::uint64_t leaf, ledger::Time time);
  // The latest time it signed so far: whatever comes behind came in no earlier than that, but for
  // log_time_back_max.
  ledger::Time log_time() const { return log_time_.value_or(ledger::Time{}); }
  void finish();

  bool is_endorsed(std::uint64_t enrolment_leaf) const {
    return endorsed_.contains(enrolment_leaf);
  }
  const std::string& own_agent() const { return own_agent_; }

  struct Counts {
    std::uint64_t rosters = 0;
    std::uint64_t roster_lines = 0;
    std::uint64_t retirements = 0;
    std::uint64_t endorsements = 0;  // by an authority that is known here
  };
  const Counts& counts() const { return counts_; }

  // For a state file, and back. False: not what save() writes.
  std::string save() const;
  bool load(std::string_view text);

 private:
  struct Position {  // of an agent in its stream
    std::uint64_t incarnation = 1;
    std::uint64_t batches = 0;
    auto operator<=>(const Position&) const = default;
  };
  struct InRoster {
    ledger::Time time{};
    Position at;
    bool live = true;
  };
  struct Agent {
    std::string unit;
    std::string host;
    Position at;
    ledger::Hash head{};
    std::uint64_t enrolled_leaf = 0;  // since when it must be in every roster
    std::optional<std::uint64_t> retired_leaf;
    std::optional<InRoster> told;  // by the newest roster that names it
    std::optional<ledger::Time> silent_since;
  };
  struct Moved {  // what a leaf changed, to look back a little
    std::uint64_t leaf;
    std::string agent;
    Position before;
  };

  bool load_line(std::string_view line);
  void found(FindingKind kind, std::uint64_t leaf, std::string zh, std::string en);
  void enrolled_at(std::uint64_t leaf, ledger::Time time);
  void tell_back(FindingKind kind, std::uint64_t leaf, ledger::Time time);
  void remember(std::uint64_t leaf, const std::string& agent, const Position& before);
  std::map<std::string, Position> positions_since(std::uint64_t size) const;
  void roster_line(std::uint64_t leaf, const ledger::Roster& roster,
                   const ledger::RosterLine& line);
  void check_live(std::uint64_t leaf, ledger::Time time, const Position& at,
                  const ledger::RosterLine& line);
  void end_silence(std::uint64_t leaf, const std::string& id, Agent& agent, ledger::Time until);

  ledger::Verifier log_;
  std::vector<ledger::Verifier> authorities_;
  Findings* findings_;
  std::map<std::string, Agent, std::less<>> agents_;
  std::map<std::uint64_t, ledger::Hash> enrolments_;  // leaf -> its hash
  std::set<std::uint64_t> endorsed_;
  std::deque<Moved> moved_;
  std::map<std::string, Position> at_size_;  // while a roster is checked
  std::string own_agent_;
  std::string successor_;
  std::optional<ledger::Time> own_start_;
  std::optional<ledger::Time> last_all_;
  std::optional<std::uint64_t> last_roster_;  // its leaf
  std::optional<ledger::Time> log_time_;
  bool gap_told_ = false;
  Counts counts_;
};

}  // namespace yunjian::auditor
