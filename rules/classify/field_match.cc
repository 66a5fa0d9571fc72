#include "rules/classify/field_match.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "rules/classify/meaning.h"

namespace yunjian::rules {

namespace {

// What decoded fields are called in the text of an audit record.
constexpr std::array<std::pair<std::string_view, std::string_view>, 4> raw_names = {
    std::pair{"result", "res"}, std::pair{"result", "success"}, std::pair{"group", "grp"},
    std::pair{"session", "ses"}};

bool bounds_name(char c) { return c == ' ' || c == '\'' || c == '\n'; }

// Equality that mostly needs one look; `name` is not empty.
bool is_name(std::string_view text, std::string_view name) {
  return text.size() == name.size() && text.front() == name.front() && text == name;
}

// Whether `list`, words joined by commas, holds `word`.
bool holds_word(std::string_view list, std::string_view word) {
  while (!list.empty()) {
    const auto comma = list.find(',');
    if (list.substr(0, comma) == word) return true;
    if (comma == std::string_view::npos) return false;
    list.remove_prefix(comma + 1);
  }
  return false;
}

// Whether `list` holds one of `words`, both joined by commas.
bool holds_any(std::string_view list, std::string_view words) {
  for (;;) {
    const auto comma = words.find(',');
    if (holds_word(list, words.substr(0, comma))) return true;
    if (comma == std::string_view::npos) return false;
    words.remove_prefix(comma + 1);
  }
}

bool says_nothing(std::string_view value) {
  return value.empty() || value == "?" || value == "(none)" || value == "-" ||
         value == "4294967295" || value == "unset" || value == "(null)";
}

std::string_view first_said(const FieldReader& reader, const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    const auto value = reader.field(name);
    if (!says_nothing(value)) return value;
  }
  return {};
}

// Asks whether rules apply to one record; most look at the same field, which is looked up once.
class Conditions {
 public:
  explicit Conditions(const FieldReader& reader) : reader_(reader) {}

  bool hold(const FieldRule& rule) {
    return std::ranges::all_of(rule.where, [this](const auto& wanted) {
      if (wanted.first != name_) {
        name_ = wanted.first;
        value_ = reader_.field(name_);
      }
      return holds_any(value_, wanted.second);
    });
  }

 private:
  const FieldReader& reader_;
  std::string_view name_, value_;
};

}  // namespace

std::string_view AuditFields::field(std::string_view name) const {
  constexpr std::string_view prefix = "audit.";
  for (const auto& [key, value, is_string] : record_.fields) {
    if (key.size() == prefix.size() + name.size() && key.starts_with(prefix) &&
        key.ends_with(name)) {
      return value;
    }
  }
  return {};
}

AuditText::AuditText(std::string_view text) { cut(text); }

// `name=value`, `name="value"`, and what programs write: msg='name=value …'.
void AuditText::cut(std::string_view text) {
  while (count_ < audit_fields_max) {
    const auto equals = text.find('=');
    if (equals == std::string_view::npos) return;
    std::size_t begin = equals;
    while (begin > 0 && !bounds_name(text[begin - 1])) --begin;
    const auto name = text.substr(begin, equals - begin);
    text.remove_prefix(equals + 1);
    if (text.starts_with('\'')) {
      text.remove_prefix(1);
      continue;
    }
    const bool quoted = text.starts_with('"');
    if (quoted) text.remove_prefix(1);
    std::size_t end = 0;
    while (end < text.size() && (quoted ? text[end] != '"' : !bounds_name(text[end]))) ++end;
    fields_[count_++] = {name, text.substr(0, end)};
    text.remove_prefix(end);
  }
}

std::string_view AuditText::find(std::string_view name) const {
  const auto end = fields_.begin() + static_cast<std::ptrdiff_t>(count_);
  const auto found = std::find_if(fields_.begin(), end,
                                  [name](const auto& field) { return is_name(field.first, name); });
  return found == end ? std::string_view() : found->second;
}

std::string_view AuditText::field(std::string_view name) const {
  for (const auto& [decoded, raw] : raw_names) {
    if (name != decoded) continue;
    if (const auto value = find(raw); !value.empty()) return value;
  }
  return find(name);
}

ActFields::ActFields(const ledger::ParsedRecord& record) : record_(record) {
  type_ = field("kind");
  type_ += '.';
  type_ += field("what");
}

void FieldRules::add(const std::string& file, std::vector<FieldRule> rules) {
  for (FieldRule& rule : rules) {
    std::string name = fmt::format("{}.{}", file, rule.name);
    rules_.push_back(
        std::make_unique<Named>(Named{.name = std::move(name), .rule = std::move(rule)}));
    const Named* named = rules_.back().get();
    for (const std::string& value : named->rule.values) {
      if (value.ends_with('*')) {
        prefixes_.emplace_back(value.substr(0, value.size() - 1), named);
      } else {
        exact_[value].push_back(named);
      }
    }
  }
}

bool FieldRules::match(const FieldReader& reader, Derived& derived) const {
  const std::string_view type = reader.type();
  const Named* found = nullptr;
  Conditions conditions(reader);
  if (const auto exact = exact_.find(type); exact != exact_.end()) {
    const auto rule = std::ranges::find_if(
        exact->second, [&](const Named* named) { return conditions.hold(named->rule); });
    if (rule != exact->second.end()) found = *rule;
  }
  for (auto each = prefixes_.begin(); found == nullptr && each != prefixes_.end(); ++each) {
    if (type.starts_with(each->first) && conditions.hold(each->second->rule)) found = each->second;
  }
  if (found == nullptr) return false;
  Captures captures{};
  for (std::size_t slot = 1; slot < slot_count; ++slot) {
    captures[slot] = first_said(reader, found->rule.slots[slot]);
  }
  apply(found->rule.meaning, captures, derived);
  derived.rule = found->name;
  return true;
}

bool is_audit_text(std::string_view message) {
  return (message.starts_with("type=") || message.starts_with("node=")) &&
         message.find(" msg=audit(") != std::string_view::npos;
}

}  // namespace yunjian::rules
