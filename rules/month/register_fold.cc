#include "rules/month/register_fold.h"

#include <fmt/format.h>

#include <tuple>

#include "ledger/base/bytes.h"

namespace yunjian::rules {

using ledger::Result;

namespace {

constexpr std::string_view field_prefix = "field.";
// The kinds that figures and verdicts depend on.
constexpr std::string_view judged_by[] = {"agreement", "exemption", "host",   "host_terms",
                                          "power",     "spec",      "system", "unit"};

std::optional<std::uint64_t> known_size(const std::string& text) {
  const auto size = ledger::parse_decimal(text);
  return size && *size > 0 ? std::optional(*size) : std::nullopt;
}

Purpose purpose_of(std::string_view key) {
  if (key == "production") return Purpose::production;
  if (key == "test") return Purpose::test;
  return key == "dr" ? Purpose::disaster_recovery : Purpose::unknown;
}

}  // namespace

bool read_register_act(const ledger::ParsedRecord& record, RegistryEntry& entry) {
  if (record.find("kind") != "collector" || record.find("what") != "register") return false;
  entry = {};
  for (const ledger::RecordField& field : record.fields) {
    if (field.key == "register") entry.kind = field.value;
    if (field.key == "entry") entry.id = field.value;
    if (field.key == "unit") entry.unit = field.value;
    if (!field.key.starts_with(field_prefix)) continue;
    entry.fields[std::string(field.key.substr(field_prefix.size()))] = field.value;
  }
  return !entry.kind.empty() && !entry.id.empty();
}

bool read_outcome_act(const ledger::ParsedRecord& record, StoredOutcome& outcome) {
  if (record.find("kind") != "collector" || record.find("what") != "outcome") return false;
  const auto text = [&](std::string_view key) {
    return std::string(record.find(key).value_or(""));
  };
  outcome = {.host = text("host"),
             .month = text("month"),
             .size = text("size"),
             .verdict = text("verdict"),
             .clears = text("clears"),
             .exempt = text("exempt"),
             .rules = text("rules"),
             .cpu_mean = record.find_integer("cpu_mean"),
             .memory_mean = record.find_integer("memory_mean")};
  return !outcome.host.empty() && parse_month(outcome.month).has_value();
}

bool same_outcome(const StoredOutcome& one, const StoredOutcome& other) {
  const auto all = [](const StoredOutcome& each) {
    return std::tie(each.host, each.month, each.size, each.verdict, each.clears, each.exempt,
                    each.rules, each.cpu_mean, each.memory_mean);
  };
  return all(one) == all(other);
}

void RegisterFold::add(const ledger::ParsedRecord& record) {
  StoredOutcome outcome;
  if (read_outcome_act(record, outcome)) {
    StoredOutcome& kept = outcomes_[outcome.host][outcome.month];
    kept = std::move(outcome);
    return;
  }
  RegistryEntry entry;
  if (!read_register_act(record, entry)) return;
  RegistryEntry& kept = kinds_[entry.kind][entry_key(entry)];
  kept = std::move(entry);
}

void RegisterFold::add_enrolled(const std::string& host, const std::string& unit) {
  kinds_["host"].try_emplace(
      host,
      RegistryEntry{
          .kind = "host", .id = host, .unit = unit, .fields = {{"name", host}, {"unit", unit}}});
}

std::vector<RegistryEntry> RegisterFold::entries(std::string_view kind) const {
  std::vector<RegistryEntry> found;
  const auto of_kind = kinds_.find(kind);
  if (of_kind == kinds_.end()) return found;
  for (const auto& [id, entry] : of_kind->second) found.push_back(entry);
  return found;
}

Inventory RegisterFold::inventory() const {
  return {.entries = [this](std::string_view kind) -> Result<std::vector<RegistryEntry>> {
            return entries(kind);
          },
          .outcomes = [this](const std::string& from, const std::string& until)
              -> Result<std::vector<StoredOutcome>> { return outcomes(from, until); }};
}

std::vector<StoredOutcome> RegisterFold::outcomes(const std::string& from,
                                                  const std::string& until) const {
  std::vector<StoredOutcome> found;
  for (const auto& [host, months] : outcomes_) {
    for (auto at = months.lower_bound(from); at != months.end() && at->first < until; ++at) {
      found.push_back(at->second);
    }
  }
  return found;
}

std::set<std::string, std::less<>> RegisterFold::judged_months() const {
  std::set<std::string, std::less<>> months;
  for (const auto& [host, of_host] : outcomes_) {
    for (const auto& [month, outcome] : of_host) months.insert(month);
  }
  return months;
}

Result<std::string> inventory_text(const Inventory& inventory) {
  std::string text;
  for (const std::string_view kind : judged_by) {
    auto entries = inventory.entries(kind);
    if (!entries) return ledger::failure(entries);
    for (const RegistryEntry& entry : *entries) {
      text += fmt::format("{} {} {}", kind, entry.id, entry.unit);
      for (const auto& [name, value] : entry.fields) {
        text += ' ' + name + ' ';
        ledger::append_json_string(text, value);
      }
      text += '\n';
    }
  }
  return text;
}

HostFacts host_facts(const RegistryEntry& host, const RegistryEntry& unit, ledger::Time enrolled) {
  HostFacts facts{.id = host.id,
                  .name = host.field("name").empty() ? host.id : host.field("name"),
                  .unit = unit.id,
                  .unit_name = unit.field("name"),
                  .county = unit.field("county"),
                  .system = host.field("system"),
                  .vcpus = known_size(host.field("vcpus")),
                  .memory_bytes = known_size(host.field("memory_bytes")),
                  .enrolled = enrolled};
  facts.terms.purpose = purpose_of(host.field("purpose"));
  return facts;
}

Result<std::vector<HostFacts>> hosts_of_inventory(
    const Inventory& inventory, const std::map<std::string, ledger::Time, std::less<>>& enrolled) {
  auto units = inventory.entries("unit");
  if (!units) return ledger::failure(units);
  auto hosts = inventory.entries("host");
  if (!hosts) return ledger::failure(hosts);
  std::map<std::string_view, const RegistryEntry*> unit_by_id;
  for (const RegistryEntry& unit : *units) unit_by_id[unit.id] = &unit;
  std::vector<HostFacts> facts;
  for (const RegistryEntry& host : *hosts) {
    const auto first = enrolled.find(host.id);
    const auto unit = unit_by_id.find(host.unit);
    if (first == enrolled.end() || unit == unit_by_id.end()) continue;
    facts.push_back(host_facts(host, *unit->second, first->second));
  }
  return facts;
}

}  // namespace yunjian::rules
