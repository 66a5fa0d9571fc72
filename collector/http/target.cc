#include "collector/http/target.h"

#include <algorithm>
#include <optional>

#include "ledger/base/bytes.h"

namespace yunjian::collector {
namespace {

using ledger::ErrorKind;
using ledger::fail;
using ledger::failure;
using ledger::Result;

std::optional<unsigned> hex_digit(char c) {
  if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<unsigned>(c - 'a' + 10);
  if (c >= 'A' && c <= 'F') return static_cast<unsigned>(c - 'A' + 10);
  return std::nullopt;
}

bool is_control(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte < 0x20 || byte == 0x7f;
}

std::optional<char> escaped_byte(std::string_view text, std::size_t percent) {
  if (percent + 2 >= text.size()) return std::nullopt;
  const auto high = hex_digit(text[percent + 1]);
  const auto low = hex_digit(text[percent + 2]);
  if (!high || !low) return std::nullopt;
  return static_cast<char>(*high << 4U | *low);
}

Result<std::string> checked_text(std::string decoded) {
  if (std::any_of(decoded.begin(), decoded.end(), is_control)) {
    return fail(ErrorKind::reject, "control character in the request target");
  }
  if (!ledger::is_valid_utf8(decoded)) {
    return fail(ErrorKind::reject, "the request target does not decode to UTF-8");
  }
  return decoded;
}

enum class Part { path, query };

Result<std::string> decode(std::string_view text, Part part) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+' && part == Part::query) {
      out.push_back(' ');
    } else if (text[i] != '%') {
      out.push_back(text[i]);
    } else {
      const auto byte = escaped_byte(text, i);
      if (!byte) return fail(ErrorKind::reject, "bad percent escape in the request target");
      // A decoded separator would make one segment look like two to whoever matches paths later.
      if (part == Part::path && (*byte == '/' || *byte == '\\' || *byte == '%')) {
        return fail(ErrorKind::reject, "escaped separator in the path");
      }
      out.push_back(*byte);
      i += 2;
    }
  }
  return checked_text(std::move(out));
}

Result<void> check_segments(std::string_view path) {
  path.remove_prefix(1);
  while (true) {
    const std::size_t slash = path.find('/');
    const std::string_view segment = path.substr(0, slash);
    if (segment == "." || segment == "..") {
      return fail(ErrorKind::reject, "dot segment in the path");
    }
    if (slash == std::string_view::npos) return {};
    if (segment.empty()) return fail(ErrorKind::reject, "empty segment in the path");
    path.remove_prefix(slash + 1);
  }
}

Result<std::string> parse_path(std::string_view raw) {
  if (raw.find_first_of("\"<>\\^`{|}") != std::string_view::npos) {
    return fail(ErrorKind::reject, "character in the path that must be escaped");
  }
  auto path = decode(raw, Part::path);
  if (!path) return path;
  auto segments = check_segments(*path);
  if (!segments) return failure(segments);
  return path;
}

Result<void> add_parameter(Target& target, std::string_view pair) {
  if (pair.empty()) return {};
  if (target.query.size() == query_parameters_max) {
    return fail(ErrorKind::reject, "too many query parameters");
  }
  const std::size_t equals = pair.find('=');
  auto name = decode(pair.substr(0, equals), Part::query);
  if (!name) return failure(name);
  const bool has_value = equals != std::string_view::npos;
  auto value = decode(has_value ? pair.substr(equals + 1) : std::string_view(), Part::query);
  if (!value) return failure(value);
  target.query.emplace(std::move(*name), std::move(*value));
  return {};
}

Result<void> parse_query(Target& target, std::string_view raw) {
  while (true) {
    const std::size_t end = raw.find('&');
    auto added = add_parameter(target, raw.substr(0, end));
    if (!added) return added;
    if (end == std::string_view::npos) return {};
    raw.remove_prefix(end + 1);
  }
}

Result<void> check_raw(std::string_view raw) {
  if (raw.size() > target_bytes_max) return fail(ErrorKind::reject, "request target too long");
  if (raw.empty() || raw.front() != '/') {
    return fail(ErrorKind::reject, "the request target must begin with '/'");
  }
  for (const char c : raw) {
    if (static_cast<unsigned char>(c) <= 0x20 || static_cast<unsigned char>(c) >= 0x7f ||
        c == '#' || c == '\\') {
      return fail(ErrorKind::reject, "character in the request target that must be escaped");
    }
  }
  return {};
}

}  // namespace

Result<Target> parse_target(std::string_view raw) {
  auto sane = check_raw(raw);
  if (!sane) return failure(sane);
  const std::size_t question = raw.find('?');
  auto path = parse_path(raw.substr(0, question));
  if (!path) return failure(path);
  Target target{std::move(*path), {}};
  if (question != std::string_view::npos) {
    auto query = parse_query(target, raw.substr(question + 1));
    if (!query) return failure(query);
  }
  return target;
}

}  // namespace yunjian::collector
