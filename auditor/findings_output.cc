#include "auditor/findings_output.h"

#include <fmt/format.h>

#include "auditor/printable.h"

namespace yunjian::auditor {

std::string format_findings(const Findings& findings) {
  std::string out;
  for (const Finding& finding : findings.kept()) {
    out += fmt::format("  [{}] {}\n      {}\n      {}\n", to_string(finding.kind),
                       printable(finding.place), printable(finding.zh), printable(finding.en));
  }
  return out;
}

namespace {

void write_key(JsonWriter& json, std::string_view key) {
  json.Key(key.data(), static_cast<rapidjson::SizeType>(key.size()));
}

}  // namespace

void write_text(JsonWriter& json, std::string_view key, std::string_view value) {
  write_key(json, key);
  json.String(value.data(), static_cast<rapidjson::SizeType>(value.size()));
}

void write_number(JsonWriter& json, std::string_view key, std::uint64_t value) {
  write_key(json, key);
  json.Uint64(value);
}

void write_findings(JsonWriter& json, const Findings& findings) {
  write_key(json, "findings");
  json.StartArray();
  for (const Finding& finding : findings.kept()) {
    json.StartObject();
    write_text(json, "kind", to_string(finding.kind));
    write_text(json, "place", finding.place);
    write_text(json, "zh", finding.zh);
    write_text(json, "en", finding.en);
    json.EndObject();
  }
  json.EndArray();
}

}  // namespace yunjian::auditor
