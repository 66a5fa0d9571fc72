#pragma once

#include <functional>
#include <optional>
#include <string>
#include <variant>

#include "collector/store/entry.h"
#include "ledger/leaves.h"

namespace yunjian::collector {

// What an entry means for streams and index: derived from its bytes alone, so that a live commit
// and a recovery from the WAL go the same way.
struct BatchFacts {
  std::string stream;
  ledger::BatchHeader header;
  ledger::Hash leaf_hash{};
  std::string unit;
  std::string host;
  bool hollow = false;
  ledger::BodySpan span;
  // It is the last header of an inherited stream, which the enrolment that opens the stream
  // `closed_by` names; `endorses`: its key signed that enrolment too.
  std::string closed_by;
  bool endorses = false;
};
struct EnrolmentFacts {
  std::string stream;
  ledger::EnrolmentCheck check;
  ledger::Hash leaf_hash{};
  bool inherited = false;  // of the log that this one goes on for
  std::string awaiting;    // the leaf, when the header that it names as previous may come later
};
struct SuccessorFacts {
  std::string predecessor;  // vkey of the dead log
  ledger::Hash leaf_hash{};
};
struct ForkFacts {
  std::string stream;
  ledger::Hash refused{};  // leaf hash of the refused header
  ledger::Hash leaf_hash{};
};
struct RetirementFacts {
  std::string stream;
  std::uint64_t batches = 0;
  ledger::Hash head{};
  ledger::Hash leaf_hash{};
};
struct EndorsementFacts {
  std::uint64_t enrolment = 0;  // leaf
  ledger::Hash leaf_hash{};
};
struct LeafFacts {  // any other leaf
  ledger::Hash leaf_hash{};
};
struct FillFacts {
  std::string stream;
  std::uint64_t batch = 0;
  ledger::BodySpan span;
};
struct ForkBodyFacts {
  std::string stream;
};
struct OwnRecordFacts {
  std::string line;
};
using EntryFacts =
    std::variant<BatchFacts, EnrolmentFacts, SuccessorFacts, ForkFacts, RetirementFacts,
                 EndorsementFacts, LeafFacts, FillFacts, ForkBodyFacts, OwnRecordFacts>;

// Leaf hash of the entries that become leaves.
std::optional<ledger::Hash> leaf_hash_of(const EntryFacts& facts);

// What was committed before and an entry is examined against.
struct KnownStreams {
  // The raw key that the incarnation before announced behind the header that `enrolment` names.
  std::function<std::optional<std::string>(const ledger::Enrolment& enrolment)> announced_key;
  // Of the dead log that this one goes on for.
  std::function<std::optional<ledger::Verifier>()> predecessor;
  // The enrolment leaf that names this header of an inherited stream as the last one.
  std::function<std::optional<std::string>(const std::string& stream, const ledger::Hash& header)>
      awaiting;
};

struct ExamineContext {
  const ledger::Suite& suite;
  ledger::Hasher& hasher;
  const ledger::Verifier& log;
  KnownStreams known;
};

// Reject: the entry is malformed, too long, or an enrolment that is not signed as it must be. The
// signature and body of a batch are not looked at: that was done before it was committed.
ledger::Result<EntryFacts> examine(const ledger::WalEntry& entry, const ExamineContext& context);

}  // namespace yunjian::collector
