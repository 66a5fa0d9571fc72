#include "collector/store/evidence_index.h"

#include <fmt/format.h>

#include <algorithm>

namespace yunjian::collector {

using ledger::ErrorKind;
using ledger::fail;
using ledger::Hash;
using ledger::Result;

namespace {

// Batches that may slip in between preparing the next incarnation's enrolment and its commit.
constexpr std::size_t announced_keys_max = 4;

void advance(StreamState& state, const BatchFacts& facts) {
  if (!state.begun) {
    state.begun = true;
    state.first_batch = facts.header.batch;
  }
  if (!facts.closed_by.empty()) state.closed = true;
  state.head = facts.leaf_hash;
  state.next_key = facts.header.next_key;
  state.next_batch = facts.header.batch + 1;
  state.next_record = facts.header.first_record + facts.header.records;
  state.last_sealed = facts.header.sealed;
  if (facts.hollow) ++state.hollow;
}

StreamState opened_by(const EnrolmentFacts& facts) {
  const ledger::Enrolment& enrolment = facts.check.enrolment;
  StreamState state;
  state.agent = enrolment.agent;
  state.incarnation = enrolment.incarnation;
  state.unit = enrolment.unit;
  state.host = enrolment.host;
  state.endorsed = facts.check.endorsed;
  state.head = facts.leaf_hash;
  state.first_key = enrolment.first_key;
  state.next_key = enrolment.first_key;
  state.inherited = facts.inherited;
  state.begun = !facts.inherited;
  return state;
}

bool continues(const StreamState& state, const ledger::BatchHeader& header) {
  if (header.records > ledger::batch_records_max) return false;
  if (!state.begun) return true;
  return header.batch == state.next_batch && header.previous == state.head &&
         header.first_record == state.next_record;
}

}  // namespace

// Decides whether one entry may follow; moves the overlay on when it may.
struct Admission {
  const EvidenceIndex& index;
  EvidenceIndex::Overlay& overlay;

  Result<void> operator()(const BatchFacts& facts) const {
    StreamState* state = index.find(overlay, facts.stream);
    if (state == nullptr) return unknown(facts.stream);
    if (state->retired) {
      return fail(ErrorKind::reject, "stream " + facts.stream + " is retired; enrol the host anew");
    }
    if (state->closed || !continues(*state, facts.header)) {
      return fail(ErrorKind::reject, fmt::format("batch {} of {} does not continue its stream",
                                                 facts.header.batch, facts.stream));
    }
    advance(*state, facts);
    return {};
  }

  Result<void> operator()(const EnrolmentFacts& facts) const {
    if (index.find(overlay, facts.stream) != nullptr) {
      return fail(ErrorKind::reject, "stream " + facts.stream + " is enrolled already");
    }
    overlay.states.emplace(facts.stream, opened_by(facts));
    return {};
  }

  Result<void> operator()(const SuccessorFacts&) const {
    if (!index.predecessor()) return {};
    return fail(ErrorKind::reject, "a log goes on for one other log");
  }

  Result<void> operator()(const ForkFacts& facts) const {
    if (index.find(overlay, facts.stream) == nullptr) return unknown(facts.stream);
    return {};
  }

  Result<void> operator()(const RetirementFacts& facts) const {
    StreamState* state = index.find(overlay, facts.stream);
    if (state == nullptr) return unknown(facts.stream);
    if (state->retired || facts.batches != state->next_batch || facts.head != state->head) {
      return fail(ErrorKind::reject,
                  "the retirement of " + facts.stream + " is not at the end of its stream");
    }
    state->retired = true;
    return {};
  }

  Result<void> operator()(const EndorsementFacts&) const { return {}; }

  Result<void> operator()(const LeafFacts&) const { return {}; }

  Result<void> operator()(const FillFacts& facts) const {
    const StreamState* state = index.find(overlay, facts.stream);
    if (state == nullptr || facts.batch >= state->next_batch) {
      return fail(ErrorKind::reject, fmt::format("a body for batch {} of {}, which is not here",
                                                 facts.batch, facts.stream));
    }
    return {};
  }

