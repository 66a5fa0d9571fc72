#include "agent/mask/mask_rules.h"

#include <fmt/format.h>
#include <rapidjson/document.h>
#include <rapidjson/error/en.h>

namespace yunjian::agent {
namespace {

using ledger::ErrorKind;
using ledger::fail;
using ledger::Result;
using Value = rapidjson::Value;

std::string text_of(const Value& value) {
  return value.IsString() ? std::string(value.GetString(), value.GetStringLength()) : std::string();
}

std::string member(const Value& object, const char* name) {
  const auto found = object.FindMember(name);
  return found == object.MemberEnd() ? std::string() : text_of(found->value);
}

std::vector<std::string> texts(const Value& object, const char* name) {
  std::vector<std::string> out;
  const auto found = object.FindMember(name);
  if (found == object.MemberEnd() || !found->value.IsArray()) return out;
  for (const auto& item : found->value.GetArray()) out.push_back(text_of(item));
  return out;
}

bool read_kind(const std::string& text, MaskRule::Kind& kind) {
  using enum MaskRule::Kind;
  for (const auto& [name, value] : {std::pair{"", pattern},
                                    {"pem", pem},
                                    {"identity-card", identity_card},
                                    {"mobile-number", mobile_number}}) {
    if (text != name) continue;
    kind = value;
    return true;
  }
  return false;
}

bool read_guard(const std::string& text, MaskRule::Guard& guard) {
  using enum MaskRule::Guard;
  for (const auto& [name, value] :
       {std::pair{"", none}, {"assignment", assignment}, {"userinfo", userinfo}}) {
    if (text != name) continue;
    guard = value;
    return true;
  }
  return false;
}

Result<MaskRule> read_rule(const Value& value) {
  MaskRule rule;
  if (!value.IsObject()) return fail(ErrorKind::reject, "mask rules: a rule must be an object");
  rule.name = member(value, "name");
  rule.pattern = member(value, "pattern");
  rule.words = texts(value, "words");
  rule.must_not = texts(value, "must_not");
  const auto bad = [&](std::string_view what) {
    return fail(ErrorKind::reject, fmt::format("mask rules: {}: {}", rule.name, what));
  };
  if (rule.name.empty()) return bad("has no name");
  if (!read_kind(member(value, "kind"), rule.kind)) return bad("there is no such kind");
  if (!read_guard(member(value, "guard"), rule.guard)) return bad("there is no such guard");
  if (const auto must = value.FindMember("must");
      must != value.MemberEnd() && must->value.IsArray()) {
    for (const auto& pair : must->value.GetArray()) {
      if (!pair.IsArray() || pair.Size() != 2) return bad("must holds pairs: text, masked text");
      rule.must.emplace_back(text_of(pair[0]), text_of(pair[1]));
    }
  }
  const bool has_pattern = rule.kind == MaskRule::Kind::pattern || rule.kind == MaskRule::Kind::pem;
  if (has_pattern == rule.pattern.empty() || has_pattern == rule.words.empty())
    return bad("a pattern and its words come together");
  if (rule.must.empty() || rule.must_not.empty()) return bad("has no examples");
  return rule;
}

}  // namespace

Result<std::vector<MaskRule>> parse_mask_rules(std::string_view json) {
  rapidjson::Document document;
  document.Parse(json.data(), json.size());
  if (document.HasParseError()) {
    return fail(ErrorKind::reject,
                fmt::format("mask rules: {} at byte {}",
                            rapidjson::GetParseError_En(document.GetParseError()),
                            document.GetErrorOffset()));
  }
  std::vector<MaskRule> rules;
  if (!document.IsObject() || !document.HasMember("rules") || !document["rules"].IsArray())
    return fail(ErrorKind::reject, "mask rules: there is no list of rules");
  for (const auto& value : document["rules"].GetArray()) {
    auto rule = read_rule(value);
    if (!rule) return ledger::failure(rule);
    rules.push_back(std::move(*rule));
  }
  return rules;
}

}  // namespace yunjian::agent
