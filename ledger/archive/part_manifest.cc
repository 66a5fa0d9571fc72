#include "ledger/archive/part_manifest.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <optional>

#include "ledger/base/bytes.h"

namespace yunjian::ledger {
namespace {

constexpr std::string_view first_line = "yunjian/parts/v1\n";
constexpr std::string_view any_version = "yunjian/parts/v";
constexpr unsigned file_mode = 0640;
constexpr std::size_t checksum_line_bytes = 5 + 16 + 1;

Failure damaged(std::string_view what) {
  return fail(ErrorKind::corrupt, "the manifest of the parts is damaged: " + std::string(what));
}

std::string manifest_path(const std::string& data) {
  return join_path(parts_directory(data), "manifest");
}

// Numbers behind `name`, as many as `values` holds.
bool read_line(std::string_view& text, std::string_view name,
               std::initializer_list<std::uint64_t*> values) {
  const std::size_t end = text.find('\n');
  if (end == std::string_view::npos || !text.starts_with(name)) return false;
  std::string_view rest = text.substr(name.size(), end - name.size());
  for (std::uint64_t* value : values) {
    if (!rest.starts_with(' ')) return false;
    rest.remove_prefix(1);
    const std::size_t space = std::min(rest.find(' '), rest.size());
    auto number = parse_decimal(rest.substr(0, space));
    if (!number) return false;
    *value = *number;
    rest.remove_prefix(space);
  }
  if (!rest.empty()) return false;
  text.remove_prefix(end + 1);
  return true;
}

}  // namespace

std::string format_manifest(const PartManifest& manifest) {
  std::string text(first_line);
  text += fmt::format("next {}\nsegment {}\nleaves {}\nstreams {}\n", manifest.next_part,
                      manifest.first_segment, manifest.leaves, manifest.streams);
  for (const PartManifest::Part& part : manifest.parts) {
    text +=
        fmt::format("part {} {} {} {}\n", part.number, part.day, part.first_leaf, part.leaf_end);
  }
  return text + fmt::format("xxh3 {:016x}\n", XXH3_64bits(text.data(), text.size()));
}

Result<PartManifest> parse_manifest(std::string_view text) {
  PartManifest manifest;
  std::string_view rest = text;
  if (!rest.starts_with(first_line)) {
    if (!rest.starts_with(any_version)) return damaged("its first line");
    return fail(ErrorKind::reject, "the manifest of the parts was written by another version");
  }
  rest.remove_prefix(first_line.size());
  if (!read_line(rest, "next", {&manifest.next_part}) ||
      !read_line(rest, "segment", {&manifest.first_segment}) ||
      !read_line(rest, "leaves", {&manifest.leaves}) ||
      !read_line(rest, "streams", {&manifest.streams})) {
    return damaged("its counts");
  }
  std::uint64_t leaf = 0;
  PartManifest::Part part;
  while (read_line(rest, "part", {&part.number, &part.day, &part.first_leaf, &part.leaf_end})) {
    if (part.first_leaf != leaf || part.leaf_end < leaf) return damaged("its parts have a hole");
    leaf = part.leaf_end;
    manifest.parts.push_back(part);
  }
  const std::string_view covered = text.substr(0, text.size() - rest.size());
  if (rest.size() != checksum_line_bytes ||
      rest != fmt::format("xxh3 {:016x}\n", XXH3_64bits(covered.data(), covered.size()))) {
    return damaged("its checksum");
  }
  if (leaf != manifest.leaves) return damaged("its parts do not cover its leaves");
  return manifest;
}

std::string parts_directory(const std::string& data) { return join_path(data, "parts"); }

Result<PartManifest> read_manifest(FileSystem& files, const std::string& data) {
  const std::string path = manifest_path(data);
  auto there = files.exists(path);
  if (!there) return failure(there);
  if (!*there) return PartManifest{};
  auto text = files.read_file(path);
  if (!text) return failure(text);
  auto manifest = parse_manifest(*text);
  if (!manifest) return failure(manifest, path);
  return manifest;
}

Result<void> write_manifest(FileSystem& files, const std::string& data,
                            const PartManifest& manifest) {
  return replace_file(files, manifest_path(data), format_manifest(manifest), file_mode);
}

}  // namespace yunjian::ledger
