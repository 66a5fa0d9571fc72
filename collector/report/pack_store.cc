#include "collector/report/pack_store.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "ledger/base/bytes.h"

namespace yunjian::collector {

using ledger::ErrorKind;
using ledger::join_path;
using ledger::Result;

namespace {

constexpr unsigned directory_mode = 0700;
constexpr unsigned file_mode = 0600;
constexpr std::string_view manifest_name = "manifest";
constexpr std::string_view leaf_name = "leaf";

std::optional<std::uint64_t> revision_of(std::string_view name) {
  if (!name.starts_with('r')) return std::nullopt;
  const auto number = ledger::parse_decimal(name.substr(1));
  return number && *number > 0 ? std::optional(*number) : std::nullopt;
}

}  // namespace

std::string PackStore::month_directory(rules::Month month) const {
  return join_path(directory_, rules::format_month(month));
}

bool PackStore::is_directory(const std::string& path) const {
  return files_.list(path).has_value();
}

Result<std::vector<rules::Month>> PackStore::months() const {
  std::vector<rules::Month> months;
  auto there = files_.exists(directory_);
  if (!there) return ledger::failure(there);
  if (!*there) return months;
  auto names = files_.list(directory_);
  if (!names) return ledger::failure(names);
  for (const std::string& name : *names) {
    if (const auto month = rules::parse_month(name)) months.push_back(*month);
  }
  return months;
}

Result<std::vector<std::uint64_t>> PackStore::revisions(rules::Month month) const {
  std::vector<std::uint64_t> numbers;
  auto there = files_.exists(month_directory(month));
  if (!there) return ledger::failure(there);
  if (!*there) return numbers;
  auto names = files_.list(month_directory(month));
  if (!names) return ledger::failure(names);
  for (const std::string& name : *names) {
    if (const auto number = revision_of(name)) numbers.push_back(*number);
  }
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

Result<std::optional<StoredPack>> PackStore::newest(rules::Month month) const {
  auto numbers = revisions(month);
  if (!numbers) return ledger::failure(numbers);
  if (numbers->empty()) return std::optional<StoredPack>();
  auto pack = revision(month, numbers->back());
  if (!pack) return ledger::failure(pack);
  return std::optional(std::move(*pack));
}

Result<StoredPack> PackStore::revision(rules::Month month, std::uint64_t number) const {
  StoredPack pack;
  pack.directory = join_path(month_directory(month), fmt::format("r{}", number));
  const std::string path = join_path(pack.directory, manifest_name);
  auto bytes = files_.read_file(path);
  if (!bytes) return ledger::failure(bytes);
  auto note = ledger::parse_note(*bytes);
  auto manifest = note ? ledger::parse_report_manifest(note->text)
                       : Result<ledger::ReportManifest>(ledger::failure(note));
  if (!manifest) return ledger::fail(ErrorKind::corrupt, path + ": " + manifest.error().message);
  pack.manifest = std::move(*manifest);
  pack.note = std::move(*bytes);
  const std::string leaf = join_path(pack.directory, leaf_name);
  auto there = files_.exists(leaf);
  if (!there) return ledger::failure(there);
  if (!*there) return pack;
  auto text = files_.read_file(leaf);
  if (!text) return ledger::failure(text);
  const auto index = ledger::parse_decimal(text->substr(0, text->find('\n')));
  if (index) pack.leaf = *index;
  return pack;
}

Result<std::string> PackStore::file(const StoredPack& pack, std::string_view path,
                                    ledger::Hasher& hasher) const {
  const auto& listed = pack.manifest.files;
  const auto found = std::find_if(listed.begin(), listed.end(),
                                  [&](const auto& file) { return file.path == path; });
  if (found == listed.end()) {
    return ledger::fail(ErrorKind::reject, fmt::format("{} is not in the pack", path));
  }
  auto bytes = files_.read_file(join_path(pack.directory, path));
  if (bytes && hasher.plain(*bytes) == found->hash) return bytes;
  return ledger::fail(ErrorKind::corrupt,
                      fmt::format("{}/{} is not what the manifest says; build the month anew",
                                  pack.directory, path));
}

Result<std::string> PackStore::begin(rules::Month month, const std::string& name) const {
  if (auto made = files_.make_directory(directory_, directory_mode); !made) {
    return ledger::failure(made);
  }
  const std::string of_month = month_directory(month);
  if (auto made = files_.make_directory(of_month, directory_mode); !made) {
    return ledger::failure(made);
  }
  const std::string directory = join_path(of_month, name);
  if (auto dropped = drop(directory); !dropped) return ledger::failure(dropped);
  if (auto made = files_.make_directory(directory, directory_mode); !made) {
    return ledger::failure(made);
  }
  return directory;
}

Result<void> PackStore::put(const std::string& directory, const std::string& path,
                            std::string_view bytes) const {
  for (auto slash = path.find('/'); slash != std::string::npos; slash = path.find('/', slash + 1)) {
    auto made = files_.make_directory(join_path(directory, path.substr(0, slash)), directory_mode);
    if (!made) return made;
  }
  return ledger::replace_file(files_, join_path(directory, path), bytes, file_mode);
}

Result<StoredPack> PackStore::finish(const std::string& directory,
                                     const ledger::ReportManifest& manifest,
                                     const std::string& note) const {
  if (auto put_note = put(directory, std::string(manifest_name), note); !put_note) {
    return ledger::failure(put_note);
  }
  StoredPack pack{.manifest = manifest, .note = note};
  const std::string parent = ledger::parent_directory(directory);
  pack.directory = join_path(parent, fmt::format("r{}", manifest.revision));
  if (auto named = files_.rename(directory, pack.directory); !named) {
    return ledger::failure(named);
  }
  if (auto synced = files_.sync_directory(parent); !synced) return ledger::failure(synced);
  return pack;
}

Result<void> PackStore::set_leaf(StoredPack& pack, std::uint64_t leaf) const {
  pack.leaf = leaf;
  return put(pack.directory, std::string(leaf_name), fmt::format("{}\n", leaf));
}

Result<void> PackStore::drop(const std::string& directory) const {
  auto there = files_.exists(directory);
  if (!there) return ledger::failure(there);
  if (!*there) return {};
  auto names = files_.list(directory);
  if (!names) return ledger::failure(names);
  for (const std::string& name : *names) {
    const std::string path = join_path(directory, name);
    auto gone = is_directory(path) ? drop(path) : files_.remove(path);
    if (!gone) return gone;
  }
  return files_.remove(directory);
}

std::string format_evidence(const EvidenceByScope& evidence) {
  std::string out;
  for (const auto& [scope, of] : evidence) {
    out += fmt::format("{} {} {} {} {} {} {} {}\n", of.leaves,
                       of.checkpoint_root.empty() ? "-" : of.checkpoint_root, of.streams, of.silent,
                       of.records, of.hollow, of.forks, scope);
  }
  return out;
}

Result<EvidenceByScope> parse_evidence(std::string_view text) {
  EvidenceByScope evidence;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    std::array<std::string_view, 7> words;
    for (std::string_view& word : words) {
      const std::size_t space = std::min(line.find(' '), line.size());
      word = line.substr(0, space);
      line.remove_prefix(std::min(space + 1, line.size()));
    }
    PackSources::Evidence of{.checkpoint_root = words[1] == "-" ? "" : std::string(words[1])};
    std::uint64_t* const numbers[] = {&of.leaves,  &of.streams, &of.silent,
                                      &of.records, &of.hollow,  &of.forks};
    bool good = !line.empty();
    for (std::size_t i = 0; i < std::size(numbers); ++i) {
      const auto number = ledger::parse_decimal(words[i == 0 ? 0 : i + 1]);
      good = good && number;
      *numbers[i] = number ? *number : 0;
    }
    if (!good) {
      return ledger::fail(ErrorKind::reject, "evidence.list: a line that cannot be read");
    }
    evidence.emplace(std::string(line), std::move(of));
  }
  return evidence;
}

}  // namespace yunjian::collector
