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
  return place;
}

}  // namespace

Fingerprint fingerprint_of(std::string_view prefix) {
  return {static_cast<std::uint32_t>(prefix.size()), XXH3_64bits(prefix.data(), prefix.size())};
}

void append_place(std::string& out, const FilePlace& place) {
  fmt::format_to(std::back_inserter(out), ";{} {} {} {} {} -{}{}{} {} {:016x} ", place.device,
                 place.inode, place.offset, place.size, place.parts, place.copied ? "c" : "",
                 place.line_open ? "o" : "", place.rotated ? "r" : "", place.fingerprint.length,
                 place.fingerprint.hash);
  append_escaped(out, place.path);
}

std::string format_places(const std::vector<FilePlace>& places) {
  std::string out{places_version};
  for (const auto& place : places) append_place(out, place);
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
