// What may be read of the log, by any thread, of the published tree only.
#include <fmt/format.h>

#include "collector/store/evidence_log_impl.h"

namespace yunjian::collector {

using ledger::ErrorKind;
using ledger::fail;
using ledger::Hash;
using ledger::Result;
using ledger::Time;

namespace {

// Rows copied under one lock: a few microseconds, so that readers do not hold the writer up.
constexpr std::size_t rows_per_lock = 512;

// Holds every leaf whole: the front of a batch entry with its header, or the largest leaf entry.
constexpr std::size_t leaf_front_bytes = leaf_entry_bytes_max + 64;
static_assert(leaf_front_bytes > 29 + 2 * 255 + ledger::header_bytes_max);

Result<std::string> leaf_in(const ledger::StoredFrame& frame) {
  auto entry = ledger::decode_wal_entry(frame.type, frame.payload);
  if (!entry) return failure(entry);
  if (const auto* batch = std::get_if<ledger::WalBatch>(&*entry)) return std::string(batch->header);
  if (const auto* leaf = std::get_if<ledger::WalLeaf>(&*entry)) return std::string(leaf->leaf);
  return fail(ErrorKind::corrupt, "a leaf's place in the WAL holds no leaf");
}

Result<std::string> body_in(const ledger::StoredFrame& frame) {
  auto entry = ledger::decode_wal_entry(frame.type, frame.payload);
  if (!entry) return failure(entry);
  if (const auto* batch = std::get_if<ledger::WalBatch>(&*entry)) return std::string(batch->body);
  if (const auto* fill = std::get_if<ledger::WalBodyFill>(&*entry)) return std::string(fill->body);
  return fail(ErrorKind::corrupt, "a body's place in the WAL holds no body");
}

// A batch that is filed, when its body came since.
void fill_late(BatchRow& row, const std::optional<EvidenceIndex::LateBody>& late) {
  if (!row.hollow || !late) return;
  row.hollow = false;
  row.filled = late->received;
}

Result<std::string> joined_lines(const PartSet::Batch& batch) {
  auto lines = PartSet::lines(batch);
  if (!lines) return failure(lines);
  std::string joined;
  for (std::size_t i = 0; i < lines->size(); ++i) {
    if (i > 0) joined.push_back('\n');
    joined += (*lines)[i];
  }
  return joined;
}

Result<std::string> body_of(const PartSet::Batch& batch) {
  auto joined = joined_lines(batch);
  if (!joined) return joined;
  std::string body;
  ledger::BodyEncoder encoder;
  if (auto encoded = encoder.encode(*joined, body); !encoded) return failure(encoded);
  return body;
}

}  // namespace

// A place in the WAL is read under a pin: the segment may be filed and removed at any moment.
Result<std::string> EvidenceLog::Impl::leaf_bytes(std::uint64_t number) const {
  const std::shared_lock unswitched(filing_mutex);
  WalPlace place;
  std::shared_ptr<const PartSet> set;
  {
    const std::shared_lock lock(state_mutex);
    if (number < index.first_leaf()) {
      set = parts;
    } else {
      place = index.leaf_place(number);
    }
  }
  if (set) return set->leaf(number);
  // Bodies may be large and are not needed; the leaf hash is a stronger check than the frame's.
  auto frame = wal->read_front(place, leaf_front_bytes);
  if (!frame) return failure(frame);
  return leaf_in(*frame);
}

std::string_view EvidenceLog::Impl::intern(const std::string& text) const {
  const std::lock_guard lock(names_mutex);
  return *names.insert(text).first;
}

BatchRow EvidenceLog::Impl::row_of(const PartSet::Batch& batch) const {
  const ledger::PartRow& found = batch.found.row;
  BatchRow row;
  row.filed = true;
  row.stream = intern(found.stream);
  row.unit = intern(found.unit);
  row.host = intern(found.host);
  row.number = found.batch;
  row.first_record = found.first_record;
  row.records = found.records;
  row.received = found.received;
  row.filled = batch.late ? batch.late->row.received : found.received;
  row.leaf = found.leaf;
  row.hollow = batch.hollow();
  return row;
}

// What the part of its header says of a batch whose body lies in the WAL.
bool EvidenceLog::Impl::describe(const PartSet& set, BatchRow& row) const {
  auto found = set.find_batch(row.stream, row.number);
  if (!found || !*found) return false;
  const BatchRow header = row_of(**found);
  row.unit = header.unit;
  row.host = header.host;
  row.first_record = header.first_record;
  row.records = header.records;
  row.leaf = header.leaf;
  row.received = header.received;
  row.time_min = row.span.timed ? row.span.time_min : row.filled;
  row.time_max = row.span.timed ? row.span.time_max : row.filled;
  if (row.span.untimed) {
    row.time_min = std::min(row.time_min, row.filled);
    row.time_max = std::max(row.time_max, row.filled);
  }
  return true;
}

Result<ledger::SignatureLine> EvidenceLog::sign(std::string_view leaf_text) const {
  if (auto name = ledger::leaf_name(leaf_text); !name) return failure(name);
  const std::lock_guard lock(impl_->key_mutex);
  return ledger::sign_line(impl_->verifier, *impl_->key, leaf_text);
}

std::string EvidenceLog::checkpoint() const {
  const std::shared_lock lock(impl_->state_mutex);
  return impl_->published.note;
}

std::uint64_t EvidenceLog::size() const {
  const std::shared_lock lock(impl_->state_mutex);
  return impl_->published.tree.size;
}

Result<std::string> EvidenceLog::receipt(std::uint64_t leaf) const {
  auto all = receipts({&leaf, 1});
  if (!all) return failure(all);
  return std::move(all->front());
}

Result<std::vector<std::string>> EvidenceLog::receipts(
    std::span<const std::uint64_t> leaves) const {
  Published published;
  {
    const std::shared_lock lock(impl_->state_mutex);
    published = impl_->published;
  }
  std::vector<std::string> receipts;
  for (const std::uint64_t leaf : leaves) {
    auto receipt = impl_->prove(leaf, published);
    if (!receipt) return failure(receipt);
    receipts.push_back(std::move(*receipt));
  }
  return receipts;
}

Result<std::string> EvidenceLog::receipt_under(std::string_view note, std::uint64_t leaf) const {
  auto checkpoint = ledger::open_checkpoint(note, impl_->verifier);
  if (!checkpoint) return failure(checkpoint);
  if (leaf >= checkpoint->tree.size || checkpoint->tree.size > size()) {
    return fail(ErrorKind::reject, fmt::format("the checkpoint does not cover leaf {}", leaf));
  }
  return impl_->prove(leaf, {.note = std::string(note), .tree = checkpoint->tree});
}

Result<std::string> EvidenceLog::Impl::prove(std::uint64_t leaf, const Published& under) const {
  auto path =
      ledger::prove_inclusion(*hashers.take(), leaf, under.tree.size, publisher->tiles().source());
  if (!path) return failure(path);
  return ledger::format_tlog_proof(
      {.extra = {}, .index = leaf, .path = std::move(*path), .checkpoint = under.note});
}

Result<Hash> EvidenceLog::root(std::uint64_t leaves) const {
  if (leaves > size()) {
    return fail(ErrorKind::reject, fmt::format("the log has no tree of {} leaves", leaves));
  }
  const auto hasher = impl_->hashers.take();
  return ledger::root_from_subtrees(*hasher, leaves, impl_->publisher->tiles().source());
}

Result<std::vector<Hash>> EvidenceLog::consistency(std::uint64_t from, std::uint64_t to) const {
  if (to > size() || from > to) {
    return fail(ErrorKind::reject,
                fmt::format("the log has no trees of {} and {} leaves", from, to));
  }
  const auto hasher = impl_->hashers.take();
  return ledger::prove_consistency(*hasher, from, to, impl_->publisher->tiles().source());
}

Result<Hash> EvidenceLog::leaf_hash(std::uint64_t index) const {
  if (index >= size()) return fail(ErrorKind::reject, fmt::format("there is no leaf {}", index));
  return impl_->publisher->tiles().subtree(0, index);
}

Result<std::string> EvidenceLog::leaf(std::uint64_t index) const {
  auto expected = leaf_hash(index);
  if (!expected) return failure(expected);
  auto leaf = impl_->leaf_bytes(index);
  if (!leaf) return leaf;
  if (impl_->hashers.take()->leaf(*leaf) != *expected) {
    return fail(ErrorKind::corrupt,
                fmt::format("leaf {}: what is stored and the tiles disagree", index));
  }
  return leaf;
}

Result<std::string> EvidenceLog::tile(const ledger::TileId& id) const {
  const std::uint64_t leaves = size();
  const unsigned level = id.entries ? 0 : id.level;
  if (id.width == 0 || ledger::tile_width_at(level, id.index, leaves) < id.width) {
    return fail(ErrorKind::reject, "no such tile in a tree of " + std::to_string(leaves));
  }
  if (!id.entries) return impl_->publisher->tiles().tile(id);
  std::vector<std::string> entries;
  for (std::uint32_t i = 0; i < id.width; ++i) {
    auto entry = leaf(id.index * ledger::tile_width + i);
    if (!entry) return entry;
    entries.push_back(std::move(*entry));
  }
  return ledger::format_entries({entries.begin(), entries.end()});
}

std::optional<StreamState> EvidenceLog::stream(std::string_view id) const {
  const std::shared_lock lock(impl_->state_mutex);
  return impl_->index.stream(id);
}

std::vector<StreamInfo> EvidenceLog::streams() const {
  const std::shared_lock lock(impl_->state_mutex);
  return impl_->index.streams();
}

std::string EvidenceLog::own_stream() const {
  const std::shared_lock lock(impl_->state_mutex);
  return impl_->index.own_stream();
}

std::optional<ledger::Verifier> EvidenceLog::predecessor() const {
  const std::shared_lock lock(impl_->state_mutex);
  return impl_->index.predecessor();
}

bool EvidenceLog::has_fork(std::string_view stream, const Hash& refused_header) const {
  const std::shared_lock lock(impl_->state_mutex);
  return impl_->index.has_fork(stream, refused_header);
}

// Where a batch is now: its row, and its body as WAL bytes or as lines of a part.
Result<EvidenceLog::Impl::Place> EvidenceLog::Impl::find(std::string_view stream,
                                                         std::uint64_t number) const {
  const std::shared_lock unswitched(filing_mutex);
  Place found;
  std::optional<WalPlace> body;
  std::shared_ptr<const PartSet> set;
  {
    const std::shared_lock lock(state_mutex);
    if (const auto ordinal = index.find_batch(stream, number)) {
      found.row = index.row(*ordinal);
      if (!found.row.hollow && found.row.records > 0) body = found.row.body;
    } else {
      set = parts;
      if (const auto late = index.late_body(stream, number)) body = late->place;
    }
  }
  if (set) {
    auto filed = set->find_batch(stream, number);
    if (!filed) return failure(filed);
    if (!*filed) {
      return fail(ErrorKind::reject, fmt::format("there is no batch {} of {}", number, stream));
    }
    found.row = row_of(**filed);
    if (!body && !found.row.hollow) found.filed = std::move(**filed);
    found.row.hollow = found.row.hollow && !body;
  }
  if (!body) return found;
  auto frame = wal->read(*body);
  if (!frame) return failure(frame);
  auto bytes = body_in(*frame);
  if (!bytes) return failure(bytes);
  found.body = std::move(*bytes);
  return found;
}

Result<EvidenceLog::StoredBatch> EvidenceLog::batch(std::string_view stream,
                                                    std::uint64_t number) const {
  auto place = impl_->find(stream, number);
  if (!place) return failure(place);
  auto header = leaf(place->row.leaf);
  if (!header) return failure(header);
  if (place->filed && place->row.records > 0) {
    auto body = body_of(*place->filed);
    if (!body) return failure(body);
    place->body = std::move(*body);
  }
  StoredBatch batch;
  batch.frame = {std::move(*header), std::move(place->body)};
  batch.received = place->row.received;
  batch.leaf = place->row.leaf;
  batch.unit = place->row.unit;
  batch.host = place->row.host;
  batch.hollow = place->row.hollow;
  return batch;
}

Result<std::string> EvidenceLog::lines(std::string_view stream, std::uint64_t number) const {
  auto place = impl_->find(stream, number);
  if (!place) return failure(place);
  if (place->row.hollow) {
    return fail(ErrorKind::reject,
                fmt::format("batch {} of {} came without its body", number, stream));
  }
  if (place->row.records == 0) return std::string();
  if (place->filed) return joined_lines(*place->filed);
  std::string lines;
  auto decoded = impl_->decoders.take()->decode(place->body, lines);
  if (!decoded) {
    return fail(ErrorKind::corrupt,
                fmt::format("batch {} of {}: {}", number, stream, decoded.error().message));
  }
  return lines;
}

Result<std::optional<BatchRow>> EvidenceLog::batch_row(std::string_view stream,
                                                       std::uint64_t number) const {
  std::shared_ptr<const PartSet> parts;
  std::optional<EvidenceIndex::LateBody> late;
  {
    const std::shared_lock lock(impl_->state_mutex);
    const auto row = impl_->index.find_batch(stream, number);
    if (row) return std::optional<BatchRow>(impl_->index.row(*row));
    parts = impl_->parts;
    late = impl_->index.late_body(stream, number);
  }
  auto found = parts->find_batch(stream, number);
  if (!found) return failure(found);
  if (!*found) return std::optional<BatchRow>();
  BatchRow row = impl_->row_of(**found);
  fill_late(row, late);
  return std::optional<BatchRow>(row);
}

Result<std::optional<BatchRow>> EvidenceLog::row_of_record(std::string_view stream,
                                                           std::uint64_t record) const {
  std::shared_ptr<const PartSet> parts;
  std::map<std::uint64_t, EvidenceIndex::LateBody> late;  // as of the same moment as the parts
  {
    const std::shared_lock lock(impl_->state_mutex);
    const auto row = impl_->index.find_record(stream, record);
    if (row) return std::optional<BatchRow>(impl_->index.row(*row));
    parts = impl_->parts;
    late = impl_->index.late_bodies(stream);
  }
  auto found = parts->find_record(stream, record);
  if (!found) return failure(found);
  if (!*found) return std::optional<BatchRow>();
  BatchRow row = impl_->row_of(**found);
  const auto body = late.find(row.number);
  if (body != late.end()) fill_late(row, body->second);
  return std::optional<BatchRow>(row);
}

std::vector<std::string> EvidenceLog::unsealed_own_records(std::size_t limit) const {
  const std::shared_lock lock(impl_->state_mutex);
  const std::deque<std::string>& lines = impl_->index.unsealed();
  const auto count = static_cast<std::ptrdiff_t>(std::min(limit, lines.size()));
  return {lines.begin(), lines.begin() + count};
}

std::size_t EvidenceLog::unsealed_own_count() const {
  const std::shared_lock lock(impl_->state_mutex);
  return impl_->index.unsealed().size();
}

// Rows are copied a few at a time, so that nobody who commits waits for a search. `filing_mutex`
// keeps the switch from WAL to parts out meanwhile.
Result<EvidenceLog::View> EvidenceLog::view(
    const std::function<bool(const BatchRow&)>& wanted) const {
  View view;
  const std::shared_lock unswitched(impl_->filing_mutex);
  std::size_t at = 0;
  std::size_t end = 0;
  std::uint64_t first_segment = 0;
  std::uint64_t last_segment = 0;
  {
    const std::shared_lock lock(impl_->state_mutex);
    view.parts = impl_->parts;
    at = impl_->index.first_row();
    end = impl_->index.rows();
    first_segment = impl_->first_segment;
    last_segment = impl_->open_segment;
    for (const auto& [key, late] : impl_->index.late_bodies()) {
      BatchRow row;
      row.late = true;
      row.number = key.second;
      row.stream = impl_->index.stream_name(key.first);
      row.span = late.span;
      row.body = late.place;
      row.filled = late.received;
      view.rows.push_back(row);
    }
  }
  std::erase_if(view.rows,
                [&](BatchRow& row) { return !impl_->describe(*view.parts, row) || !wanted(row); });
  while (at < end) {
    const std::shared_lock lock(impl_->state_mutex);
    const std::size_t stop = std::min(end, at + rows_per_lock);
    for (; at < stop; ++at) {
      const BatchRow row = impl_->index.row(at);
      if (wanted(row)) view.rows.push_back(row);
    }
  }
  auto pin = impl_->wal->pin(first_segment, last_segment);
  if (!pin) return failure(pin);
  view.pin = std::move(*pin);
  return view;
}

Result<std::string> EvidenceLog::body(const View& view, const BatchRow& row) const {
  if (row.hollow || row.records == 0) return std::string();
  auto frame = impl_->wal->read(view.pin, row.body);
  if (!frame) return failure(frame);
  return body_in(*frame);
}

EvidenceLog::Stats EvidenceLog::stats() const {
  const std::shared_lock lock(impl_->state_mutex);
  Stats stats = impl_->stats;
  stats.rows = impl_->index.rows() - impl_->index.first_row();
  stats.parts = impl_->parts->parts().size();
  for (const PartPtr& part : impl_->parts->parts()) stats.part_bytes += part->file_bytes();
  stats.stored_leaves = impl_->stored_leaves;
  stats.segments_to_file = impl_->closed_segments.size();
  stats.leaves = impl_->published.tree.size;
  return stats;
}

}  // namespace yunjian::collector
