#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "collector/store/evidence_log.h"
#include "collector/verify/examine.h"

namespace yunjian::collector {

// The answers to one post while they come about: each frame is judged against where its stream
// stands behind the frames before it. Lives while the locks of its streams are held. One thread.
class Judgement {
 public:
  Judgement(const EvidenceLog& log, ledger::Time now) : log_(log), now_(now) {}

  // Adds the answer to one frame of an enrolled stream; errors are those of reading the log.
  ledger::Result<void> judge(const ExaminedFrame& frame);
  // The first frame of an inherited stream, which was found to be the one that the next
  // incarnation's enrolment leads back to.
  ledger::Result<void> judge_beginning(const ExaminedFrame& frame);
  // A frame that was refused before any stream was locked.
  void refuse(const ExaminedFrame& frame);

  std::vector<Entry> take_entries() { return std::move(entries_); }
  // Puts the receipts in, when the entries are committed (or there were none).
  ledger::Result<std::vector<ledger::Answer>> finish(const Committed& committed);
  const VerifyCounters& counters() const { return counters_; }

 private:
  // A batch that is in the log, or will be with this post.
  struct Known {
    ledger::Hash leaf_hash{};
    std::string key;  // that signed it
    bool hollow = false;
    std::optional<std::uint64_t> leaf;  // in the log already
    std::optional<std::size_t> entry;   // of this post
  };
  struct Stream {
    StreamState state;                        // behind the frames judged so far
    std::map<std::uint64_t, Known> accepted;  // of this post
    std::set<std::uint64_t> filled;           // batches, by this post
    std::set<ledger::Hash> forks;             // refused headers, of this post
  };
  struct Outcome {
    ledger::Answer answer;
    std::optional<std::uint64_t> leaf;  // whose receipt belongs in
    std::optional<std::size_t> entry;   // the same, by entry of this post
  };

  Stream& stream_of(const std::string& id);
  ledger::Result<Known> known_batch(Stream& stream, const ExaminedFrame& frame) const;
  ledger::Result<std::string> key_for(const Stream& stream, const ExaminedFrame& frame) const;
  bool is_signed(const Stream& stream, const ExaminedFrame& frame, std::string_view key) const;

  ledger::Result<void> judge_next(Stream& stream, const ExaminedFrame& frame);
  ledger::Result<void> judge_earlier(Stream& stream, const ExaminedFrame& frame);
  void accept(Stream& stream, const ExaminedFrame& frame);
  void repeat(Stream& stream, const ExaminedFrame& frame, const Known& known);
  ledger::Result<void> keep_fork(Stream& stream, const ExaminedFrame& frame,
                                 std::optional<ledger::Hash> accepted);
  void expect(const Stream& stream, const ExaminedFrame& frame);
  void refuse_for(const ExaminedFrame& frame, std::string problem,
                  std::uint64_t VerifyCounters::*cause);
  Outcome& add(const ExaminedFrame& frame, ledger::Verdict verdict);
  void count_body(const ExaminedFrame& frame);

  const EvidenceLog& log_;
  const ledger::Time now_;
  std::map<std::string, Stream> streams_;
  std::vector<Entry> entries_;
  std::vector<Outcome> outcomes_;
  VerifyCounters counters_;
};

}  // namespace yunjian::collector
