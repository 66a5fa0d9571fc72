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
};
struct EnrolmentFacts {
  std::string stream;
  ledger::EnrolmentCheck check;
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
    std::variant<BatchFacts, EnrolmentFacts, ForkFacts, RetirementFacts, EndorsementFacts,
                 LeafFacts, FillFacts, ForkBodyFacts, OwnRecordFacts>;

// Leaf hash of the entries that become leaves.
std::optional<ledger::Hash> leaf_hash_of(const EntryFacts& facts);

// The raw key that an earlier incarnation of `agent` announced behind the leaf hash `previous`.
using AnnouncedKey = std::function<std::optional<std::string>(const ledger::Enrolment& enrolment)>;

struct ExamineContext {
  const ledger::Suite& suite;
  ledger::Hasher& hasher;
  const ledger::Verifier& log;
  AnnouncedKey announced_key;
};

// Reject: the entry is malformed, too long, or an enrolment that is not signed as it must be. The
// signature and body of a batch are not looked at: that was done before it was committed.
ledger::Result<EntryFacts> examine(const ledger::WalEntry& entry, const ExamineContext& context);

}  // namespace yunjian::collector
