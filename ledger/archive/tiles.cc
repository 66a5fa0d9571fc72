#include "ledger/archive/tiles.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "ledger/archive/tile_tree.h"

namespace yunjian::ledger {
namespace {

constexpr std::size_t entry_bytes_max = 0xffff;

Failure bad_path(std::string_view path) {
  return fail(ErrorKind::reject, fmt::format("not the path of a tile: {}", path));
}

// Digits up to the next '/' or the end, which is taken too; nullopt when there is anything else.
std::optional<std::uint64_t> take_number(std::string_view& rest) {
  const std::size_t end = std::min(rest.find('/'), rest.size());
  auto value = parse_decimal(rest.substr(0, end));
  rest.remove_prefix(std::min(end + 1, rest.size()));
  if (!value) return std::nullopt;
  return *value;
}

// "x001/x234/067" as 1234067. Whether it is the only spelling is for the caller to find out.
std::optional<std::uint64_t> read_index(std::string_view text) {
  constexpr std::size_t digits_max = 18;
  std::uint64_t index = 0;
  std::size_t digits = 0;
  for (const char c : text) {
    if (c == 'x' || c == '/') continue;
    if (c < '0' || c > '9' || ++digits > digits_max) return std::nullopt;
    index = index * 10 + static_cast<std::uint64_t>(c - '0');
  }
  return index;
}

}  // namespace

std::string tile_path(const TileId& id) {
  std::string path = id.entries ? "tile/entries/" : fmt::format("tile/{}/", id.level);
  std::string digits = fmt::format("{:03}", id.index);
  digits.insert(0, (3 - digits.size() % 3) % 3, '0');
  for (std::size_t at = 0; at < digits.size(); at += 3) {
    const bool is_last = at + 3 == digits.size();
    if (!is_last) path.push_back('x');
    path.append(digits, at, 3);
    if (!is_last) path.push_back('/');
  }
  if (id.width < tile_width) path += fmt::format(".p/{}", id.width);
  return path;
}

Result<TileId> parse_tile_path(std::string_view path) {
  constexpr std::uint64_t level_max = 63;
  constexpr std::string_view start = "tile/";
  constexpr std::string_view entries = "entries/";
  constexpr std::string_view partial = ".p/";
  TileId id;
  std::string_view rest = path;
  if (!rest.starts_with(start)) return bad_path(path);
  rest.remove_prefix(start.size());
  id.entries = rest.starts_with(entries);
  if (id.entries) {
    rest.remove_prefix(entries.size());
  } else {
    const auto level = take_number(rest);
    if (!level || *level > level_max) return bad_path(path);
    id.level = static_cast<unsigned>(*level);
  }
  const std::size_t dot = rest.find(partial);
  if (dot != std::string_view::npos) {
    std::string_view width_text = rest.substr(dot + partial.size());
    const auto width = take_number(width_text);
    if (!width || *width == 0 || *width >= tile_width) return bad_path(path);
    id.width = static_cast<std::uint32_t>(*width);
  }
  const auto index = read_index(rest.substr(0, dot));
  if (!index) return bad_path(path);
  id.index = *index;
  // The groups of digits were read leniently; the one way to write them must be how they stand.
  if (tile_path(id) != path) return bad_path(path);
  return id;
}

std::uint32_t tile_width_at(unsigned level, std::uint64_t index, std::uint64_t size) {
  if (level >= tile_levels) return 0;
  const std::uint64_t hashes = size >> (level * tile_height);
  if (index > hashes / tile_width) return 0;
  return static_cast<std::uint32_t>(
      std::min<std::uint64_t>(hashes - index * tile_width, tile_width));
}

std::string format_entries(const std::vector<std::string_view>& entries) {
  require(!entries.empty() && entries.size() <= tile_width, "an entry bundle has 1 to 256 entries");
  std::string bundle;
  for (const std::string_view entry : entries) {
    require(entry.size() <= entry_bytes_max, "an entry is at most 65535 bytes long");
    bundle.push_back(static_cast<char>(entry.size() >> 8));
    bundle.push_back(static_cast<char>(entry.size() & 0xff));
    bundle.append(entry);
  }
  return bundle;
}

Result<std::vector<std::string_view>> parse_entries(std::string_view bundle) {
  std::vector<std::string_view> entries;
  while (!bundle.empty()) {
    if (entries.size() == tile_width) {
      return fail(ErrorKind::reject, "an entry bundle holds more than 256 entries");
    }
    if (bundle.size() < 2) return fail(ErrorKind::reject, "an entry bundle is cut");
    const auto length = static_cast<std::size_t>(static_cast<unsigned char>(bundle[0]) << 8 |
                                                 static_cast<unsigned char>(bundle[1]));
    bundle.remove_prefix(2);
    if (bundle.size() < length) return fail(ErrorKind::reject, "an entry bundle is cut");
    entries.push_back(bundle.substr(0, length));
    bundle.remove_prefix(length);
  }
  if (entries.empty()) return fail(ErrorKind::reject, "an entry bundle is empty");
  return entries;
}

}  // namespace yunjian::ledger
