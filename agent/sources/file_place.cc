#include "agent/sources/file_place.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <charconv>
#include <iterator>
#include <optional>

namespace yunjian::agent {
namespace {

constexpr std::string_view places_version = "files/v1";

bool is_plain(char c) { return c > ' ' && c <= '~' && c != '%' && c != ';'; }

void append_escaped(std::string& out, std::string_view path) {
  for (const char c : path) {
    if (is_plain(c)) {
      out += c;
    } else {
      fmt::format_to(std::back_inserter(out), "%{:02X}", static_cast<unsigned char>(c));
    }
  }
}

template <typename Number>
std::optional<Number> number(std::string_view text, int base = 10) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<std::string> unescape(std::string_view text) {
  std::string path;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      path += text[i];
      continue;
    }
    const auto byte = number<unsigned char>(text.substr(i + 1, 2), 16);
    if (!byte || i + 2 >= text.size()) return std::nullopt;
    path += static_cast<char>(*byte);
    i += 2;
  }
  return path;
}

// Cuts off and returns what stands before `separator`, or all.
std::string_view take_word(std::string_view& rest, char separator) {
  const auto end = rest.find(separator);
  const std::string_view word = rest.substr(0, end);
  rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end + 1);
  return word;
}

// The number behind `letter` in `flags`, when it is there.
std::optional<std::int64_t> flag_number(std::string_view flags, char letter) {
  const auto at = flags.find(letter);
  if (at == std::string_view::npos) return std::nullopt;
  const std::string_view rest = flags.substr(at + 1);
  return number<std::int64_t>(rest.substr(0, rest.find_first_not_of("-0123456789")));
}

std::optional<FilePlace> parse_place(std::string_view text) {
  FilePlace place;
  const auto device = number<std::uint64_t>(take_word(text, ' '));
  const auto inode = number<std::uint64_t>(take_word(text, ' '));
  const auto offset = number<std::uint64_t>(take_word(text, ' '));
  const auto size = number<std::uint64_t>(take_word(text, ' '));
  const auto parts = number<std::uint32_t>(take_word(text, ' '));
  const std::string_view flags = take_word(text, ' ');
  const auto length = number<std::uint32_t>(take_word(text, ' '));
  const auto hash = number<std::uint64_t>(take_word(text, ' '), 16);
  auto path = unescape(text);
  if (!device || !inode || !offset || !size || !parts || !length || !hash || !path || path->empty())
    return std::nullopt;
  if (*length > fingerprint_bytes_max) return std::nullopt;
  place.path = std::move(*path);
  place.device = *device;
  place.inode = *inode;
  place.fingerprint = {*length, *hash};
  place.offset = *offset;
  place.size = *size;
  place.parts = *parts;
  place.line_open = flags.find('o') != std::string_view::npos;
  place.copied = flags.find('c') != std::string_view::npos;
  place.rotated = flags.find('r') != std::string_view::npos;
  place.cut = flags.find('t') != std::string_view::npos;
  place.born_ns = flag_number(flags, 'b').value_or(0);
  const auto newest_ns = flag_number(flags, 'n');
  const auto expected = flag_number(flags, 'e');
  if (newest_ns && expected) place.compressed = {.newest_ns = *newest_ns, .expected = *expected};
  return place;
}

}  // namespace

Fingerprint fingerprint_of(std::string_view prefix) {
  return {static_cast<std::uint32_t>(prefix.size()), XXH3_64bits(prefix.data(), prefix.size())};
}

void append_place(std::string& out, const FilePlace& place,
                  const std::optional<CompressedMark>& compressed) {
  fmt::format_to(std::back_inserter(out), ";{} {} {} {} {} -{}{}{}{}", place.device, place.inode,
                 place.offset, place.size, place.parts, place.copied ? "c" : "",
                 place.line_open ? "o" : "", place.rotated ? "r" : "", place.cut ? "t" : "");
  if (place.born_ns != 0) fmt::format_to(std::back_inserter(out), "b{}", place.born_ns);
  if (compressed) {
    fmt::format_to(std::back_inserter(out), "n{}e{}", compressed->newest_ns, compressed->expected);
  }
  fmt::format_to(std::back_inserter(out), " {} {:016x} ", place.fingerprint.length,
                 place.fingerprint.hash);
  append_escaped(out, place.path);
}

std::string format_places(const std::vector<FilePlace>& places) {
  std::string out{places_version};
  for (const auto& place : places) append_place(out, place, place.compressed);
  return out;
}

ledger::Result<std::vector<FilePlace>> parse_places(std::string_view text) {
  std::vector<FilePlace> places;
  if (take_word(text, ';') != places_version)
    return ledger::fail(ledger::ErrorKind::corrupt, "the position of a file source is unreadable");
  while (!text.empty()) {
    auto place = parse_place(take_word(text, ';'));
    if (!place) return ledger::fail(ledger::ErrorKind::corrupt, "a file's position is unreadable");
    places.push_back(std::move(*place));
  }
  return places;
}

}  // namespace yunjian::agent
