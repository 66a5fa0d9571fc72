#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "collector/store/evidence_log.h"

namespace yunjian::collector {

inline constexpr std::size_t candidates_max = 64;              // checkpoints that gather signatures
inline constexpr std::chrono::seconds candidate_interval{60};  // a new one at most so often

// Which witnesses this log asks for, and how many of them make a checkpoint *witnessed*.
struct WitnessPolicy {
  std::vector<ledger::Verifier> witnesses;
  std::size_t quorum = 1;
};

// Checkpoints and who cosigned them. All witnesses are given the same *candidate* for a while:
// a busy log publishes many checkpoints a second, and signatures on different ones do not add up.
// A checkpoint that enough witnesses cosigned is kept in <data>/witnessed/newest and, once a day,
// in <data>/witnessed/<day>. Any thread.
class Cosignatures {
 public:
  struct Tools {
    ledger::FileSystem& files;
    ledger::Clock& clock;
    std::string directory;  // <data>/witnessed
  };
  // Reads what is kept. Corrupt: it is damaged or of another log.
  static ledger::Result<std::unique_ptr<Cosignatures>> open(const EvidenceLog& log, Tools tools,
                                                            WitnessPolicy policy);

  // What witnesses should sign now.
  std::string candidate();
  // Takes a checkpoint note of this log with cosignatures of known witnesses. The answer tells
  // where things stand; a witnessed checkpoint is durable on return. Reject: nothing in it counts;
  // the text says why. Corrupt: the log's own key signed a tree that is not this log's: two
  // histories.
  struct Standing {
    std::uint64_t size = 0;        // of the checkpoint in question
    std::size_t cosignatures = 0;  // on it, by known witnesses
    std::uint64_t witnessed = 0;   // size of the newest witnessed checkpoint
  };
  ledger::Result<Standing> add(std::string_view note);

  std::string witnessed() const;  // the newest witnessed note with its cosignatures; "" before
  const WitnessPolicy& policy() const { return policy_; }
  struct Counts {
    std::uint64_t taken = 0;
    std::uint64_t refused = 0;
    std::uint64_t witnessed_size = 0;
    ledger::Time witnessed_at{};
  };
  Counts counts() const;

 private:
  struct Gathered {
    std::string text;
    ledger::SignatureLine by_log;
    std::map<std::size_t, ledger::SignatureLine> by_witness;  // by place in the policy
    std::string note() const;
  };

  Cosignatures(const EvidenceLog& log, Tools tools, WitnessPolicy policy);
  ledger::Result<void> is_of_this_log(const ledger::TreeHead& tree) const;
  ledger::Result<std::map<std::size_t, ledger::SignatureLine>> known_lines(
      const ledger::Note& note) const;
  ledger::Result<void> keep(const Gathered& gathered, std::uint64_t size);
  ledger::Result<Standing> merge(Gathered fresh, const ledger::TreeHead& tree);

  const EvidenceLog& log_;
  const Tools tools_;
  const WitnessPolicy policy_;

  mutable std::mutex mutex_;                     // protects all below
  std::map<std::uint64_t, Gathered> gathering_;  // by tree size
  std::string candidate_;
  std::chrono::milliseconds candidate_at_{};  // by boot time
  std::string witnessed_;
  Counts counts_;
};

// Seconds in a cosignature; absent when the line is not one.
std::optional<std::uint64_t> cosigned_at(const ledger::SignatureLine& line);

}  // namespace yunjian::collector