  Result<void> operator()(const ForkBodyFacts& facts) const {
    if (index.find(overlay, facts.stream) == nullptr) return unknown(facts.stream);
    return {};
  }

  Result<void> operator()(const OwnRecordFacts&) const { return {}; }

  static ledger::Failure unknown(const std::string& stream) {
    return fail(ErrorKind::reject, "stream " + stream + " is not enrolled here");
  }
};

Result<void> EvidenceIndex::admit(const EntryFacts& facts, Overlay& overlay) const {
  return std::visit(Admission{*this, overlay}, facts);
}

StreamState* EvidenceIndex::find(Overlay& overlay, const std::string& id) const {
  for (const Overlay* layer = &overlay; layer != nullptr; layer = layer->below) {
    const auto it = layer->states.find(id);
    if (it != layer->states.end()) return &overlay.states.emplace(id, it->second).first->second;
  }
  const auto it = streams_.find(id);
  if (it == streams_.end()) return nullptr;
  return &overlay.states.emplace(id, it->second.state).first->second;
}

void EvidenceIndex::apply(EntryFacts&& facts, const Placed& placed) {
  std::visit([&](auto& entry) { apply_entry(std::move(entry), placed); }, facts);
}

void EvidenceIndex::add_leaf(const Placed& placed) {
  ledger::require(placed.leaf == leaves(), "leaves are applied in their order");
  leaves_.push_back(placed.place);
}

void EvidenceIndex::apply_entry(BatchFacts&& facts, const Placed& placed) {
  add_leaf(placed);
  const auto it = streams_.find(facts.stream);
  ledger::require(it != streams_.end(), "a batch of an unknown stream was admitted");
  Stream& stream = it->second;
  advance(stream.state, facts);
  remember_key(stream);
  stream.state.last_received = placed.received;
  if (stream.rows.empty()) stream.first_batch = facts.header.batch;
  stream.rows.push_back(rows());
  Row row{};
  row.stream = &it->first;
  row.unit = intern(std::move(facts.unit));
  row.host = intern(std::move(facts.host));
  row.number = facts.header.batch;
  row.first_record = facts.header.first_record;
  row.leaf = placed.leaf;
  row.received = row.filled = placed.received;
  row.span = facts.span;
  row.header = row.body = placed.place;
  row.records = static_cast<std::uint32_t>(facts.header.records);
  row.hollow = facts.hollow;
  rows_.push_back(row);
  if (const auto next = streams_.find(facts.closed_by); next != streams_.end()) {
    next->second.state.endorsed = facts.endorses;
    next->second.awaiting.clear();
  }
  if (facts.stream != own_stream_) return;
  while (unsealed_first_ < stream.state.next_record && !unsealed_.empty()) {
    unsealed_.pop_front();
    ++unsealed_first_;
  }
}

void EvidenceIndex::apply_entry(EnrolmentFacts&& facts, const Placed& placed) {
  add_leaf(placed);
  if (placed.leaf == 0) own_stream_ = facts.stream;
  Stream stream;
  stream.state = opened_by(facts);
  stream.state.enrolment_leaf = placed.leaf;
  stream.state.last_received = placed.received;
  stream.awaiting = std::move(facts.awaiting);
  remember_key(stream);
  streams_.emplace(std::move(facts.stream), std::move(stream));
}

void EvidenceIndex::apply_entry(SuccessorFacts&& facts, const Placed& placed) {
  add_leaf(placed);
  predecessor_ = std::move(facts.predecessor);
}

void EvidenceIndex::apply_entry(ForkFacts&& facts, const Placed& placed) {
  add_leaf(placed);
  Stream& stream = streams_.find(facts.stream)->second;
  stream.forks.insert(facts.refused);
  stream.state.forks = stream.forks.size();
}

void EvidenceIndex::apply_entry(RetirementFacts&& facts, const Placed& placed) {
  add_leaf(placed);
  streams_.find(facts.stream)->second.state.retired = true;
}

// Whose key it was, was checked before the log signed it too.
void EvidenceIndex::apply_entry(EndorsementFacts&& facts, const Placed& placed) {
  add_leaf(placed);
  for (auto& [id, stream] : streams_) {
    if (stream.state.enrolment_leaf == facts.enrolment) stream.state.endorsed = true;
  }
}

void EvidenceIndex::apply_entry(LeafFacts&&, const Placed& placed) { add_leaf(placed); }

void EvidenceIndex::apply_entry(FillFacts&& facts, const Placed& placed) {
  Stream& stream = streams_.find(facts.stream)->second;
  const auto ordinal = find_batch(facts.stream, facts.batch);
  if (!ordinal) {
    const bool fresh = late_bodies_
                           .try_emplace({facts.stream, facts.batch},
                                        LateBody{placed.place, facts.span, placed.received})
                           .second;
    if (fresh && stream.state.hollow > 0) --stream.state.hollow;
    return;
  }
  Row& row = rows_[*ordinal - first_row_];
  if (!row.hollow) return;  // an earlier fill of the same group was as good
  row.hollow = false;
  row.span = facts.span;
  row.body = placed.place;
  row.filled = placed.received;
  --stream.state.hollow;
}

void EvidenceIndex::apply_entry(ForkBodyFacts&& facts, const Placed&) {
  ++streams_.find(facts.stream)->second.state.fork_bodies;
}

void EvidenceIndex::apply_entry(OwnRecordFacts&& facts, const Placed&) {
  unsealed_.push_back(std::move(facts.line));
}

std::optional<StreamState> EvidenceIndex::stream(std::string_view id) const {
  const auto it = streams_.find(id);
  if (it == streams_.end()) return std::nullopt;
  return it->second.state;
}

std::vector<StreamInfo> EvidenceIndex::streams() const {
  std::vector<StreamInfo> all;
  all.reserve(streams_.size());
  for (const auto& [id, stream] : streams_) all.push_back({id, stream.state});
  return all;
}

bool EvidenceIndex::has_fork(std::string_view stream, const Hash& refused) const {
  const auto it = streams_.find(stream);
  return it != streams_.end() && it->second.forks.contains(refused);
}

std::optional<std::string> EvidenceIndex::announced_key(const ledger::Enrolment& enrolment) const {
  if (!enrolment.previous || enrolment.incarnation < 2) return std::nullopt;
  const auto it = streams_.find(ledger::stream_id(enrolment.agent, enrolment.incarnation - 1));
  if (it == streams_.end()) return std::nullopt;
  for (const auto& [hash, key] : it->second.announced) {
    if (hash == *enrolment.previous) return key;
  }
  return std::nullopt;
}

std::optional<ledger::Verifier> EvidenceIndex::predecessor() const {
  if (predecessor_.empty()) return std::nullopt;
  auto dead = ledger::Verifier::from_vkey(predecessor_);
  ledger::require(dead.has_value(), "the successor leaf was checked when it was let in");
  return std::move(*dead);
}

KnownStreams EvidenceIndex::known() const {
  return {.announced_key = [this](const auto& enrolment) { return announced_key(enrolment); },
          .predecessor = [this] { return predecessor(); },
          .awaiting = [this](const auto& stream,
                             const auto& header) { return awaiting(stream, header); }};
}

std::optional<std::string> EvidenceIndex::awaiting(const std::string& stream,
                                                   const Hash& header) const {
  if (predecessor_.empty()) return std::nullopt;
  const auto it = streams_.find(stream);
  if (it == streams_.end() || !it->second.state.inherited) return std::nullopt;
  const StreamState& state = it->second.state;
  const auto next = streams_.find(ledger::stream_id(state.agent, state.incarnation + 1));
  if (next == streams_.end() || next->second.awaiting.empty()) return std::nullopt;
  const std::string& leaf = next->second.awaiting;
  const auto note = ledger::parse_note(leaf);
  if (!note) return std::nullopt;
  const auto enrolment = ledger::parse_enrolment(note->text);
  if (!enrolment || enrolment->previous != header) return std::nullopt;
  return leaf;
}

void EvidenceIndex::remember_key(Stream& stream) {
  stream.announced.emplace_back(stream.state.head, stream.state.next_key);
  if (stream.announced.size() > announced_keys_max) stream.announced.pop_front();
}

BatchRow EvidenceIndex::row(std::size_t ordinal) const {
  const Row& row = rows_.at(ordinal - first_row_);
  BatchRow out;
  out.row = ordinal;
  out.stream = *row.stream;
  out.unit = *row.unit;
  out.host = *row.host;
  out.number = row.number;
  out.first_record = row.first_record;
  out.records = row.records;
  out.received = row.received;
  out.filled = row.filled;
  out.leaf = row.leaf;
  out.span = row.span;
  out.hollow = row.hollow;
  out.body = row.body;
  out.time_min = row.span.timed ? row.span.time_min : row.filled;
  out.time_max = row.span.timed ? row.span.time_max : row.filled;
  if (row.span.untimed) {
    out.time_min = std::min(out.time_min, row.filled);
    out.time_max = std::max(out.time_max, row.filled);
  }
  return out;
}

std::optional<std::size_t> EvidenceIndex::find_batch(std::string_view stream,
                                                     std::uint64_t number) const {
  const auto it = streams_.find(stream);
  if (it == streams_.end() || number < it->second.first_batch) return std::nullopt;
  const std::uint64_t at = number - it->second.first_batch;
  if (at >= it->second.rows.size()) return std::nullopt;
  return it->second.rows[at];
}

std::optional<std::size_t> EvidenceIndex::find_record(std::string_view stream,
                                                      std::uint64_t record) const {
  const auto it = streams_.find(stream);
  if (it == streams_.end() || record >= it->second.state.next_record) return std::nullopt;
  const std::deque<std::uint64_t>& rows = it->second.rows;
  if (rows.empty() || record < rows_[rows.front() - first_row_].first_record) return std::nullopt;
  // The last batch that begins at or before the record; empty batches before it begin there too.
  const auto behind = std::ranges::upper_bound(
      rows, record, {}, [&](std::uint64_t row) { return rows_[row - first_row_].first_record; });
  return *std::prev(behind);
}

std::optional<EvidenceIndex::LateBody> EvidenceIndex::late_body(std::string_view stream,
                                                                std::uint64_t batch) const {
  const auto it = late_bodies_.find({std::string(stream), batch});
  if (it == late_bodies_.end()) return std::nullopt;
  return it->second;
}

std::map<std::uint64_t, EvidenceIndex::LateBody> EvidenceIndex::late_bodies(
    std::string_view stream) const {
  std::map<std::uint64_t, LateBody> found;
  for (auto it = late_bodies_.lower_bound({std::string(stream), 0});
       it != late_bodies_.end() && it->first.first == stream; ++it) {
    found.emplace_hint(found.end(), it->first.second, it->second);
  }
  return found;
}

void EvidenceIndex::forget(std::uint32_t segment) {
  while (!leaves_.empty() && leaves_.front().segment <= segment) {
    leaves_.pop_front();
    ++first_leaf_;
  }
  while (!rows_.empty() && rows_.front().header.segment <= segment) {
    const Row& row = rows_.front();
    Stream& stream = streams_.find(*row.stream)->second;
    if (!row.hollow && row.body.segment > segment) {
      late_bodies_.insert_or_assign({*row.stream, row.number},
                                    LateBody{row.body, row.span, row.filled});
    }
    stream.rows.pop_front();
    ++stream.first_batch;
    rows_.pop_front();
    ++first_row_;
  }
  std::erase_if(late_bodies_,
                [&](const auto& late) { return late.second.place.segment <= segment; });
}

const std::string* EvidenceIndex::intern(std::string text) {
  return &*names_.insert(std::move(text)).first;
}

}  // namespace yunjian::collector
