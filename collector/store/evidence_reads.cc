// What may be read of the log, by any thread, of the published tree only.
#include <fmt/format.h>

#include "collector/store/evidence_log_impl.h"

namespace yunjian::collector {

using ledger::ErrorKind;
using ledger::fail;
using ledger::Hash;
using ledger::Result;

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

}  // namespace

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
  const auto hasher = impl_->hashers.take();
  const ledger::SubtreeHash subtrees = impl_->publisher->tiles().source();
  std::vector<std::string> receipts;
  for (const std::uint64_t leaf : leaves) {
    auto path = ledger::prove_inclusion(*hasher, leaf, published.tree.size, subtrees);
    if (!path) return failure(path);
    ledger::TlogProof proof;
    proof.index = leaf;
    proof.path = std::move(*path);
    proof.checkpoint = published.note;
    receipts.push_back(ledger::format_tlog_proof(proof));
  }
  return receipts;
}

Result<Hash> EvidenceLog::leaf_hash(std::uint64_t index) const {
  if (index >= size()) return fail(ErrorKind::reject, fmt::format("there is no leaf {}", index));
  return impl_->publisher->tiles().subtree(0, index);
}

Result<std::string> EvidenceLog::leaf(std::uint64_t index) const {
  auto expected = leaf_hash(index);
  if (!expected) return failure(expected);
  WalPlace place;
  {
    const std::shared_lock lock(impl_->state_mutex);
    place = impl_->index.leaf_place(index);
  }
  // Bodies may be large and are not needed; the leaf hash is a stronger check than the frame's.
  auto frame = impl_->wal->read_front(place, leaf_front_bytes);
  if (!frame) return failure(frame);
  auto leaf = leaf_in(*frame);
  if (!leaf) return leaf;
  if (impl_->hashers.take()->leaf(*leaf) != *expected) {
    return fail(ErrorKind::corrupt, fmt::format("leaf {}: the WAL and the tiles disagree", index));
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

bool EvidenceLog::has_fork(std::string_view stream, const Hash& refused_header) const {
  const std::shared_lock lock(impl_->state_mutex);
  return impl_->index.has_fork(stream, refused_header);
}

Result<EvidenceLog::StoredBatch> EvidenceLog::batch(std::string_view stream,
                                                    std::uint64_t number) const {
  const auto row = batch_row(stream, number);
  if (!row) {
    return fail(ErrorKind::reject, fmt::format("there is no batch {} of {}", number, stream));
  }
  auto header = leaf(row->leaf);
  if (!header) return failure(header);
  auto bytes = body(row->row);
  if (!bytes) return failure(bytes);
  StoredBatch batch;
  batch.frame = {std::move(*header), std::move(*bytes)};
  batch.received = row->received;
  batch.leaf = row->leaf;
  batch.unit = row->unit;
  batch.host = row->host;
  batch.hollow = row->hollow;
  return batch;
}

std::optional<BatchRow> EvidenceLog::batch_row(std::string_view stream,
                                               std::uint64_t number) const {
  const std::shared_lock lock(impl_->state_mutex);
  const auto row = impl_->index.find_batch(stream, number);
  if (!row) return std::nullopt;
  return impl_->index.row(*row);
}

std::optional<BatchRow> EvidenceLog::row_of_record(std::string_view stream,
                                                   std::uint64_t record) const {
  const std::shared_lock lock(impl_->state_mutex);
  const auto row = impl_->index.find_record(stream, record);
  if (!row) return std::nullopt;
  return impl_->index.row(*row);
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

void EvidenceLog::visit_rows(std::size_t from,
                             const std::function<void(const BatchRow&)>& visit) const {
  std::vector<BatchRow> some;
  do {
    some.clear();
    {
      const std::shared_lock lock(impl_->state_mutex);
      const std::size_t end = std::min(impl_->index.rows(), from + rows_per_lock);
      for (; from < end; ++from) some.push_back(impl_->index.row(from));
    }
    for (const BatchRow& row : some) visit(row);
  } while (!some.empty());
}

std::vector<BatchRow> EvidenceLog::rows(std::size_t from) const {
  std::vector<BatchRow> all;
  visit_rows(from, [&](const BatchRow& row) { all.push_back(row); });
  return all;
}

BatchRow EvidenceLog::row(std::size_t ordinal) const {
  const std::shared_lock lock(impl_->state_mutex);
  return impl_->index.row(ordinal);
}

Result<std::string> EvidenceLog::body(std::size_t row) const {
  WalPlace place;
  {
    const std::shared_lock lock(impl_->state_mutex);
    if (row >= impl_->index.rows()) return fail(ErrorKind::reject, "there is no such batch");
    place = impl_->index.body_place(row);
  }
  auto frame = impl_->wal->read(place);
  if (!frame) return failure(frame);
  return body_in(*frame);
}

EvidenceLog::Stats EvidenceLog::stats() const {
  const std::shared_lock lock(impl_->state_mutex);
  Stats stats = impl_->stats;
  stats.rows = impl_->index.rows();
  stats.leaves = impl_->published.tree.size;
  return stats;
}

}  // namespace yunjian::collector
