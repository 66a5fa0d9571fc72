#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "auditor/agent_book.h"
#include "auditor/evidence.h"
#include "auditor/saved_check.h"
#include "auditor/stream_workers.h"
#include "ledger/note.h"
#include "ledger/successor.h"

namespace yunjian::auditor {

class TileReader;

struct VerifyCounts {
  std::uint64_t leaves = 0;
  std::uint64_t enrolments = 0;
  std::uint64_t unendorsed = 0;
  std::uint64_t forks = 0;
  std::uint64_t other_leaves = 0;
  std::uint64_t streams = 0;
  std::uint64_t cosignatures = 0;       // on the witnessed checkpoint, by keys that were given
  std::uint64_t checkpoints_shown = 0;  // to agents, compared
  std::uint64_t checkpoints_kept = 0;   // by the log itself over the days, compared
  StreamCounts batches;
  AgentBook::Counts book;
};

// One step of the check: what it went through and the time it took (on all threads together).
struct Level {
  std::string_view name;
  std::string_view zh;
  std::string_view en;
  std::uint64_t count = 0;
  std::chrono::duration<double> took{};
  std::string note_zh;  // what the count does not say
  std::string note_en;
};

struct VerifyResult {
  Findings findings;
  VerifyCounts counts;
  std::vector<Level> levels;
  std::uint64_t resumed_at = 0;  // leaves before this one were verified in an earlier run
  std::string checkpoint;  // the note, when it is by the log's key and the leaves have its root
  ledger::TreeHead tree;   // of the checkpoint; size 0 when there is no usable one
  std::map<std::string, DeadEnd> ends;  // where each stream stands
};

struct VerifySettings {
  std::vector<ledger::Verifier> authorities;  // whose endorsements count
  std::vector<ledger::Verifier> witnesses;    // whose cosignatures count; none: not checked
  std::size_t quorum = 1;                     // of them
  unsigned threads = 0;                       // besides the caller's; 0: everything in it
  std::function<void(std::uint64_t done, std::uint64_t all)> progress;
  // Gets what is needed to go on from here, now and then; only while nothing is wrong.
  std::function<void(const SavedCheck&)> save;
  std::optional<SavedCheck> resume;
  // What is known of the dead log that this one goes on for. Reject: another key than the dead
  // log's is named. Called once, at its leaf or when the check resumes.
  std::function<ledger::Result<DeadLog>(const ledger::Verifier& dead)> dead_log;
};

// The whole check of one log, in levels: notes and cosignatures -> log consistency with `pinned` ->
// streams (chain, ratchet, pauses, rosters, endorsements) -> every body -> hours against minutes.
// Trusts only `log` (the key that came out of band), the keys in the settings and `pinned` (what
// the auditor itself saw before). Used once, by one thread.
class LogVerifier : public EvidenceVisitor {
 public:
  LogVerifier(const ledger::Verifier& log, std::optional<ledger::TreeHead> pinned,
              VerifySettings settings = {});
  ~LogVerifier() override;

  // Errors are the machine's or the network's (nothing can be told); what is wrong with the
  // evidence is in the result.
  ledger::Result<VerifyResult> run(Evidence& evidence);

  void leaf(std::string_view bytes, std::optional<std::string_view> body) override;
  void late_body(std::string_view stream, std::uint64_t batch, std::string_view body) override;
  void late_lines(std::string_view stream, std::uint64_t batch, std::string lines) override;
  void found(Finding finding) override;
  bool wants_body(std::string_view leaf) override;

 private:
  void read_checkpoint(Evidence& evidence);
  void read_witnessed(Evidence& evidence);
  void read_history(Evidence& evidence);
  void resume(Evidence& evidence);
  void save();
  void check_roots(const ledger::Hash& leaf_hash);
  void take_leaf(std::string_view bytes, const ledger::Hash& leaf_hash,
                 std::optional<std::string_view> body);
  void enrolment(std::string_view bytes, const ledger::Hash& leaf_hash);
  void batch(std::string_view bytes, const ledger::Hash& leaf_hash,
             std::optional<std::string_view> body);
  void signed_leaf(std::string_view name, std::string_view bytes);
  void fork(std::string_view text);
  void roster(std::string_view text);
  void purge(std::string_view text);
  void successor(std::string_view text);
  void succeed(const ledger::Successor& successor);
  bool check_shown_dead(const ShownCheckpoints::Where& where);
  std::optional<std::string> list(const ledger::ListHead& head);
  void check_sizes();
  void check_shown(Evidence& evidence);
  void check_witnessed_before(TileReader& tiles);
  void check_shown_one(TileReader& tiles, const ShownCheckpoints::Where& where);
  void gather();
  void fill_levels();

  ledger::Verifier log_;
  std::optional<ledger::TreeHead> pinned_;
  VerifySettings settings_;
  std::unique_ptr<ledger::Hasher> hasher_;
  ledger::MerkleFrontier frontier_;
  VerifyResult result_;
  AgentBook book_;  // writes into result_.findings
  StreamWorkers workers_;
  ShownCheckpoints shown_;
  std::optional<ledger::Successor> successor_;
  DeadLog dead_log_;
  std::optional<ledger::TreeHead> witnessed_;
  struct KeptRoot {
    ledger::Hash root;
    std::string place;  // of the note
  };
  std::multimap<std::uint64_t, KeptRoot> history_;  // by tree size
  Evidence* evidence_ = nullptr;                    // during run()
  std::uint64_t leaf_ = 0;                          // that is being checked
  bool root_holds_ = false;
  std::chrono::steady_clock::time_point saved_at_;
  std::chrono::duration<double> notes_took_{};
  std::chrono::duration<double> log_took_{};
  LevelTime streams_took_;
};

}  // namespace yunjian::auditor
