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
  ledger::Time received{};
  ledger::Time time_min{};  // of its records; a record without a readable time counts as `received`
  ledger::Time time_max{};
  std::uint64_t leaf = 0;
  ledger::BodySpan span;  // which lanes it has records for
  bool hollow = false;    // no body is here: nothing to scan
};

// Where an entry came to lie.
struct Placed {
  ledger::Time received{};
  WalPlace place;
  std::uint64_t leaf = no_leaf;
};

// What the WAL says, in memory: streams, one row a batch, where each leaf lies, own records that no
// batch has sealed yet. Rebuilt at every start. Passive; the owner serialises.
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

  std::optional<StreamState> stream(std::string_view id) const;
  std::vector<StreamInfo> streams() const;  // sorted by id
  bool has_fork(std::string_view stream, const ledger::Hash& refused) const;
  // The key announced behind the header (or enrolment) that `enrolment` names as previous, when
  // that is the newest of the incarnation before.
  std::optional<std::string> announced_key(const ledger::Enrolment& enrolment) const;
  const std::string& own_stream() const { return own_stream_; }

  std::uint64_t leaves() const { return leaves_.size(); }
  WalPlace leaf_place(std::uint64_t leaf) const { return leaves_.at(leaf); }

  std::size_t rows() const { return rows_.size(); }
  BatchRow row(std::size_t ordinal) const;
  WalPlace body_place(std::size_t ordinal) const { return rows_.at(ordinal).body; }
  std::optional<std::size_t> find_batch(std::string_view stream, std::uint64_t number) const;
  std::optional<std::size_t> find_record(std::string_view stream, std::uint64_t record) const;

  // Lines behind the last sealed record of the own stream; the first of them has that number.
  const std::deque<std::string>& unsealed() const { return unsealed_; }

 private:
  struct Stream {
    StreamState state;
    std::vector<std::uint32_t> rows;  // by batch number
    // What the newest headers (or the enrolment) announced, newest last.
    std::deque<std::pair<ledger::Hash, std::string>> announced;
    std::set<ledger::Hash> forks;  // leaf hashes of refused headers
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
    WalPlace body;
    std::uint32_t records;
    bool hollow;
  };

  void add_leaf(const Placed& placed);
  void apply_entry(BatchFacts&& facts, const Placed& placed);
  void apply_entry(EnrolmentFacts&& facts, const Placed& placed);
  void apply_entry(ForkFacts&& facts, const Placed& placed);
  void apply_entry(LeafFacts&& facts, const Placed& placed);
  void apply_entry(FillFacts&& facts, const Placed& placed);
  void apply_entry(ForkBodyFacts&& facts, const Placed& placed);
  void apply_entry(OwnRecordFacts&& facts, const Placed& placed);
  const std::string* intern(std::string text);
  static void remember_key(Stream& stream);
  StreamState* find(Overlay& overlay, const std::string& id) const;

  std::map<std::string, Stream, std::less<>> streams_;
  std::set<std::string, std::less<>> names_;  // units and hosts, once each
  std::vector<Row> rows_;
  std::vector<WalPlace> leaves_;
  std::string own_stream_;  // opened by leaf 0
  std::deque<std::string> unsealed_;
  std::uint64_t unsealed_first_ = 0;  // record number of unsealed_.front()

  friend struct Admission;
};

}  // namespace yunjian::collector
