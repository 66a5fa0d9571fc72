#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "ledger/archive/wal_entry.h"
#include "ledger/base/bytes.h"
#include "ledger/base/clock.h"

namespace yunjian::collector {

// What can be committed. A BatchEntry and a LeafEntry become leaves of the log, in commit order.

struct BatchEntry {
  std::string unit;  // of the host at commit: what scopes look at later, whatever the catalog says
  std::string host;
  std::string header;  // the note, exactly as received: the leaf
  std::string body;    // zstd, empty when hollow or without records
  bool hollow = false;
  std::optional<ledger::BodySpan> span;  // of the body; absent: commit() decodes the body for it
};

struct LeafEntry {  // enrolment, fork, retirement, roster …: a whole note
  std::string leaf;
};

struct BodyFill {  // a body that came late for a hollow batch
  std::string stream;
  std::uint64_t batch = 0;
  std::string body;
  std::optional<ledger::BodySpan> span;
};

struct ForkBody {  // evidence beside a fork leaf
  std::string stream;
  std::uint64_t batch = 0;
  ledger::Hash leaf_hash{};  // of the refused header
  std::string body;
};

// An act of the collector, durable now. The records of the collector's own stream (the one that
// leaf 0 enrols) are exactly these lines, in commit order; OwnStream seals them.
struct OwnRecord {
  std::string line;
};

using Entry = std::variant<BatchEntry, LeafEntry, BodyFill, ForkBody, OwnRecord>;

struct Committed {
  ledger::Time received{};
  std::vector<std::uint64_t> leaves;  // for each entry in order: its leaf index, or no_leaf
};
inline constexpr std::uint64_t no_leaf = ~std::uint64_t{0};

// A fork leaf holds a refused header, hence may be larger than a header.
inline constexpr std::size_t leaf_entry_bytes_max = 16 * 1024;
inline constexpr std::uint64_t fork_leaves_max = 1024;  // of one incarnation
inline constexpr std::uint64_t fork_bodies_max = 16;    // of one incarnation

// Where a stream stands; what ingest decides by.
struct StreamState {
  std::string agent;
  std::uint64_t incarnation = 1;
  std::string unit;  // from the enrolment
  std::string host;  // from the enrolment
  bool endorsed = false;
  bool retired = false;  // no batch may follow
  // Of a log that is dead and that this one goes on for: it may begin here at any batch, and ends
  // with the header that the enrolment of the next incarnation names.
  bool inherited = false;
  bool begun = true;                 // its first batch is here; false only for an inherited stream
  bool closed = false;               // inherited: the header that it ends with is here
  std::uint64_t first_batch = 0;     // that is here
  std::uint64_t enrolment_leaf = 0;  // index in the log
  ledger::Hash head{};               // leaf hash of the last accepted header, or of the enrolment
  std::string first_key;             // raw public key that signs batch 0
  std::string next_key;              // raw public key that must sign the next batch
  std::uint64_t next_batch = 0;
  std::uint64_t next_record = 0;
  std::uint64_t hollow = 0;       // batches whose body is absent
  std::uint64_t forks = 0;        // fork leaves
  std::uint64_t fork_bodies = 0;  // kept beside them
  ledger::Time last_received{};
  ledger::Time last_sealed{};
};

struct StreamInfo {
  std::string id;
  StreamState state;
};

}  // namespace yunjian::collector
