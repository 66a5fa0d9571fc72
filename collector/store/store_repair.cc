#include "collector/store/store_repair.h"

#include <fmt/format.h>

#include <algorithm>

#include "collector/store/evidence_log_impl.h"
#include "collector/store/part_salvage.h"
#include "collector/store/tile_mender.h"
#include "ledger/archive/part_index.h"

namespace yunjian::collector {

using ledger::ErrorKind;
using ledger::PartManifest;
using ledger::PartReader;
using ledger::Result;

namespace {

constexpr unsigned file_mode = 0640;
constexpr unsigned directory_mode = 0750;
constexpr std::uint64_t piece_bytes = 4U << 20;
constexpr std::string_view manifest_path = "parts/manifest";

Result<void> copy_file(ledger::FileSystem& files, const std::string& from, const std::string& to) {
  auto source = files.open_read(from);
  if (!source) return failure(source);
  const std::string aside = to + ".new";
  if (auto removed = ledger::remove_leftover(files, aside); !removed) return removed;
  auto target = files.open_append(aside, file_mode);
  if (!target) return failure(target);
  for (std::uint64_t at = 0;;) {
    auto piece = (*source)->read_at(at, piece_bytes);
    if (!piece) return failure(piece);
    if (piece->empty()) break;
    if (auto written = (*target)->append(*piece); !written) return written;
    at += piece->size();
  }
  if (auto synced = (*target)->sync(); !synced) return synced;
  if (auto named = files.rename(aside, to); !named) return named;
  return files.sync_directory(ledger::parent_directory(to));
}

}  // namespace

StoreRepair::StoreRepair(ledger::FileSystem& files, Options options)
    : files_(files),
      options_(std::move(options)),
      tools_{.files = files,
             .data = options_.data,
             .suite = *options_.suite,
             .deriver = options_.deriver,
             .stopping = nullptr,
             .leaf_hash = {},
             .find_row = {},
             .root_of = {}} {
  tools_.find_row = [this](const std::string& stream, std::uint64_t batch) {
    return find_row(stream, batch);
  };
  tools_.root_of = [this](std::string_view stream, std::uint64_t batch) {
    return root_of(stream, batch);
  };
}

Result<StoreRepair::Report> StoreRepair::run() {
  auto losses = read_losses(files_, options_.data);
  if (!losses) return failure(losses);
  losses_ = std::move(*losses);
  if (auto done = mend_manifest(); !done) return failure(done);
  if (auto done = mend_streams(); !done) return failure(done);
  for (std::size_t at = 0; at < manifest_.parts.size(); ++at) {
    if (auto done = mend_part(at); !done) return failure(done);
  }
  if (auto done = mend_segments(); !done) return failure(done);
  if (auto done = mend_tiles(); !done) return failure(done, "tiles");
  return report_;
}

Result<void> StoreRepair::mend_manifest() {
  auto manifest = ledger::read_manifest(files_, options_.data);
  if (!manifest && manifest.error().kind != ErrorKind::corrupt) return failure(manifest);
  if (!manifest) {
    auto taken = take_from_copy(std::string(manifest_path), manifest.error().message);
    if (!taken) return failure(taken);
    if (*taken) manifest = ledger::read_manifest(files_, options_.data);
    if (!manifest) {
      return fail(ErrorKind::corrupt,
                  fmt::format("{}; only a copy as new as the data has it: --from COPY",
                              manifest.error().message));
    }
  }
  manifest_ = std::move(*manifest);
  return {};
}

Result<void> StoreRepair::mend_streams() {
  if (manifest_.first_segment == 0) return {};
  auto streams = read_streams(files_, options_.data, manifest_);
  if (streams) return {};
  const std::string path = fmt::format("parts/streams.{}", manifest_.streams);
  auto taken = take_from_copy(path, streams.error().message);
  if (!taken) return failure(taken);
  if (*taken) streams = read_streams(files_, options_.data, manifest_);
  if (streams) return {};
  return fail(ErrorKind::corrupt, fmt::format("{}; only a copy of the same state has it: --from "
                                              "COPY",
                                              streams.error().message));
}

// What is wrong with a part; empty: nothing.
Result<std::string> StoreRepair::fault_of(std::uint64_t number,
                                          const std::string& directory) const {
  auto part = PartReader::open(files_, directory, number);
  if (!part) return part.error().message;
  if (auto whole = (*part)->check(files_); !whole) return whole.error().message;
  FilingTools proving = tools_;
  // The checksums hold: the headers are what was written, tiles are compared with them later.
  const auto hasher = options_.suite->hasher();
  proving.leaf_hash = [&](std::uint64_t leaf) -> Result<ledger::Hash> {
    auto bytes = (*part)->leaf(leaf);
    if (!bytes) return failure(bytes);
    return hasher->leaf(*bytes);
  };
  if (auto proven = prove_part(proving, *part); !proven) return proven.error().message;
  ledger::IndexRules rules;
  if (options_.deriver != nullptr) rules = {options_.deriver->version, options_.deriver->derive};
  auto index = ledger::check_part_index(*part, rules);
  if (!index) return index.error().message;
  return index->kept.empty() ? std::string() : index->kept.front();
}

Result<void> StoreRepair::mend_part(std::size_t at) {
  const PartManifest::Part part = manifest_.parts[at];
  ++report_.parts;
  auto fault = fault_of(part.number, ledger::parts_directory(options_.data));
  if (!fault) return failure(fault);
  if (fault->empty()) return {};
  auto taken = take_part_from_copy(part);
  if (!taken) return failure(taken);
  return *taken ? Result<void>() : make_anew(at, *fault);
}

Result<bool> StoreRepair::take_part_from_copy(const PartManifest::Part& part) {
  if (options_.copy.empty()) return false;
  const std::string directory = ledger::parts_directory(options_.copy);
  auto fault = fault_of(part.number, directory);
  if (!fault) return failure(fault);
  if (!fault->empty()) return false;
  auto there = PartReader::open(files_, directory, part.number);
  if (!there) return false;
  const ledger::PartFooter& footer = (*there)->footer();
  const bool same = footer.first_leaf == part.first_leaf && footer.leaf_end == part.leaf_end &&
                    footer.day == part.day;
  if (!same) return false;
  return take_from_copy("parts/" + ledger::part_name(part.number), "it is damaged");
}

// Order: losses durable, new part durable, the old one in the quarantine, manifest; then the old
// one goes. A stop in between: the next run finds the same damage, or files that no manifest names.
Result<void> StoreRepair::make_anew(std::size_t at, const std::string& why) {
  const PartManifest::Part old = manifest_.parts[at];
  const std::string path = "parts/" + ledger::part_name(old.number);
  auto salvage = PartSalvage::open(tools_, old);
  if (!salvage) return failure(salvage);
  auto made = salvage->write(manifest_.next_part);
  if (!made) return failure(made, "making " + path + " anew");
  if (auto kept = keep_losses(salvage->losses()); !kept) return kept;
  if (auto kept = keep_aside(path); !kept) return kept;
  PartManifest next = manifest_;
  next.parts[at] = *made;
  ++next.next_part;
  if (auto written = ledger::write_manifest(files_, options_.data, next); !written) return written;
  manifest_ = std::move(next);
  ++report_.made_anew;
  report_.done.push_back(
      fmt::format("{}: {}; made anew as {}", path, why, ledger::part_name(made->number)));
  auto there = files_.exists(in_data(path));
  if (!there) return failure(there);
  if (!*there) return {};
  if (auto removed = files_.remove(in_data(path)); !removed) return removed;
  return files_.sync_directory(ledger::parts_directory(options_.data));
}

Result<void> StoreRepair::keep_losses(const std::vector<Loss>& more) {
  for (const Loss& loss : more) {
    const std::uint64_t count = loss.last - loss.first + 1;
    (loss.stream.empty() ? report_.leaves_lost : report_.batches_lost) += count;
    report_.done.push_back(
        loss.stream.empty()
            ? fmt::format("lost: headers of leaves {} to {}", loss.first, loss.last)
            : fmt::format("lost: records of batches {} to {} of {} (unit {}, host {})", loss.first,
                          loss.last, loss.stream, loss.unit, loss.host));
    if (std::ranges::find(losses_, loss) == losses_.end()) losses_.push_back(loss);
  }
  if (more.empty()) return {};
  const std::string directory = quarantine_directory(options_.data);
  if (auto made = files_.make_directory(directory, directory_mode); !made) return made;
  if (auto synced = files_.sync_directory(options_.data); !synced) return synced;
  return ledger::replace_file(files_, ledger::join_path(directory, "losses"),
                              format_losses(losses_), file_mode);
}

Result<void> StoreRepair::keep_aside(const std::string& path) {
  auto there = files_.exists(in_data(path));
  if (!there) return failure(there);
  if (!*there) return {};
  const std::string directory = quarantine_directory(options_.data);
  if (auto made = files_.make_directory(directory, directory_mode); !made) return made;
  if (auto synced = files_.sync_directory(options_.data); !synced) return synced;
  std::string name = path;
  std::ranges::replace(name, '/', '-');
  return copy_file(files_, in_data(path), ledger::join_path(directory, name));
}

// False: there is no copy, or it has no such file.
Result<bool> StoreRepair::take_from_copy(const std::string& path, std::string_view why) {
  if (options_.copy.empty()) return false;
  const std::string from = ledger::join_path(options_.copy, path);
  auto there = files_.exists(from);
  if (!there) return failure(there);
  if (!*there) return false;
  if (auto kept = keep_aside(path); !kept) return failure(kept);
  if (auto copied = copy_file(files_, from, in_data(path)); !copied) return failure(copied);
  ++report_.from_copy;
  report_.done.push_back(fmt::format("{}: {}; taken from {}", path, why, options_.copy));
  return true;
}

// Closed segments are whole or damaged; the last one may have a torn tail, which a start judges by
// what was signed.
Result<void> StoreRepair::mend_segments() {
  const auto nothing = [](WalPlace, std::uint8_t, std::string_view) { return Result<void>(); };
  auto names = files_.list(in_data("wal"));
  if (!names) return failure(names);
  std::uint64_t last = manifest_.first_segment;
  for (const std::string& name : *names) {
    if (const auto number = ledger::segment_number(name)) last = std::max(last, *number);
  }
  for (std::uint64_t number = manifest_.first_segment; number < last; ++number) {
    const Wal::From from{in_data("wal"), number};
    auto whole = Wal::scan_segment(files_, from, nothing);
    if (whole) continue;
    const std::string path = "wal/" + ledger::segment_name(number);
    auto taken = take_from_copy(path, whole.error().message);
    if (!taken) return failure(taken);
    if (*taken) whole = Wal::scan_segment(files_, from, nothing);
    if (whole) continue;
    return fail(ErrorKind::corrupt,
                fmt::format("{}. What it held is nowhere else: give a copy that has it with --from "
                            "COPY, or open a successor with `init --successor-of`",
                            whole.error().message));
  }
  return {};
}

Result<void> StoreRepair::mend_tiles() {
  TileMender mender(files_, options_.data, *options_.suite,
                    [this](const std::string& path) { return keep_aside(path); });
  const auto hasher = options_.suite->hasher();
  for (const PartManifest::Part& named : manifest_.parts) {
    auto part = PartReader::open(files_, ledger::parts_directory(options_.data), named.number);
    if (!part) return failure(part);
    std::vector<std::optional<ledger::Hash>> hashes(named.leaf_end - named.first_leaf);
    for (std::uint64_t block = 0; block < (*part)->footer().header_blocks.size(); ++block) {
      auto headers = (*part)->headers(block);
      if (!headers) return failure(headers);
      const auto& rows = (*headers)->block.rows();
      for (std::size_t i = 0; i < rows.size(); ++i) {
        if (rows[i].fill) continue;
        hashes.at(rows[i].leaf - named.first_leaf) = hasher->leaf((*headers)->notes[i]);
      }
    }
    for (std::size_t group = 0; group < (*part)->footer().leaves.size(); ++group) {
      auto leaves = (*part)->leaves(group);
      if (!leaves) return failure(leaves);
      for (const auto& leaf : *leaves) {
        hashes.at(leaf.index - named.first_leaf) = hasher->leaf(leaf.leaf);
      }
    }
    for (const auto& hash : hashes) {
      if (auto added = mender.add(hash); !added) return added;
    }
  }
  const auto visit = [&](WalPlace, std::uint8_t type, std::string_view payload) -> Result<void> {
    auto entry = ledger::decode_wal_entry(type, payload);
    if (!entry) return failure(entry);
    if (const auto* batch = std::get_if<ledger::WalBatch>(&*entry)) {
      return mender.add(hasher->leaf(batch->header));
    }
    if (const auto* leaf = std::get_if<ledger::WalLeaf>(&*entry)) {
      return mender.add(hasher->leaf(leaf->leaf));
    }
    return {};
  };
  auto scanned = Wal::scan(files_, {in_data("wal"), manifest_.first_segment}, visit);
  if (!scanned) return failure(scanned);
  if (auto finished = mender.finish(); !finished) return finished;
  report_.tiles = mender.mended();
  if (report_.tiles > 0) {
    report_.done.push_back(
        fmt::format("{} tiles were not those of the leaves; written anew", report_.tiles));
  }
  return {};
}

// Of a batch whose body came late: its header lies in another part.
Result<ledger::PartRow> StoreRepair::find_row(std::string_view stream, std::uint64_t batch) const {
  for (const PartManifest::Part& named : manifest_.parts) {
    auto part = PartReader::open(files_, ledger::parts_directory(options_.data), named.number);
    if (!part) continue;
    auto found = (*part)->find_batch(stream, batch, false);
    if (found && *found) return std::move((*found)->row);
  }
  return fail(ErrorKind::corrupt, fmt::format("batch {} of {} is in no part", batch, stream));
}

Result<ledger::Hash> StoreRepair::root_of(std::string_view stream, std::uint64_t batch) const {
  for (const PartManifest::Part& named : manifest_.parts) {
    auto part = PartReader::open(files_, ledger::parts_directory(options_.data), named.number);
    if (!part) continue;
    auto found = (*part)->find_batch(stream, batch, false);
    if (!found || !*found) continue;
    auto sealed = ledger::read_header((*found)->note, *options_.suite);
    if (!sealed) return failure(sealed);
    return sealed->header.root;
  }
  return fail(ErrorKind::corrupt, fmt::format("batch {} of {} is in no part", batch, stream));
}

}  // namespace yunjian::collector
