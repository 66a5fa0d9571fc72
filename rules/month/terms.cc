#include "rules/month/terms.h"

#include <fmt/format.h>

#include "ledger/base/bytes.h"

namespace yunjian::rules {

using ledger::Result;

namespace {

constexpr int history_months = 12;

Date last_day_of(Month month) { return Date(std::chrono::sys_days(month / std::chrono::last)); }

// Dates compare as text.
bool in_force(const RegistryEntry& entry, const std::string& day) {
  const std::string until = entry.field("until");
  return entry.field("from") <= day && (until.empty() || day <= until);
}

// Thousandths of "12", "12.5", "12.345"; entries were checked when they came.
std::uint64_t thousandths(std::string_view text) {
  const auto point = text.find('.');
  std::string digits(text.substr(0, point));
  std::string places = point == std::string_view::npos ? "" : std::string(text.substr(point + 1));
  places.resize(3, '0');
  return ledger::parse_decimal(digits).value_or(0) * 1000 +
         ledger::parse_decimal("1" + places).value_or(1000) - 1000;
}

std::optional<Date> date_of(const RegistryEntry& entry, std::string_view field) {
  const auto parsed = parse_date(entry.field(field));
  return parsed ? std::optional(*parsed) : std::nullopt;
}

Spec spec_of(const RegistryEntry& entry) {
  Spec spec{.id = entry.id,
            .vcpus = ledger::parse_decimal(entry.field("vcpus")).value_or(0),
            .memory_bytes = (thousandths(entry.field("memory_gb")) << 30U) / 1000};
  const std::string price = entry.field("month_price");
  if (!price.empty()) spec.month_fen = thousandths(price) / 10;
  return spec;
}

HostState state_of(std::string_view key) {
  if (key == "trial") return HostState::trial;
  if (key == "online") return HostState::online;
  if (key == "changing") return HostState::changing;
  if (key == "leaving") return HostState::leaving;
  if (key == "retired") return HostState::retired;
  return HostState::unknown;
}

std::vector<Verdict> verdicts_of(std::string_view keys) {
  std::vector<Verdict> found;
  while (!keys.empty()) {
    const auto key = keys.substr(0, keys.find(' '));
    if (const auto verdict = parse_verdict(key)) found.push_back(*verdict);
    keys.remove_prefix(std::min(keys.size(), key.size() + 1));
  }
  return found;
}

MonthOutcome outcome_of(const StoredOutcome& stored) {
  MonthOutcome outcome{
      .verdict = parse_verdict(stored.verdict).value_or(Verdict::insufficient_data),
      .clears = verdicts_of(stored.clears)};
  if (const auto month = parse_month(stored.month)) outcome.month = *month;
  if (const auto kind = parse_exemption_kind(stored.exempt)) {
    outcome.exempt = Exempt{.kind = *kind};
  }
  return outcome;
}

}  // namespace

Result<std::unique_ptr<MonthTerms>> MonthTerms::read(const Inventory& inventory,
                                                     const RuleSet& rules, Month month) {
  std::unique_ptr<MonthTerms> terms(new MonthTerms);
  terms->month_ = month;
  terms->last_day_ = last_day_of(month);
  auto hosts = inventory.entries("host_terms");
  if (!hosts) return ledger::failure(hosts);
  for (RegistryEntry& entry : *hosts) {
    const std::string host = entry.field("host");
    terms->hosts_[host].entry = std::move(entry);
  }
  auto systems = inventory.entries("system");
  if (!systems) return ledger::failure(systems);
  for (RegistryEntry& entry : *systems) {
    const std::string id = entry.id;
    terms->systems_[id] = std::move(entry);
  }
  if (auto good = terms->read_specs(inventory); !good) return ledger::failure(good);
  if (auto good = terms->read_agreements(inventory, rules); !good) return ledger::failure(good);
  if (auto good = terms->read_exemptions(inventory); !good) return ledger::failure(good);
  if (auto good = terms->read_power(inventory); !good) return ledger::failure(good);
  if (auto good = terms->read_outcomes(inventory); !good) return ledger::failure(good);
  return terms;
}

Result<void> MonthTerms::read_specs(const Inventory& inventory) {
  auto specs = inventory.entries("spec");
  if (!specs) return ledger::failure(specs);
  const std::string day = format_date(last_day_);
  for (const RegistryEntry& entry : *specs) {
    if (in_force(entry, day)) specs_.push_back(spec_of(entry));
  }
  return {};
}

Result<void> MonthTerms::read_agreements(const Inventory& inventory, const RuleSet& rules) {
  auto agreements = inventory.entries("agreement");
  if (!agreements) return ledger::failure(agreements);
  const std::string day = format_date(last_day_);
  for (const RegistryEntry& entry : *agreements) {
    if (!in_force(entry, day) || entry.field("limits").empty()) continue;
    auto parsed = parse_agreement(entry.id, entry.field("limits"));
    if (!parsed) return ledger::failure(parsed);
    auto agreed = under_agreement(rules, *parsed);
    if (!agreed) return ledger::failure(agreed);
    agreements_.push_back({.unit = entry.unit,
                           .system = entry.field("system"),
                           .host = entry.field("host"),
                           .rules = std::move(*agreed)});
  }
  return {};
}

Result<void> MonthTerms::read_exemptions(const Inventory& inventory) {
  auto exemptions = inventory.entries("exemption");
  if (!exemptions) return ledger::failure(exemptions);
  for (const RegistryEntry& entry : *exemptions) {
    const auto kind = parse_exemption_kind(entry.field("type"));
    const auto from = date_of(entry, "from");
    const auto until = date_of(entry, "until");
    if (!kind || !from || !until) continue;
    hosts_[entry.field("host")].exemptions.push_back({.id = entry.id,
                                                      .kind = *kind,
                                                      .reason = entry.field("reason"),
                                                      .approver = entry.field("approver"),
                                                      .from = *from,
                                                      .until = *until});
  }
  return {};
}

Result<void> MonthTerms::read_power(const Inventory& inventory) {
  auto power = inventory.entries("power");
  if (!power) return ledger::failure(power);
  const std::string month = format_month(month_);
  for (const RegistryEntry& entry : *power) {
    if (entry.field("month") != month) continue;
    const auto off = static_cast<std::int64_t>(thousandths(entry.field("off_days")));
    hosts_[entry.field("host")].powered_off = std::chrono::seconds(off * 86400 / 1000);
  }
  return {};
}

Result<void> MonthTerms::read_outcomes(const Inventory& inventory) {
  const auto from = format_month(month_ - std::chrono::months(history_months));
  auto outcomes = inventory.outcomes(from, format_month(month_));
  if (!outcomes) return ledger::failure(outcomes);
  for (StoredOutcome& outcome : *outcomes) {
    std::vector<StoredOutcome>& months = outcomes_[outcome.host];
    months.push_back(std::move(outcome));
  }
  return {};
}

// The narrowest agreement decides: of the host, else of its system, else of its unit.
const RuleSet* MonthTerms::agreed_for(const HostFacts& host, std::string_view system) const {
  const RuleSet* found = nullptr;
  int narrowness = 0;
  for (const Agreed& agreed : agreements_) {
    int fits = 0;
    if (!agreed.host.empty()) {
      fits = agreed.host == host.id ? 3 : 0;
    } else if (!agreed.system.empty()) {
      fits = agreed.system == system ? 2 : 0;
    } else {
      fits = agreed.unit == host.unit ? 1 : 0;
    }
    if (fits > narrowness) {
      narrowness = fits;
      found = &agreed.rules;
    }
  }
  return found;
}

void MonthTerms::add_to(HostFacts& host) const {
  const auto listed = hosts_.find(host.id);
  const RegistryEntry none;
  const RegistryEntry& entry = listed == hosts_.end() ? none : listed->second.entry;
  if (listed != hosts_.end()) {
    host.terms.exemptions = listed->second.exemptions;
    host.month.powered_off = listed->second.powered_off;
  }
  host.terms.state = state_of(entry.field("state"));
  host.terms.online_since = date_of(entry, "online_from");
  if (const auto retired = date_of(entry, "retired_on")) host.retired = day_begin(*retired);
  host.payer = entry.field("payer").empty() ? (host.county.empty() ? "city" : "county")
                                            : entry.field("payer");
  const std::string spec = entry.field("spec");
  for (const Spec& one : specs_) {
    if (one.id == spec) host.month_fen = one.month_fen;
  }
  const std::string system = entry.field("system");
  const auto known = systems_.find(system);
  if (known != systems_.end()) {
    host.is_public = known->second.field("public") == "yes";
    if (host.system.empty()) host.system = known->second.field("name");
  }
  host.rules = agreed_for(host, system);
}

HistorySource MonthTerms::history() const {
  return [this](const std::string& host, const std::string& size) {
    std::vector<MonthOutcome> months;
    const auto found = outcomes_.find(host);
    if (found == outcomes_.end()) return months;
    for (const StoredOutcome& stored : found->second) {
      if (stored.size == size) {
        months.push_back(outcome_of(stored));
      } else if (!stored.size.empty()) {
        months.clear();  // it was resized since
      }
    }
    return months;
  };
}

std::vector<StoredOutcome> outcomes_of(const UtilizationTable& table) {
  std::vector<StoredOutcome> outcomes;
  for (const UtilizationRow& row : table.rows) {
    if (!row.outcome) continue;
    StoredOutcome stored{.host = row.host.id,
                         .month = format_month(table.month),
                         .verdict = std::string(verdict_key(row.outcome->verdict)),
                         .rules = row.judgement.rule_version};
    if (row.vcpus) stored.size = size_key(*row.vcpus, row.memory_bytes.value_or(0));
    for (const Verdict verdict : row.outcome->clears) {
      stored.clears += fmt::format("{}{}", stored.clears.empty() ? "" : " ", verdict_key(verdict));
    }
    stored.cpu_mean = row.cpu.mean;
    stored.memory_mean = row.memory.mean;
    if (row.outcome->exempt) stored.exempt = exemption_key(row.outcome->exempt->kind);
    outcomes.push_back(std::move(stored));
  }
  return outcomes;
}

}  // namespace yunjian::rules
