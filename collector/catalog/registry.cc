#include "collector/catalog/registry.h"

#include <fmt/format.h>

#include <algorithm>

#include "ledger/base/bytes.h"
#include "ledger/base/clock.h"
#include "rules/calendar/china_time.h"
#include "rules/utilization/standing.h"

namespace yunjian::collector {

using ledger::ErrorKind;
using ledger::Result;

namespace {

constexpr std::uint64_t whole_max = 1'000'000'000;

ledger::Failure wrong(std::string_view field, std::string_view what) {
  return ledger::fail(ErrorKind::reject, fmt::format("{}: {}", field, what));
}

bool is_decimal(std::string_view text) {
  const auto point = text.find('.');
  const auto whole = ledger::parse_decimal(text.substr(0, point));
  if (!whole || *whole > whole_max) return false;
  if (point == std::string_view::npos) return true;
  const std::string_view places = text.substr(point + 1);
  return !places.empty() && places.size() <= 3 && std::ranges::all_of(places, ledger::is_digit);
}

bool is_choice(std::string_view text, std::string_view choices) {
  const std::string wanted = fmt::format(" {} ", text);
  return text.find(' ') == std::string_view::npos &&
         fmt::format(" {} ", choices).find(wanted) != std::string::npos;
}

// What is wrong with a value of this field; nothing when it is good. References come later.
std::optional<std::string> problem_of(const FieldDef& field, std::string_view value) {
  switch (field.type) {
    case FieldType::whole: {
      const auto number = ledger::parse_decimal(value);
      if (number && *number <= whole_max) return std::nullopt;
      return fmt::format("'{}' is not a whole number up to {}", value, whole_max);
    }
    case FieldType::decimal:
      if (is_decimal(value)) return std::nullopt;
      return fmt::format("'{}' is not a number with at most three decimals, such as 12.5", value);
    case FieldType::date:
      if (rules::parse_date(value)) return std::nullopt;
      return fmt::format("'{}' is not a date such as 2026-11-30", value);
    case FieldType::month:
      if (rules::parse_month(value)) return std::nullopt;
      return fmt::format("'{}' is not a month such as 2026-11", value);
    case FieldType::time:
      if (ledger::parse_time(value)) return std::nullopt;
      return fmt::format(
          "'{}' is not a time such as 2026-11-30T08:05:00.000000Z or 2026-11-30 16:05", value);
    case FieldType::yes_no:
      if (value == "yes" || value == "no") return std::nullopt;
      return fmt::format("'{}' is neither yes nor no", value);
    case FieldType::choice:
      if (is_choice(value, field.of)) return std::nullopt;
      return fmt::format("'{}' is none of {}", value, field.of);
    case FieldType::text:
    case FieldType::reference:
      break;
  }
  return std::nullopt;
}

// "2026-11-30 16:05" on the clock of +08:00, as people write it, becomes the form that is kept.
std::string kept_form(const FieldDef& field, const std::string& value) {
  if (field.type != FieldType::time || value.size() != 16 || value[10] != ' ') return value;
  const auto read =
      ledger::parse_time(fmt::format("{}T{}:00.000000Z", value.substr(0, 10), value.substr(11)));
  return read ? ledger::format_time(*read - rules::china_offset) : value;
}

bool is_entry_id(std::string_view id) {
  if (id.empty() || id.size() > registry_id_bytes_max) return false;
  return std::all_of(id.begin(), id.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-' || c == ':';
  });
}

Result<void> check_text(std::string_view name, std::string_view value) {
  if (value.size() > registry_value_bytes_max) {
    return wrong(name, fmt::format("longer than {} bytes", registry_value_bytes_max));
  }
  if (!ledger::is_valid_utf8(value)) return wrong(name, "not UTF-8");
  const bool plain = std::all_of(value.begin(), value.end(), [](char c) {
    return (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f) || c == '\n';
  });
  if (!plain) return wrong(name, "a control character");
  return {};
}

Result<void> check_fields(RegistryEntry& entry, const KindDef& kind) {
  for (const auto& [name, value] : entry.fields) {
    const auto known =
        std::any_of(kind.fields.begin(), kind.fields.end(),
                    [&, &key = name](const auto& field) { return field.name == key; });
    if (!known) return wrong(name, fmt::format("is no field of {}", kind.key));
    if (auto good = check_text(name, value); !good) return good;
  }
  for (const FieldDef& field : kind.fields) {
    const auto found = entry.fields.find(field.name);
    if (found == entry.fields.end() || found->second.empty()) {
      if (field.needed) return wrong(field.name, "is needed");
      if (found != entry.fields.end()) entry.fields.erase(found);
      continue;
    }
    found->second = kept_form(field, found->second);
    if (const auto problem = problem_of(field, found->second)) return wrong(field.name, *problem);
  }
  return {};
}

// The unit of an entry: what it names, or what its host, system or resource belongs to; they must
// agree.
Result<void> check_references(RegistryEntry& entry, const KindDef& kind, const UnitOf& unit_of) {
  std::optional<std::string> unit;
  for (const FieldDef& field : kind.fields) {
    if (field.type != FieldType::reference) continue;
    const std::string value = entry.field(field.name);
    if (value.empty()) continue;
    const auto owner = unit_of(field.of, value);
    if (!owner) return wrong(field.name, fmt::format("there is no {} '{}'", field.of, value));
    if (owner->empty()) continue;
    if (unit && *unit != *owner) {
      return wrong(field.name,
                   fmt::format("'{}' belongs to unit {}, not to {}", value, *owner, *unit));
    }
    unit = *owner;
  }
  entry.unit = unit.value_or("");
  return {};
}

Result<void> check_order(const RegistryEntry& entry, std::string_view first,
                         std::string_view last) {
  const std::string from = entry.field(first);
  const std::string until = entry.field(last);
  if (!from.empty() && !until.empty() && until < from) {
    return wrong(last, fmt::format("{} lies before {} {}", until, first, from));
  }
  return {};
}

Result<void> check_exemption_entry(const RegistryEntry& entry) {
  rules::Exemption exemption{.id = entry.id,
                             .reason = entry.field("reason"),
                             .approver = entry.field("approver"),
                             .from = *rules::parse_date(entry.field("from")),
                             .until = *rules::parse_date(entry.field("until"))};
  if (auto good = rules::check_exemption(exemption); !good)
    return wrong("until", good.error().message);
  return {};
}

// What a kind asks besides its fields.
Result<void> check_kind(const RegistryEntry& entry) {
  static constexpr std::pair<std::string_view, std::string_view> orders[] = {
      {"from", "until"},
      {"began", "resolved"},
      {"applied", "planned"},
      {"applied", "done"},
      {"found", "fixed"},
      {"issued", "due"},
      {"issued", "done"},
      {"trial_from", "online_from"},
      {"online_from", "changing_from"},
      {"online_from", "leaving_from"},
      {"leaving_from", "retired_on"}};
  for (const auto& [first, last] : orders) {
    if (auto good = check_order(entry, first, last); !good) return good;
  }
  if (entry.kind == "exemption") return check_exemption_entry(entry);
  if (entry.kind == "agreement" && !entry.field("limits").empty()) {
    auto defaults = rules::default_rule_set();
    if (!defaults) return ledger::failure(defaults);
    const auto agreement = rules::parse_agreement(entry.id, entry.field("limits"));
    if (!agreement) return wrong("limits", agreement.error().message);
    if (auto agreed = rules::under_agreement(*defaults, *agreement); !agreed) {
      return wrong("limits", agreed.error().message);
    }
  }
  return {};
}

}  // namespace

Result<void> check_entry(RegistryEntry& entry, const UnitOf& unit_of) {
  const KindDef* kind = find_kind(entry.kind);
  if (kind == nullptr) return wrong("kind", fmt::format("'{}' is not known", entry.kind));
  if (!is_entry_id(entry.id)) {
    return wrong("id", fmt::format("'{}' is not 1 to {} of A-Z a-z 0-9 . _ - :", entry.id,
                                   registry_id_bytes_max));
  }
  if (auto good = check_fields(entry, *kind); !good) return good;
  if (auto good = check_references(entry, *kind, unit_of); !good) return good;
  return check_kind(entry);
}

}  // namespace yunjian::collector
