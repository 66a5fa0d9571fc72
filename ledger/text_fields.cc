#include "ledger/text_fields.h"

namespace yunjian::ledger {

void append_field(std::string& out, std::string_view name, std::string_view value) {
  out += name;
  out += ' ';
  out += value;
  out += '\n';
}

void append_field(std::string& out, std::string_view name, std::uint64_t value) {
  append_field(out, name, std::string_view(std::to_string(value)));
}

void append_field(std::string& out, std::string_view name, const Hash& value) {
  append_field(out, name, std::string_view(to_base64(as_view(value))));
}

void append_field(std::string& out, std::string_view name, Time value) {
  append_field(out, name, std::string_view(format_time(value)));
}

FieldReader::FieldReader(std::string_view text, std::string_view first_line)
    : rest_(text), form_(first_line) {
  if (next_line() != first_line) problem_ = "the first line is not " + std::string(first_line);
}

std::string_view FieldReader::next_line() {
  const std::size_t end = rest_.find('\n');
  if (end == std::string_view::npos) {
    rest_ = {};
    return {};
  }
  const std::string_view line = rest_.substr(0, end);
  rest_.remove_prefix(end + 1);
  return line;
}

std::string_view FieldReader::take(std::string_view name) {
  if (failed()) return {};
  std::string_view line = next_line();
  if (!line.starts_with(name) || line.size() < name.size() + 2 || line[name.size()] != ' ') {
    refuse(name);
    return {};
  }
  line.remove_prefix(name.size() + 1);
  return line;
}

std::uint64_t FieldReader::take_number(std::string_view name) { return number(name, take(name)); }

std::uint64_t FieldReader::number(std::string_view name, std::string_view digits) {
  if (failed()) return 0;
  auto value = parse_decimal(digits);
  if (!value) {
    refuse(name);
    return 0;
  }
  return *value;
}

Hash FieldReader::take_hash(std::string_view name) {
  const auto hash = take_optional_hash(name);
  if (!hash) refuse(name);
  return hash.value_or(Hash{});
}

std::optional<Hash> FieldReader::take_optional_hash(std::string_view name) {
  const std::string_view value = take(name);
  if (failed() || value == "-") return std::nullopt;
  auto hash = hash_from_base64(value);
  if (!hash) {
    refuse(name);
    return std::nullopt;
  }
  return *hash;
}

std::string FieldReader::take_base64(std::string_view name) {
  const std::string_view value = take(name);
  if (failed()) return {};
  auto bytes = from_base64(value);
  if (!bytes) {
    refuse(name);
    return {};
  }
  return std::move(*bytes);
}

Time FieldReader::take_time(std::string_view name) {
  const std::string_view value = take(name);
  if (failed()) return {};
  auto time = parse_time(value);
  if (!time) {
    refuse(name);
    return {};
  }
  return *time;
}

std::pair<std::string_view, std::string_view> FieldReader::take_pair(std::string_view name) {
  const std::string_view value = take(name);
  if (failed()) return {};
  const std::size_t space = value.find(' ');
  if (space == std::string_view::npos) {
    refuse(name);
    return {};
  }
  return {value.substr(0, space), value.substr(space + 1)};
}

void FieldReader::refuse(std::string_view name) {
  if (failed()) return;
  problem_ = "the line '" + std::string(name) + "' is missing, out of place or not valid";
}

Result<void> FieldReader::finish() {
  if (!failed() && !rest_.empty()) problem_ = "lines follow the last one";
  if (!failed()) return {};
  return fail(ErrorKind::reject, "not a " + std::string(form_) + " text: " + problem_);
}

}  // namespace yunjian::ledger
