#include "collector/catalog/csv.h"

#include <fmt/format.h>

#include <charconv>
#include <map>
#include <optional>
#include <set>
#include <span>

#include "ledger/base/bytes.h"
#include "ledger/leaves.h"

namespace yunjian::collector {

using ledger::ErrorKind;
using ledger::Result;

ledger::Failure csv_failure(std::size_t line, std::size_t column, std::string_view what) {
  return ledger::fail(ErrorKind::reject, fmt::format("line {}, column {}: {}", line, column, what));
}

namespace {

bool is_character_start(char c) { return (static_cast<unsigned char>(c) & 0xc0U) != 0x80U; }

// Walks the bytes and knows line and column; one pass, one field at a time.
class CsvReader {
 public:
  explicit CsvReader(std::string_view bytes) : rest_(bytes) {}

  bool done() const { return rest_.empty(); }
  Result<std::vector<CsvField>> row();

 private:
  Result<CsvField> field();
  Result<void> quoted(CsvField& field);
  Result<void> plain(CsvField& field);
  bool at_row_end() const {
    return rest_.empty() || rest_[0] == '\n' || rest_.substr(0, 2) == "\r\n";
  }
  char take();
  ledger::Failure here(std::string_view what) const { return csv_failure(line_, column_, what); }

  std::string_view rest_;
  std::size_t line_ = 1;
  std::size_t column_ = 1;
};

char CsvReader::take() {
  const char c = rest_[0];
  rest_.remove_prefix(1);
  if (c == '\n') {
    ++line_;
    column_ = 1;
  } else if (rest_.empty() || is_character_start(rest_[0])) {
    ++column_;
  }
  return c;
}

Result<std::vector<CsvField>> CsvReader::row() {
  std::vector<CsvField> fields;
  while (true) {
    auto one = field();
    if (!one) return ledger::failure(one);
    fields.push_back(std::move(*one));
    if (at_row_end()) break;
    take();  // the comma: field() stops nowhere else
  }
  if (!rest_.empty() && rest_[0] == '\r') take();
  if (!rest_.empty()) take();
  return fields;
}

Result<CsvField> CsvReader::field() {
  CsvField field{.value = {}, .line = line_, .column = column_};
  auto read = !rest_.empty() && rest_[0] == '"' ? quoted(field) : plain(field);
  if (!read) return ledger::failure(read);
  if (field.value.size() > csv_field_bytes_max) {
    return csv_failure(field.line, field.column,
                       fmt::format("a value longer than {} bytes", csv_field_bytes_max));
  }
  return field;
}

Result<void> CsvReader::quoted(CsvField& field) {
  take();
  while (!rest_.empty()) {
    const char c = take();
    if (c != '"') {
      field.value += c;
    } else if (!rest_.empty() && rest_[0] == '"') {
      field.value += take();
    } else if (at_row_end() || rest_[0] == ',') {
      return {};
    } else {
      return here("a comma or the end of the line must follow a closing quote");
    }
  }
  return csv_failure(field.line, field.column, "the quote that opens here is never closed");
}

Result<void> CsvReader::plain(CsvField& field) {
  while (!at_row_end() && rest_[0] != ',') {
    if (rest_[0] == '"') return here("a quote inside a value: put the whole value in quotes");
    if (rest_[0] == '\r') return here("a carriage return that ends no line");
    field.value += take();
  }
  return {};
}

Result<void> check_characters(const std::vector<CsvField>& row,
                              std::span<const std::string_view> names) {
  for (std::size_t i = 0; i < row.size(); ++i) {
    for (const char c : row[i].value) {
      if (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f) continue;
      return csv_failure(row[i].line, row[i].column,
                         fmt::format("{}: a control character", names[i]));
    }
  }
  return {};
}

// Checks that hold for every list: header, number of fields. Rows without the header.
Result<std::vector<std::vector<CsvField>>> parse_table(std::string_view bytes,
                                                       std::span<const std::string_view> names) {
  const std::string wanted = fmt::format("{}", fmt::join(names, ","));
  auto rows = parse_csv(bytes);
  if (!rows) return rows;
  if (rows->empty())
    return csv_failure(1, 1, "the file is empty; the first line must be " + wanted);
  for (std::size_t i = 0; i < names.size(); ++i) {
    const auto& header = rows->front();
    if (i >= header.size() || header[i].value != names[i] || header.size() > names.size()) {
      return csv_failure(1, 1, "the first line must be " + wanted);
    }
  }
  rows->erase(rows->begin());
  for (auto& row : *rows) {
    for (CsvField& field : row) field.value = csv_plain(field.value);
    if (row.size() != names.size()) {
      return csv_failure(
          row.front().line, row.back().column,
          fmt::format("{} values where {} belong: {}", row.size(), names.size(), wanted));
    }
  }
  return rows;
}

// Refuses the second row with an id.
class SeenIds {
 public:
  Result<void> add(const CsvField& id) {
    const auto [at, fresh] = lines_.emplace(id.value, id.line);
    if (fresh) return {};
    return csv_failure(id.line, id.column,
                       fmt::format("id: '{}' stands already in line {}", id.value, at->second));
  }

