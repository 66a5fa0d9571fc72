#include "collector/backup_writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <sstream>

#include "collector/data_directory.h"
#include "ledger/archive/tiles.h"
#include "ledger/checkpoint.h"
#include "ledger/suite.h"

namespace yunjian::collector {

using ledger::ErrorKind;
using ledger::join_path;
using ledger::Result;

namespace {

constexpr unsigned file_mode = 0600;
constexpr unsigned directory_mode = 0700;
constexpr std::uint64_t piece_bytes = 4U << 20;
constexpr std::uint64_t looked_at_bytes = 4096;  // at both ends of a file that may be as before
constexpr std::uint64_t whole_file = ~std::uint64_t{0};
constexpr std::size_t sum_digits = 64;
constexpr std::size_t name_chars = 16;  // 20261127T180000Z
constexpr std::string_view catalog_name = "catalog.sqlite";
constexpr unsigned tile_levels = 8;  // 2^64 leaves
constexpr std::string_view sums_name = "SHA256SUMS";
constexpr std::string_view unfinished = ".new";

// What is not copied by its name at the top: it is in the plan, or is nobody's loss.
bool is_left_out(std::string_view name) {
  constexpr std::string_view names[] = {"wal",  "parts",      "tile",    "checkpoint",
                                        "lock", "admin.sock", "scratch", "stream.state"};
  return std::ranges::find(names, name) != std::end(names) || name.starts_with(catalog_name) ||
         name.ends_with(unfinished);
}

bool is_copy_name(std::string_view name) {
  return name.size() == name_chars && name[8] == 'T' && name.ends_with('Z');
}

std::map<std::string, std::string> parse_sums(std::string_view text) {
  std::map<std::string, std::string> sums;
  std::istringstream lines{std::string(text)};
  for (std::string line; std::getline(lines, line);) {
    if (line.size() > sum_digits + 2) {
      sums[line.substr(sum_digits + 2)] = line.substr(0, sum_digits);
    }
  }
  return sums;
}

}  // namespace

Result<BackupWriter::Options> backup_options(const CollectorConfig& config,
                                             const AdminRequest& request) {
  BackupWriter::Options options;
  options.data = config.data;
  options.directory = request.field("to");
  options.keep = config.backup_keep;
  if (options.directory.empty()) options.directory = config.backup_directory;
  while (options.directory.size() > 1 && options.directory.ends_with('/')) {
    options.directory.pop_back();
  }
  if (options.directory.empty()) {
    return ledger::fail(ErrorKind::reject,
                        "say where: --to DIR, or `directory` in [backup] of the configuration");
  }
  const std::string keep = request.field("keep");
  if (keep.empty()) return options;
  const auto number = ledger::parse_decimal(keep);
  if (!number || *number == 0) {
    return ledger::fail(ErrorKind::reject,
                        fmt::format("--keep '{}': a whole number from 1 on", keep));
  }
  options.keep = *number;
  return options;
}

Result<BackupWriter::Summary> BackupWriter::run() {
  if (auto done = prepare(); !done) return ledger::failure(done);
  auto lock = files_.lock(join_path(options_.directory, "lock"));
  if (!lock) return ledger::failure(lock, "another backup runs");
  if (auto done = find_earlier(); !done) return ledger::failure(done);
  if (auto made = files_.make_directory(making_, directory_mode); !made) {
    return ledger::failure(made);
  }
  directories_.insert(making_);
  auto checkpoint = files_.read_file(join_path(options_.data, "checkpoint"));
  if (!checkpoint) return ledger::failure(checkpoint);
  if (auto done = put("checkpoint", *checkpoint); !done) return ledger::failure(done);
  if (auto done = copy_tiles(*checkpoint); !done) return ledger::failure(done, "copying tiles");
  auto plan = options_.begin();
  if (!plan) return ledger::failure(plan);
  auto copied = copy_plan(*plan);
  auto ended = options_.end();  // also when it failed: nothing is kept for us any longer
  if (!copied) return ledger::failure(copied);
  if (!ended) return ledger::failure(ended);
  if (auto done = finish(); !done) return ledger::failure(done);
  if (auto done = remove_old(); !done) return ledger::failure(done, "removing old copies");
  return summary_;
}

Result<void> BackupWriter::prepare() {
  const std::string& directory = options_.directory;
  if (directory == options_.data || directory.starts_with(options_.data + "/")) {
    return ledger::fail(ErrorKind::reject,
                        fmt::format("{} lies within the data directory: a backup belongs on "
                                    "another disk",
                                    directory));
  }
  if (auto made = files_.make_directory(directory, directory_mode); !made) {
    return ledger::failure(made, "the directory above that of the backups must be there");
  }
  std::string name = ledger::format_time(parts_.clock.wall());  // 2026-11-27T18:00:00.000000Z
  std::erase_if(name, [](char c) { return c == '-' || c == ':'; });
  summary_.path = join_path(directory, name.substr(0, name_chars - 1) + "Z");
  making_ = summary_.path + std::string(unfinished);
  return {};
}

// The newest copy that is whole; what an interrupted run left goes.
Result<void> BackupWriter::find_earlier() {
  auto names = files_.list(options_.directory);
  if (!names) return ledger::failure(names);
  for (const std::string& name : *names) {
    const std::string path = join_path(options_.directory, name);
    const std::string_view front = std::string_view(name).substr(0, name_chars);
    if (!is_copy_name(front)) continue;
    if (name == front) earlier_ = path;
    if (name != front && name.substr(name_chars) == unfinished) {
      if (auto removed = remove_tree(path); !removed) return removed;
    }
  }
  if (earlier_.empty()) return {};
  if (earlier_ == summary_.path) {
    return ledger::fail(ErrorKind::retry, "a copy was made in this very second; try again");
  }
  auto sums = files_.read_file(join_path(earlier_, sums_name));
  if (!sums) return ledger::failure(sums);
  known_ = parse_sums(*sums);
  auto theirs = files_.read_file(join_path(earlier_, "log.json"));
  auto ours = files_.read_file(DataDirectory{options_.data}.log_facts());
  if (!ours) return ledger::failure(ours);
  if (theirs && *theirs == *ours) return {};
  return ledger::fail(
      ErrorKind::reject,
      fmt::format("{} holds copies of another log; choose another directory", options_.directory));
}

// From the top level down, all that the tree of the checkpoint has.
Result<void> BackupWriter::copy_tiles(std::string_view checkpoint) {
  auto note = ledger::parse_note(checkpoint);
  if (!note) return ledger::failure(note);
  auto parsed = ledger::parse_checkpoint(note->text);
  if (!parsed) return ledger::failure(parsed);
  const std::uint64_t size = parsed->tree.size;
  for (unsigned level = tile_levels; level-- > 0;) {
    for (std::uint64_t index = 0;; ++index) {
      const std::uint32_t width = ledger::tile_width_at(level, index, size);
      if (width == 0) break;
      if (auto copied = copy_tile(level, index, width); !copied) return copied;
    }
  }
  return {};
}

// A full tile never changes; one that grows has the same name without its width.
Result<void> BackupWriter::copy_tile(unsigned level, std::uint64_t index, std::uint32_t width) {
  const std::string path = ledger::tile_path({.level = level, .index = index});
  if (width == ledger::tile_width) {
    auto linked = link_earlier(path);
    if (!linked) return ledger::failure(linked);
    if (*linked) return {};
  }
  return copy_file(path, whole_file);
}

Result<void> BackupWriter::copy_plan(const BackupPlan& plan) {
  summary_.leaves = plan.leaves;
  for (const std::string& path : plan.files) {
    if (auto copied = copy_file(path, whole_file); !copied) return copied;
  }
  if (auto copied = copy_file(plan.last_segment, plan.last_segment_bytes); !copied) return copied;
  auto catalog =
      copy_from(join_path(options_.data, plan.catalog), std::string(catalog_name), whole_file);
  if (!catalog) return catalog;
  if (auto copied = copy_small(""); !copied) return copied;
  for (const auto& [path, bytes] : plan.contents) {
    if (auto written = put(path, bytes); !written) return written;
  }
  return {};
}

// Files that are replaced as a whole when they change; `directory` is relative, "" the top.
Result<void> BackupWriter::copy_small(const std::string& directory) {
  auto names = files_.list(directory.empty() ? options_.data : join_path(options_.data, directory));
  if (!names) return ledger::failure(names);
  for (const std::string& name : *names) {
    if (directory.empty() && is_left_out(name)) continue;
    if (name.ends_with(unfinished)) continue;
    const std::string path = directory.empty() ? name : join_path(directory, name);
    if (files_.list(join_path(options_.data, path))) {
      if (auto copied = copy_small(path); !copied) return copied;
    } else if (auto copied = copy_file(path, whole_file); !copied) {
      return copied;
    }
  }
  return {};
}

Result<void> BackupWriter::copy_file(const std::string& path, std::uint64_t bytes_max) {
  return copy_from(join_path(options_.data, path), path, bytes_max);
}

Result<void> BackupWriter::copy_from(const std::string& from, const std::string& path,
                                     std::uint64_t bytes_max) {
  auto source = files_.open_read(from);
  if (!source) return ledger::failure(source);
  auto size = (*source)->size();
  if (!size) return ledger::failure(size);
  const std::uint64_t bytes = std::min(*size, bytes_max);
  auto same = is_as_before(**source, path, bytes);
  if (!same) return ledger::failure(same);
  if (*same) {
    auto linked = link_earlier(path);
    if (!linked) return ledger::failure(linked);
    if (*linked) return {};
  }
  if (auto made = make_parents(path); !made) return made;
  auto copy = files_.open_append(target(path), file_mode);
  if (!copy) return ledger::failure(copy);
  ledger::Sha256 sum;
  for (std::uint64_t at = 0; at < bytes;) {
    auto piece = (*source)->read_at(at, std::min(piece_bytes, bytes - at));
    if (!piece) return ledger::failure(piece);
    if (piece->empty()) return ledger::fail(ErrorKind::corrupt, from + " became shorter");
    if (auto written = (*copy)->append(*piece); !written) return written;
    sum.update(*piece);
    at += piece->size();
  }
  if (auto synced = (*copy)->sync(); !synced) return synced;
  sums_[path] = ledger::to_hex(ledger::as_view(sum.finish()));
  ++summary_.files;
  ++summary_.copied_files;
  summary_.bytes += bytes;
  summary_.copied_bytes += bytes;
  return {};
}

Result<void> BackupWriter::put(const std::string& path, std::string_view bytes) {
  if (auto made = make_parents(path); !made) return made;
  if (auto made = ledger::replace_file(files_, target(path), bytes, file_mode); !made) return made;
  sums_[path] = ledger::to_hex(ledger::as_view(ledger::sha256(bytes)));
  ++summary_.files;
  ++summary_.copied_files;
  summary_.bytes += bytes.size();
  summary_.copied_bytes += bytes.size();
  return {};
}

// Whether the copy before has the file: the same name and size, and the same bytes at both ends
// (parts and segments end with checksums over where everything lies; small files are compared
// whole; the catalog is neither).
Result<bool> BackupWriter::is_as_before(const ledger::File& file, const std::string& path,
                                        std::uint64_t bytes) const {
  if (!known_.contains(path) || path == catalog_name) return false;
  auto before = files_.open_read(join_path(earlier_, path));
  if (!before) return false;
  auto size = (*before)->size();
  if (!size || *size != bytes) return false;
  for (const std::uint64_t at : {std::uint64_t{0}, bytes - std::min(bytes, looked_at_bytes)}) {
    auto ours = file.read_at(at, std::min(looked_at_bytes, bytes - at));
    if (!ours) return ledger::failure(ours);
    auto theirs = (*before)->read_at(at, std::min(looked_at_bytes, bytes - at));
    if (!theirs || *theirs != *ours) return false;
  }
  return true;
}

// False: the copy before has no such file, or no second name can be made.
Result<bool> BackupWriter::link_earlier(const std::string& path) {
  const auto known = known_.find(path);
  if (known == known_.end()) return false;
  auto before = files_.open_read(join_path(earlier_, path));
  if (!before) return false;
  auto bytes = (*before)->size();
  if (!bytes) return ledger::failure(bytes);
  if (auto made = make_parents(path); !made) return ledger::failure(made);
  if (!parts_.link(join_path(earlier_, path), target(path))) return false;
  sums_[path] = known->second;
  ++summary_.files;
  summary_.bytes += *bytes;
  return true;
}

Result<void> BackupWriter::make_parents(const std::string& path) {
  for (auto slash = path.find('/'); slash != std::string::npos; slash = path.find('/', slash + 1)) {
    const std::string directory = target(path.substr(0, slash));
    if (!directories_.insert(directory).second) continue;
    if (auto made = files_.make_directory(directory, directory_mode); !made) return made;
  }
  return {};
}

Result<void> BackupWriter::finish() {
  std::string list;
  for (const auto& [path, sum] : sums_) list += fmt::format("{}  {}\n", sum, path);
  auto written = ledger::replace_file(files_, target(std::string(sums_name)), list, file_mode);
  if (!written) return written;
  for (const std::string& directory : directories_) {
    if (auto synced = files_.sync_directory(directory); !synced) return synced;
  }
  if (auto named = files_.rename(making_, summary_.path); !named) return named;
  return files_.sync_directory(options_.directory);
}

Result<void> BackupWriter::remove_old() {
  auto names = files_.list(options_.directory);
  if (!names) return ledger::failure(names);
  std::erase_if(*names, [](const std::string& name) { return !is_copy_name(name); });
  for (std::size_t i = 0; i + options_.keep < names->size(); ++i) {
    // Under another name first: a copy that is half gone must not be taken for one.
    const std::string path = join_path(options_.directory, (*names)[i]);
    const std::string going = path + std::string(unfinished);
    if (auto named = files_.rename(path, going); !named) return named;
    if (auto removed = remove_tree(going); !removed) return removed;
  }
  return files_.sync_directory(options_.directory);
}

Result<void> BackupWriter::remove_tree(const std::string& path) {
  auto names = files_.list(path);
  if (names) {
    for (const std::string& name : *names) {
      if (auto removed = remove_tree(join_path(path, name)); !removed) return removed;
    }
  }
  return files_.remove(path);
}

}  // namespace yunjian::collector
