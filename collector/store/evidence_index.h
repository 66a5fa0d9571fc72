#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "collector/store/entry_facts.h"
#include "collector/store/wal.h"

namespace yunjian::collector {

// A batch as scans see it. The views stay valid as long as the log.
struct BatchRow {
  std::size_t row = 0;  // ordinal in commit order
  std::string_view stream;
  std::string_view unit;
  std::string_view host;
  std::uint64_t number = 0;
  std::uint64_t first_record = 0;
  std::uint64_t records = 0;
  ledger::Time received{};  // its header
  ledger::Time filled{};    // its body: `received` unless it came late
  ledger::Time time_min{};  // of its records; a record without a readable time counts as `filled`
  ledger::Time time_max{};
  std::uint64_t leaf = 0;
  ledger::BodySpan span;  // which lanes it has records for
  WalPlace body;          // unless it is filed
  bool hollow = false;    // no body is here: nothing to scan
  bool late = false;      // the late body of a batch that is filed
  bool filed = false;     // lies in a part
};

// Where an entry came to lie.
struct Placed {
  ledger::Time received{};
  WalPlace place;
  std::uint64_t leaf = no_leaf;
};

// The streams as they stand, and of what the WAL still holds one row a batch and the place of each
// leaf; own records that no batch has sealed yet. At a start it begins with the streams as they
// were behind the last filed segment and goes on with the WAL. Passive; the owner serialises.
class EvidenceIndex {
 public:
  // The states of streams as they will be when the entries admitted so far are applied.
  struct Overlay {
    const Overlay* below = nullptr;  // looked at for streams that are not in this one
    std::map<std::string, StreamState, std::less<>> states;
  };

  // Whether `facts` continue what is here and in `overlay`, which then moves on. Reject otherwise:
  // a batch that is not the next of its stream, a stream that is not enrolled or enrolled twice.
  ledger::Result<void> admit(const EntryFacts& facts, Overlay& overlay) const;
  // The entry was admitted and is durable.
  void apply(EntryFacts&& facts, const Placed& placed);

  // The streams, own records and count of leaves, without rows and places: what a start goes on
  // from.
  std::string encode_state() const;
  static ledger::Result<EvidenceIndex> decode_state(std::string_view bytes);
  // The WAL up to and with `segment` is filed: its rows and places go.
  void forget(std::uint32_t segment);

  std::optional<StreamState> stream(std::string_view id) const;
  std::vector<StreamInfo> streams() const;  // sorted by id
  bool has_fork(std::string_view stream, const ledger::Hash& refused) const;
  // The key announced behind the header (or enrolment) that `enrolment` names as previous, when
  // that is the newest of the incarnation before.
  std::optional<std::string> announced_key(const ledger::Enrolment& enrolment) const;
  // The dead log that this one goes on for.
  std::optional<ledger::Verifier> predecessor() const;
  // The leaf that enrols the incarnation behind this inherited stream, when it names `header`.
  std::optional<std::string> awaiting(const std::string& stream, const ledger::Hash& header) const;
  KnownStreams known() const;  // while nothing is applied
  const std::string& own_stream() const { return own_stream_; }

  std::uint64_t leaves() const { return first_leaf_ + leaves_.size(); }
  std::uint64_t first_leaf() const { return first_leaf_; }  // that the WAL holds
  WalPlace leaf_place(std::uint64_t leaf) const { return leaves_.at(leaf - first_leaf_); }

  // Rows have ordinals [first_row, rows).
  std::size_t first_row() const { return first_row_; }
  std::size_t rows() const { return first_row_ + rows_.size(); }
  BatchRow row(std::size_t ordinal) const;
  // Absent: there is none, or it is filed.
  std::optional<std::size_t> find_batch(std::string_view stream, std::uint64_t number) const;
  std::optional<std::size_t> find_record(std::string_view stream, std::uint64_t record) const;
  // A body in the WAL for a batch that is filed.
  struct LateBody {
    WalPlace place;
    ledger::BodySpan span;
    ledger::Time received{};
  };
  std::optional<LateBody> late_body(std::string_view stream, std::uint64_t batch) const;
  std::map<std::uint64_t, LateBody> late_bodies(std::string_view stream) const;
  using LateBodies = std::map<std::pair<std::string, std::uint64_t>, LateBody>;
  const LateBodies& late_bodies() const { return late_bodies_; }
  // The same text for ever: for views.
  std::string_view stream_name(const std::string& id) const { return streams_.find(id)->first; }

  // Lines behind the last sealed record of the own stream; the first of them has that number.
  const std::deque<std::string>& unsealed() const { return unsealed_; }

 private:
  struct Stream {
    StreamState state;
    std::uint64_t first_batch = 0;   // of `rows`
    std::deque<std::uint64_t> rows;  // by batch number
    // What the newest headers (or the enrolment) announced, newest last.
    std::deque<std::pair<ledger::Hash, std::string>> announced;
    std::set<ledger::Hash> forks;  // leaf hashes of refused headers
    std::string awaiting;          // the enrolment leaf, until the header that it names is here
  };
  struct Row {
    const std::string* stream;
    const std::string* unit;
    const std::string* host;
    std::uint64_t number;
    std::uint64_t first_record;
    std::uint64_t leaf;
    ledger::Time received;
    ledger::BodySpan span;
    WalPlace header;
    WalPlace body;
    ledger::Time filled;  // when its body came
    std::uint32_t records;
    bool hollow;
  };

  void put_succession(std::string& out) const;
  void add_leaf(const Placed& placed);
  void apply_entry(BatchFacts&& facts, const Placed& placed);
  void apply_entry(EnrolmentFacts&& facts, const Placed& placed);
  void apply_entry(SuccessorFacts&& facts, const Placed& placed);
  void apply_entry(ForkFacts&& facts, const Placed& placed);
  void apply_entry(RetirementFacts&& facts, const Placed& placed);
  void apply_entry(EndorsementFacts&& facts, const Placed& placed);
  void apply_entry(LeafFacts&& facts, const Placed& placed);
  void apply_entry(FillFacts&& facts, const Placed& placed);
  void apply_entry(ForkBodyFacts&& facts, const Placed& placed);
  void apply_entry(OwnRecordFacts&& facts, const Placed& placed);
  const std::string* intern(std::string text);
  static void remember_key(Stream& stream);
  StreamState* find(Overlay& overlay, const std::string& id) const;

  std::map<std::string, Stream, std::less<>> streams_;
  std::set<std::string, std::less<>> names_;  // units and hosts, once each
  std::size_t first_row_ = 0;
  std::deque<Row> rows_;
  std::uint64_t first_leaf_ = 0;
  std::deque<WalPlace> leaves_;
  LateBodies late_bodies_;
  std::string own_stream_;   // opened by leaf 0
  std::string predecessor_;  // vkey
  std::deque<std::string> unsealed_;
  std::uint64_t unsealed_first_ = 0;  // record number of unsealed_.front()

  friend struct Admission;
};

}  // namespace yunjian::collector