 private:
  std::map<std::string, std::size_t, std::less<>> lines_;
};

Result<std::uint64_t> parse_count(const CsvField& field, std::string_view name) {
  if (field.value.empty()) return std::uint64_t{0};
  auto number = ledger::parse_decimal(field.value);
  if (number && *number <= 1'000'000) return *number;
  return csv_failure(
      field.line, field.column,
      fmt::format("{}: '{}' is not a whole number up to 1000000", name, field.value));
}

// "16" or "0.5": gibibytes with up to three decimals.
Result<std::uint64_t> parse_gigabytes(const CsvField& field) {
  if (field.value.empty()) return std::uint64_t{0};
  const std::string_view text = field.value;
  const auto point = text.find('.');
  const auto whole = ledger::parse_decimal(text.substr(0, point));
  std::uint64_t thousandths = 0;
  bool good = whole && *whole <= 10'000'000;
  if (good && point != std::string_view::npos) {
    std::string digits(text.substr(point + 1));
    good = !digits.empty() && digits.size() <= 3;
    digits.resize(3, '0');
    const auto* end = digits.data() + digits.size();
    const auto read = std::from_chars(digits.data(), end, thousandths);
    good = good && read.ec == std::errc{} && read.ptr == end;
  }
  if (good) return ((*whole << 30U) + (thousandths << 30U) / 1000);
  return csv_failure(field.line, field.column,
                     fmt::format("memory_gb: '{}' is not a number such as 16 or 0.5", field.value));
}

Result<Host> parse_host(const std::vector<CsvField>& row,
                        const std::set<std::string_view>& known_units) {
  const auto& [id, unit] = std::tie(row[0], row[1]);
  if (!ledger::is_host_name(id.value)) {
    return csv_failure(
        id.line, id.column,
        fmt::format("id: '{}' is not a host name (a-z 0-9 . _ -, lower case, a letter "
                    "or digit first)",
                    id.value));
  }
  if (!known_units.contains(unit.value)) {
    return csv_failure(unit.line, unit.column,
                       fmt::format("unit: '{}' is not in the catalog; import it with `unit import` "
                                   "first",
                                   unit.value));
  }
  auto vcpus = parse_count(row[4], "vcpus");
  if (!vcpus) return ledger::failure(vcpus);
  auto memory = parse_gigabytes(row[5]);
  if (!memory) return ledger::failure(memory);
  const auto& purpose = row[6];
  if (!purpose.value.empty() && purpose.value != "production" && purpose.value != "test" &&
      purpose.value != "dr") {
    return csv_failure(purpose.line, purpose.column,
                       fmt::format("purpose: '{}' is none of production, test, dr", purpose.value));
  }
  return Host{.id = id.value,
              .unit = unit.value,
              .system = row[2].value,
              .name = row[3].value,
              .vcpus = *vcpus,
              .memory_bytes = *memory,
              .purpose = purpose.value,
              .address = row[7].value};
}

}  // namespace

Result<std::vector<std::vector<CsvField>>> parse_csv(std::string_view bytes) {
  if (bytes.size() > csv_bytes_max) {
    return csv_failure(1, 1, fmt::format("the file is larger than {} MiB", csv_bytes_max >> 20U));
  }
  if (bytes.starts_with("\xef\xbb\xbf")) bytes.remove_prefix(3);
  if (!ledger::is_valid_utf8(bytes)) {
    std::size_t line = 1;
    for (auto rest = bytes; !rest.empty(); ++line) {
      const auto end = std::min(rest.find('\n'), rest.size() - 1) + 1;
      if (!ledger::is_valid_utf8(rest.substr(0, end))) break;
      rest.remove_prefix(end);
    }
    return csv_failure(line, 1, "not UTF-8; save the file as UTF-8 (in Excel: CSV UTF-8)");
  }
  CsvReader reader(bytes);
  std::vector<std::vector<CsvField>> rows;
  while (!reader.done()) {
    auto row = reader.row();
    if (!row) return ledger::failure(row);
    if (rows.size() > csv_rows_max) {
      return csv_failure(row->front().line, 1, fmt::format("more than {} rows", csv_rows_max));
    }
    const bool blank = row->size() == 1 && row->front().value.empty();
    if (!blank) rows.push_back(std::move(*row));
  }
  return rows;
}

Result<std::vector<Unit>> parse_units_csv(std::string_view bytes) {
  auto rows = parse_table(bytes, unit_list_fields);
  if (!rows) return ledger::failure(rows);
  return units_of_rows(*rows);
}

Result<std::vector<Unit>> units_of_rows(const CsvRows& rows) {
  std::vector<Unit> units;
  SeenIds seen;
  for (const auto& row : rows) {
    if (auto good = check_characters(row, unit_list_fields); !good) return ledger::failure(good);
    const auto& id = row[0];
    if (!ledger::is_unit_id(id.value)) {
      return csv_failure(id.line, id.column,
                         fmt::format("id: '{}' is not 1 to 64 of a-z 0-9 . _ -, a letter or digit "
                                     "first",
                                     id.value));
    }
    if (row[1].value.empty()) return csv_failure(row[1].line, row[1].column, "name: is empty");
    if (auto fresh = seen.add(id); !fresh) return ledger::failure(fresh);
    units.push_back({.id = id.value, .name = row[1].value, .county = row[2].value});
  }
  return units;
}

Result<std::vector<Host>> parse_hosts_csv(std::string_view bytes, const std::vector<Unit>& units) {
  auto rows = parse_table(bytes, host_list_fields);
  if (!rows) return ledger::failure(rows);
  return hosts_of_rows(*rows, units);
}

Result<std::vector<Host>> hosts_of_rows(const CsvRows& rows, const std::vector<Unit>& units) {
  std::set<std::string_view> known_units;
  for (const auto& unit : units) known_units.insert(unit.id);
  std::vector<Host> hosts;
  SeenIds seen;
  for (const auto& row : rows) {
    if (auto good = check_characters(row, host_list_fields); !good) return ledger::failure(good);
    auto host = parse_host(row, known_units);
    if (!host) return ledger::failure(host);
    if (auto fresh = seen.add(row[0]); !fresh) return ledger::failure(fresh);
    hosts.push_back(std::move(*host));
  }
  return hosts;
}

std::string csv_value(std::string_view value) {
  std::string text(value);
  constexpr std::string_view formula = "=+-@\t\r";
  if (!text.empty() && formula.find(text[0]) != std::string_view::npos) text.insert(0, "'");
  if (text.find_first_of(",\"\n\r") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + "\"";
}

std::string csv_plain(const std::string& value) {
  const bool guarded = value.size() > 1 && value[0] == '\'' &&
                       std::string_view("=+-@\t").find(value[1]) != std::string_view::npos;
  return guarded ? value.substr(1) : value;
}

}  // namespace yunjian::collector
