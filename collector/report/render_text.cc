// JSON and CSV of a document.
#include <fmt/format.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include "collector/catalog/csv.h"
#include "collector/report/render.h"

namespace yunjian::collector {

namespace {

using Writer = rapidjson::Writer<rapidjson::StringBuffer>;

void write(Writer& json, std::string_view text) {
  json.String(text.data(), static_cast<rapidjson::SizeType>(text.size()));
}

void key(Writer& json, std::string_view name) {
  json.Key(name.data(), static_cast<rapidjson::SizeType>(name.size()));
}

void words(Writer& json, std::string_view name, const rules::Words& value) {
  key(json, name);
  json.StartObject();
  key(json, "zh");
  write(json, value.zh);
  key(json, "en");
  write(json, value.en);
  json.EndObject();
}

void cell(Writer& json, const CellValue& value) {
  if (std::holds_alternative<std::monostate>(value)) {
    json.Null();
  } else if (is_number(value)) {
    const std::string digits = cell_plain(value, Language::zh);
    json.RawValue(digits.data(), digits.size(), rapidjson::kNumberType);
  } else if (const auto* both = std::get_if<rules::Words>(&value)) {
    json.StartObject();
    key(json, "zh");
    write(json, both->zh);
    key(json, "en");
    write(json, both->en);
    json.EndObject();
  } else {
    write(json, cell_plain(value, Language::zh));
  }
}

void table(Writer& json, const DocumentTable& of) {
  json.StartObject();
  key(json, "table");
  write(json, of.key);
  words(json, "name", of.name);
  key(json, "rows");
  json.StartArray();
  for (const auto& row : of.rows) {
    json.StartObject();
    for (std::size_t i = 0; i < row.size(); ++i) {
      key(json, of.columns[i].key);
      cell(json, row[i]);
    }
    json.EndObject();
  }
  json.EndArray();
  json.EndObject();
}

void csv_row(std::string& out, const DocumentTable& of, const std::vector<CellValue>& row,
             Language language) {
  for (std::size_t i = 0; i < of.columns.size(); ++i) {
    if (i > 0) out += ',';
    // A number may be negative; it is no formula.
    const std::string plain = cell_plain(row[i], language);
    out += is_number(row[i]) ? plain : csv_value(plain);
  }
  out += "\r\n";
}

}  // namespace

std::string document_json(const Document& document) {
  rapidjson::StringBuffer buffer;
  Writer json(buffer);
  json.StartObject();
  key(json, "format");
  write(json, "yunjian/report/v1");
  key(json, "report");
  write(json, document.key);
  words(json, "name", document.name);
  key(json, "month");
  write(json, rules::format_month(document.month));
  key(json, "as_of");
  write(json, ledger::format_time(document.as_of));
  key(json, "provisional");
  json.Bool(document.provisional);
  words(json, "scope", document.scope);
  key(json, "sections");
  json.StartArray();
  for (const DocumentSection& section : document.sections) {
    json.StartObject();
    words(json, "name", section.name);
    key(json, "paragraphs");
    json.StartArray();
    for (const rules::Words& paragraph : section.paragraphs) {
      json.StartObject();
      key(json, "zh");
      write(json, paragraph.zh);
      key(json, "en");
      write(json, paragraph.en);
      json.EndObject();
    }
    json.EndArray();
    key(json, "tables");
    json.StartArray();
    for (const DocumentTable& of : section.tables) table(json, of);
    json.EndArray();
    json.EndObject();
  }
  json.EndArray();
  json.EndObject();
  return std::string(buffer.GetString(), buffer.GetSize()) + "\n";
}

std::string document_csv(const Document& document, Language language) {
  std::string out = "\xef\xbb\xbf";
  out += csv_value(fmt::format("{} {}", in(language, document.name),
                               rules::format_month(document.month))) +
         "\r\n";
  for (const auto& [name, value] : cover_lines(document)) {
    out += csv_value(in(language, name)) + "," + csv_value(in(language, value)) + "\r\n";
  }
  for (const DocumentSection& section : document.sections) {
    for (const DocumentTable& of : section.tables) {
      out += "\r\n" + csv_value(in(language, of.name)) + "\r\n";
      for (std::size_t i = 0; i < of.columns.size(); ++i) {
        out += (i > 0 ? "," : "") + csv_value(in(language, of.columns[i].name));
      }
      out += "\r\n";
      for (const auto& row : of.rows) csv_row(out, of, row, language);
    }
  }
  return out;
}

}  // namespace yunjian::collector
