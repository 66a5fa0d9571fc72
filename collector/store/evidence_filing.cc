// Behind the commits: segments of the WAL become parts, small parts become larger ones. One thread.
#include <fmt/format.h>
#include <xxhash.h>

#include <algorithm>

#include "collector/store/evidence_log_impl.h"
#include "ledger/archive/codec.h"

namespace yunjian::collector {

using ledger::ErrorKind;
using ledger::fail;
using ledger::Hash;
using ledger::PartManifest;
using ledger::Result;

namespace {

constexpr unsigned file_mode = 0640;
constexpr unsigned directory_mode = 0750;
constexpr std::string_view streams_prefix = "streams.";
constexpr std::string_view manifest_name = "manifest";
// So many neighbours of one day are joined when they are smaller than this and were joined equally
// often: a record is written once a level, and each level holds eight times as much. A day that is
// over becomes one part, unless that is large.
constexpr std::size_t parts_joined = 8;
constexpr std::uint64_t small_part_bytes = 8U << 20;
constexpr std::uint64_t joined_bytes_max = std::uint64_t{2} << 30;
constexpr int day_compression = 9;
constexpr int first_compression = 3;

std::string encode_streams_file(const FiledStreams& streams) {
  std::string out;
  ledger::put_text(out, streams.state);
  ledger::put_varint(out, streams.peaks.size());
  for (const Hash& peak : streams.peaks) out += ledger::as_view(peak);
  ledger::put_zigzag(out, streams.last_received.time_since_epoch().count());
  ledger::put_u64be(out, XXH3_64bits(out.data(), out.size()));
  return out;
}

}  // namespace

std::string streams_path(const std::string& data, std::uint64_t number) {
  return ledger::join_path(ledger::parts_directory(data),
                           fmt::format("{}{}", streams_prefix, number));
}

Result<FiledStreams> read_streams(ledger::FileSystem& files, const std::string& data,
                                  const PartManifest& manifest) {
  const std::string path = streams_path(data, manifest.streams);
  auto bytes = files.read_file(path);
  if (!bytes) return failure(bytes, "the file of the streams that the manifest names");
  const auto damaged = [&] {
    return fail(ErrorKind::corrupt, path + " is damaged: restore it from backup");
  };
  if (bytes->size() < 8) return damaged();
  const std::string_view covered = std::string_view(*bytes).substr(0, bytes->size() - 8);
  if (ledger::get_u64be(bytes->data() + covered.size()) !=
      XXH3_64bits(covered.data(), covered.size())) {
    return damaged();
  }
  ledger::Unpacker in(covered);
  FiledStreams streams;
  streams.state = in.text();
  streams.peaks.resize(in.count());
  for (Hash& peak : streams.peaks) {
    const std::string_view hash = in.take(peak.size());
    for (std::size_t i = 0; i < hash.size(); ++i) peak[i] = static_cast<std::uint8_t>(hash[i]);
  }
  streams.last_received = ledger::Time(std::chrono::microseconds(in.zigzag()));
  if (!in.at_end()) return damaged();
  return streams;
}

void EvidenceLog::stop_filing() { impl_->filing_stopped = true; }

Result<bool> EvidenceLog::file_step() {
  if (impl_->filing_stopped) return filing_stopped_error();
  {
    const std::lock_guard lock(impl_->queue_mutex);
    if (impl_->failed) return ledger::Failure(*impl_->failed);
  }
  if (auto removed = impl_->remove_released(); !removed) return failure(removed);
  if (const auto next = impl_->segment_to_file()) {
    if (auto filed = impl_->file(next->first, next->second); !filed) return failure(filed);
    return true;
  }
  const std::vector<PartPtr> parts = impl_->parts_to_merge();
  if (parts.empty()) return false;
  if (auto merged = impl_->merge(parts); !merged) return failure(merged);
  return true;
}

// The oldest closed segment whose leaves are in durable tiles: without them nobody could tell that
// a part gives it back.
std::optional<std::pair<std::uint64_t, std::uint64_t>> EvidenceLog::Impl::segment_to_file() const {
  const std::shared_lock lock(state_mutex);
  if (closed_segments.empty() || closed_segments.front().second > stored_leaves) {
    return std::nullopt;
  }
  return closed_segments.front();
}

std::shared_ptr<const PartSet> EvidenceLog::Impl::part_set() const {
  const std::shared_lock lock(state_mutex);
  return parts;
}

FilingTools EvidenceLog::Impl::filing_tools() const {
  FilingTools tools{.files = files,
                    .data = options.directory,
                    .suite = *options.suite,
                    .deriver = options.deriver,
                    .stopping = &filing_stopped,
                    .leaf_hash = {},
                    .find_row = {},
                    .root_of = {}};
  tools.leaf_hash = [this](std::uint64_t leaf) { return publisher->tiles().subtree(0, leaf); };
  const auto find = [this](std::string_view stream,
                           std::uint64_t number) -> Result<PartSet::Found> {
    auto found = part_set()->find_batch(stream, number);
    if (!found) return failure(found);
    if (*found) return std::move((*found)->found);
    return fail(ErrorKind::corrupt,
                fmt::format("batch {} of {}, whose body came late, is in no part", number, stream));
  };
  tools.find_row = [find](const std::string& stream,
                          std::uint64_t number) -> Result<ledger::PartRow> {
    auto found = find(stream, number);
    if (!found) return failure(found);
    return std::move(found->row);
  };
  tools.root_of = [this, find](std::string_view stream, std::uint64_t number) -> Result<Hash> {
    auto found = find(stream, number);
    if (!found) return failure(found);
    auto sealed = ledger::read_header(found->note, *options.suite);
    if (!sealed) return failure(sealed);
    return sealed->header.root;
  };
  return tools;
}

// Order: parts durable and proven, streams durable, manifest replaced (this is the moment), then
// readers go over to the parts, then the segment goes. A stop in between leaves files that the next
// start removes.
Result<void> EvidenceLog::Impl::file(std::uint64_t segment, std::uint64_t leaf_end) {
  const std::string directory = ledger::parts_directory(options.directory);
  if (auto made = files.make_directory(directory, directory_mode); !made) return made;
  if (auto synced = files.sync_directory(options.directory); !synced) return synced;
  auto filed = file_segment(filing_tools(), {segment, manifest.leaves, next_part});
  if (!filed) return failure(filed);
  next_part += filed->parts.size();
  PartManifest next = manifest;
  next.next_part = next_part;
  next.first_segment = segment + 1;
  next.leaves = filed->leaf_end;
  next.streams = segment + 1;
  for (const auto& part : filed->parts) next.parts.push_back(part);
  if (filed->leaf_end != leaf_end) {
    return fail(ErrorKind::corrupt, fmt::format("segment {} holds other leaves than it did",
                                                ledger::segment_name(segment)));
  }
  if (auto followed = follow(segment); !followed) return followed;
  if (auto written = write_streams(next.streams); !written) return written;
  std::vector<PartPtr> all = part_set()->parts();
  for (const auto& part : filed->parts) {
    auto opened = ledger::PartReader::open(files, directory, part.number, part_cache);
    if (!opened) return failure(opened);
    all.push_back(std::move(*opened));
  }
  const std::uint64_t old_streams = manifest.streams;
  auto switched = switch_to(next, std::make_shared<const PartSet>(std::move(all)));
  if (!switched) return switched;
  std::vector<std::string> behind = {wal->forget(segment)};
  if (old_streams != 0) behind.push_back(streams_path(options.directory, old_streams));
  return let_go(std::move(behind));
}

Result<void> EvidenceLog::Impl::switch_to(const PartManifest& next,
                                          std::shared_ptr<const PartSet> set) {
  auto written = ledger::write_manifest(files, options.directory, next);
  if (!written) return failure(written, "writing the manifest of the parts");
  const bool filed_more = next.first_segment != manifest.first_segment;
  const std::unique_lock unread(filing_mutex);
  const std::unique_lock lock(state_mutex);
  manifest = next;
  parts = std::move(set);
  if (!filed_more) return {};
  index.forget(static_cast<std::uint32_t>(next.first_segment - 1));
  closed_segments.pop_front();
  first_segment = next.first_segment;
  return {};
}

// Moves filed_index and filed_tree on by one segment; does nothing when an earlier try did.
Result<void> EvidenceLog::Impl::follow(std::uint64_t segment) {
  if (followed_segment && *followed_segment >= segment) return {};
  const auto hasher = options.suite->hasher();
  auto tree = ledger::MerkleFrontier::resume(*hasher, filed_index->leaves(), filed_peaks);
  if (!tree) return failure(tree);
  const ExamineContext context{*options.suite, *hasher, verifier, filed_index->known()};
  EvidenceIndex::Overlay overlay;
  const auto visit = [&](WalPlace place, std::uint8_t type,
                         std::string_view payload) -> Result<void> {
    auto entry = ledger::decode_wal_entry(type, payload);
    if (!entry) return failure(entry);
    auto facts = examine(*entry, context);
    if (!facts) return fail(ErrorKind::corrupt, facts.error().message);
    overlay.states.clear();
    if (auto admitted = filed_index->admit(*facts, overlay); !admitted) {
      return fail(ErrorKind::corrupt, admitted.error().message);
    }
    filed_received = std::visit([](const auto& any) { return any.received; }, *entry);
    Placed placed{filed_received, place, no_leaf};
    if (const auto hash = leaf_hash_of(*facts)) {
      placed.leaf = filed_index->leaves();
      tree->add_hash(*hash);
    }
    filed_index->apply(std::move(*facts), placed);
    return {};
  };
  auto scanned =
      Wal::scan_segment(files, {ledger::join_path(options.directory, "wal"), segment}, visit);
  if (!scanned) return scanned;
  filed_index->forget(static_cast<std::uint32_t>(segment));
  filed_peaks = tree->peaks();
  followed_segment = segment;
  return {};
}

Result<void> EvidenceLog::Impl::write_streams(std::uint64_t number) const {
  const std::string bytes =
      encode_streams_file({filed_index->encode_state(), filed_peaks, filed_received});
  auto written =
      ledger::replace_file(files, streams_path(options.directory, number), bytes, file_mode);
  if (!written) return failure(written, "writing the file of the streams");
  return {};
}

// First: a run of small neighbours of one level; else: a whole day that is over and still lies in
// several parts.
std::vector<PartPtr> EvidenceLog::Impl::parts_to_merge() const {
  const std::vector<PartPtr> all = part_set()->parts();
  const std::uint64_t today = day_of(clock.wall());
  std::vector<PartPtr> run;
  const auto day_is_other = [&](const PartPtr& part) {
    return !run.empty() && run.back()->footer().day != part->footer().day;
  };
  for (const PartPtr& part : all) {
    const bool is_small = part->file_bytes() < small_part_bytes;
    const bool is_alike =
        !run.empty() && run.back()->footer().level == part->footer().level && !day_is_other(part);
    if (!is_small || !is_alike) run.clear();
    if (is_small) run.push_back(part);
    if (run.size() == parts_joined) return run;
  }
  run.clear();
  std::uint64_t bytes = 0;
  for (const PartPtr& part : all) {
    if (day_is_other(part) || bytes + part->file_bytes() > joined_bytes_max) {
      if (run.size() > 1) return run;
      run.clear();
      bytes = 0;
    }
    if (part->footer().day >= today) break;
    run.push_back(part);
    bytes += part->file_bytes();
  }
  if (run.size() > 1) return run;
  // A part whose fields were derived by other rules is written anew.
  const std::uint32_t version = options.deriver == nullptr ? 0 : options.deriver->version;
  for (const PartPtr& part : all) {
    if (part->footer().rule_version != version) return {part};
  }
  return {};
}

Result<void> EvidenceLog::Impl::merge(const std::vector<PartPtr>& old) {
  const bool day_is_over = old.front()->footer().day < day_of(clock.wall());
  PartsToMerge how;
  how.compression = day_is_over ? day_compression : first_compression;
  how.purged = old.front()->footer().purged;
  return replace(old, std::move(how));
}

Result<void> EvidenceLog::Impl::replace(const std::vector<PartPtr>& old, PartsToMerge how) {
  const std::string directory = ledger::parts_directory(options.directory);
  const std::uint64_t number = next_part++;
  how.parts = old;
  how.number = number;
  auto merged = merge_parts(filing_tools(), how);
  if (!merged) return failure(merged, "joining parts");
  auto opened = ledger::PartReader::open(files, directory, number, part_cache);
  if (!opened) return failure(opened);
  PartManifest next = manifest;
  next.next_part = next_part;
  std::vector<PartPtr> all;
  next.parts.clear();
  for (std::size_t i = 0; i < manifest.parts.size(); ++i) {
    const PartPtr& part = part_set()->parts()[i];
    if (part == old.front()) {
      next.parts.push_back(*merged);
      all.push_back(*opened);
    }
    if (std::ranges::find(old, part) != old.end()) continue;
    next.parts.push_back(manifest.parts[i]);
    all.push_back(part);
  }
  auto switched = switch_to(next, std::make_shared<const PartSet>(std::move(all)));
  if (!switched) return switched;
  std::vector<std::string> behind;
  for (const PartPtr& part : old) {
    behind.push_back(ledger::join_path(directory, ledger::part_name(part->number())));
  }
  return let_go(std::move(behind));
}

// Files that no manifest names: of a stop between two steps.
Result<void> EvidenceLog::Impl::remove_leftovers() {
  first_segment = manifest.first_segment;
  next_part = manifest.next_part;
  filed_received = last_received;
  const std::string wal_directory = ledger::join_path(options.directory, "wal");
  auto cleared = Wal::remove_before(files, {wal_directory, manifest.first_segment});
  if (!cleared) return cleared;
  const std::string directory = ledger::parts_directory(options.directory);
  auto there = files.exists(directory);
  if (!there || !*there) return there ? Result<void>() : failure(there);
  auto names_there = files.list(directory);
  if (!names_there) return failure(names_there);
  bool removed_any = false;
  for (const std::string& name : *names_there) {
    const auto number = ledger::part_number(name);
    const bool is_named = number && std::ranges::any_of(manifest.parts, [&](const auto& part) {
                            return part.number == *number;
                          });
    const bool is_streams = name == fmt::format("{}{}", streams_prefix, manifest.streams);
    const bool is_ours = number || name.starts_with(streams_prefix) || name.ends_with(".new");
    if (!is_ours || is_named || is_streams || name == manifest_name) continue;
    if (auto removed = files.remove(ledger::join_path(directory, name)); !removed) return removed;
    removed_any = true;
  }
  return removed_any ? files.sync_directory(directory) : Result<void>();
}

}  // namespace yunjian::collector
