#pragma once

#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <string>
#include <string_view>

#include "auditor/findings.h"

namespace yunjian::auditor {

// What reports about findings have in common. Texts that evidence may have put into a finding
// cannot command a terminal.
std::string format_findings(const Findings& findings);

using JsonWriter = rapidjson::Writer<rapidjson::StringBuffer>;
void write_text(JsonWriter& json, std::string_view key, std::string_view value);
void write_number(JsonWriter& json, std::string_view key, std::uint64_t value);
void write_findings(JsonWriter& json, const Findings& findings);  // "findings":[…]

}  // namespace yunjian::auditor
