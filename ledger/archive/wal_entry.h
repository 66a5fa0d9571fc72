#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "ledger/base/bytes.h"
#include "ledger/base/clock.h"

namespace yunjian::ledger {

// What the frames of the collector's WAL hold. The type is the frame's type byte; integers are
// big-endian; times are microseconds since 1970 UTC, as u64be; `…` runs to the end of the payload.
//
//   1 batch      := received span u8 unit_len u8 host_len u16be header_len unit host header body…
//   2 leaf       := received leaf…
//   3 body fill  := received span u64be batch u8 stream_len stream body…
//   4 fork body  := received u64be batch hash[32] u8 stream_len stream body…
//   5 own record := received line…
//   span         := u8 bits u64be time_min u64be time_max
//   bits         := 1 event | 2 usage | 4 hour | 8 timed | 16 untimed | 32 hollow
//
// Leaves of the log are, in WAL order, the headers of type 1 and the leaves of type 2. `span` is
// derived from the body (which lanes it has records for, the smallest and largest `time`) and
// spares a reader the decoding; it proves nothing. A reader that verifies uses header, leaf and
// body only.
enum class WalType : std::uint8_t {
  batch = 1,
  leaf = 2,
  body_fill = 3,
  fork_body = 4,
  own_record = 5,
};

// What is known of the records of a body without decoding it.
struct BodySpan {
  bool event = false;  // has records of kind event, agent or collector, or lines that are no record
  bool usage = false;
  bool hour = false;
  bool timed = false;    // some record has a readable time
  bool untimed = false;  // some record has none: it counts as of its batch's commit
  Time time_min{};       // of the timed records; both 0 when there is none
  Time time_max{};
  bool operator==(const BodySpan&) const = default;
};

// The views point into the payload, or into the writer's own strings.
struct WalBatch {
  Time received{};  // when it was committed, by the collector's clock
  BodySpan span;
  bool hollow = false;    // the header has records, the body is not here
  std::string_view unit;  // whose host it was at the commit
  std::string_view host;
  std::string_view header;  // the whole note: the leaf
  std::string_view body;    // zstd; empty when hollow or without records
};

struct WalLeaf {
  Time received{};
  std::string_view leaf;
};

struct WalBodyFill {  // the body of an earlier hollow batch
  Time received{};
  BodySpan span;
  std::uint64_t batch = 0;
  std::string_view stream;
  std::string_view body;
};

struct WalForkBody {  // the body that came with a refused header
  Time received{};
  std::uint64_t batch = 0;
  Hash leaf_hash{};  // of that header
  std::string_view stream;
  std::string_view body;
};

struct WalOwnRecord {  // a line of the collector's own stream, sealed by one of its next batches
  Time received{};
  std::string_view line;
};

using WalEntry = std::variant<WalBatch, WalLeaf, WalBodyFill, WalForkBody, WalOwnRecord>;

// The caller keeps unit, host and stream <= 255 and headers <= 65535 bytes (breaking it aborts).
WalType wal_type(const WalEntry& entry);
// Everything of the payload but its last, large field, which wal_tail() gives: the two pieces that
// SegmentWriter::append takes, so that a body is never copied for it. Replaces `out`.
void encode_wal_head(const WalEntry& entry, std::string& out);
std::string_view wal_tail(const WalEntry& entry);

// Corrupt: unknown type, a payload that is cut, reserved bits, a time before 1970.
Result<WalEntry> decode_wal_entry(std::uint8_t type, std::string_view payload);

}  // namespace yunjian::ledger
