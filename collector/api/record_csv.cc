#include "collector/api/record_csv.h"

#include <array>

#include "ledger/base/bytes.h"
#include "ledger/record.h"

namespace yunjian::collector {

namespace {

constexpr std::array<std::string_view, 5> origin_columns = {"stream", "number", "host", "unit",
                                                            "received"};
constexpr std::array<std::string_view, 17> field_columns = {"time",
                                                            "kind",
                                                            "source",
                                                            "log",
                                                            "process.name",
                                                            "severity",
                                                            "class_uid",
                                                            "activity_id",
                                                            "severity_id",
                                                            "status_id",
                                                            "actor.user.name",
                                                            "actor.user.uid",
                                                            "src_endpoint.ip",
                                                            "resource",
                                                            "api.operation",
                                                            "what",
                                                            "message"};
constexpr std::size_t column_count = origin_columns.size() + field_columns.size() + 1;  // line

void append_cell(std::string& out, std::string_view text) {
  std::string escaped;
  if (!ledger::is_valid_utf8(text)) {
    escaped = ledger::escape_bytes(text);
    text = escaped;
  }
  constexpr std::string_view formula = "=+-@\t\r";
  const bool guarded = !text.empty() && formula.find(text.front()) != std::string_view::npos;
  if (!guarded && text.find_first_of(",\"\r\n") == std::string_view::npos) {
    out += text;
    return;
  }
  out += '"';
  if (guarded) out += '\'';
  for (const char c : text) {
    if (c == '"') out += '"';
    out += c;
  }
  out += '"';
}

std::string_view value_of(const StoredRecord& record, const ledger::ParsedRecord* parsed,
                          std::string_view field) {
  if (parsed != nullptr) {
    if (const auto value = parsed->find(field)) return *value;
  }
  for (const DerivedField& derived : record.derived) {
    if (derived.key == field) return derived.value;
  }
  return {};
}

}  // namespace

std::string csv_head() {
  std::string head = "\xef\xbb\xbf";
  for (const auto column : origin_columns) head.append(column).append(",");
  for (const auto column : field_columns) head.append(column).append(",");
  return head.append("line\r\n");
}

void append_csv(std::string& out, const StoredRecord& record) {
  const auto parsed = ledger::parse_record(record.line);
  const std::string number = std::to_string(record.key.number);
  const std::string received = ledger::format_time(record.received);
  for (const std::string_view cell : {std::string_view(record.key.stream), std::string_view(number),
                                      record.host, record.unit, std::string_view(received)}) {
    append_cell(out, cell);
    out += ',';
  }
  for (const auto field : field_columns) {
    append_cell(out, value_of(record, parsed ? parsed->get() : nullptr, field));
    out += ',';
  }
  append_cell(out, record.line);
  out += "\r\n";
}

void append_csv_end(std::string& out, std::string_view statement) {
  out += "#complete,";
  append_cell(out, statement);
  out.append(column_count - 2, ',').append("\r\n");
}

}  // namespace yunjian::collector
