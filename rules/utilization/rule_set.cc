#include "rules/utilization/rule_set.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "rules/data_file.h"

namespace yunjian::rules {

using ledger::Result;

namespace {

constexpr Hundredths all = 10000;  // 100 %
constexpr Hundredths limit_max = 1'000'000'000'000'000;
constexpr std::size_t conditions_max = 16;
constexpr std::size_t alternatives_max = 8;
constexpr std::uint64_t months_max = 12;

constexpr std::array<std::string_view, verdict_count> verdict_keys = {
    "off", "faked_load", "severe",           "high", "idle", "wrong_shape",
    "low", "normal",     "insufficient_data"};

struct FigureFacts {
  std::string_view key;
  FigureUnit unit;
};

constexpr std::array<FigureFacts, rule_figure_count> figures = {{
    {"coverage", FigureUnit::percent},
    {"cpu_coverage", FigureUnit::percent},
    {"memory_coverage", FigureUnit::percent},
    {"working_days", FigureUnit::days},
    {"days", FigureUnit::days},
    {"longest_gap", FigureUnit::hours},
    {"cpu_mean", FigureUnit::percent},
    {"cpu_p95", FigureUnit::percent},
    {"cpu_p99", FigureUnit::percent},
    {"cpu_peak", FigureUnit::percent},
    {"cpu_spread", FigureUnit::percent},
    {"cpu_busiest_hour", FigureUnit::percent},
    {"cpu_busiest_day_p95", FigureUnit::percent},
    {"memory_mean", FigureUnit::percent},
    {"memory_p95", FigureUnit::percent},
    {"memory_p99", FigureUnit::percent},
    {"memory_peak", FigureUnit::percent},
    {"memory_spread", FigureUnit::percent},
    {"net_in_p95", FigureUnit::bytes_per_s},
    {"net_out_p95", FigureUnit::bytes_per_s},
    {"disk_iops_p95", FigureUnit::per_s},
    {"disk_used", FigureUnit::percent},
    {"disk_full_days", FigureUnit::days},
    {"oom_kills", FigureUnit::count},
    {"logins", FigureUnit::count},
    {"accesses", FigureUnit::count},
    {"off_days", FigureUnit::days},
}};

constexpr std::array relations = {Relation::below, Relation::at_least, Relation::at_most};

// What the gate asks is not for rules: it says whether the others can be trusted.
bool is_for_rules(RuleFigure figure) { return figure >= RuleFigure::cpu_mean; }

Words read_words(DataObject words) {
  Words read{.zh = words.text("zh"), .en = words.text("en")};
  words.finish();
  return read;
}

Gate read_gate(DataObject gate) {
  const auto hours = [&](std::string_view key, std::uint64_t max) {
    return std::chrono::hours(static_cast<int>(gate.integer(key, max)));
  };
  Gate read;
  read.coverage_min = gate.hundredths("coverage_percent_min", all);
  read.working_days_min = static_cast<unsigned>(gate.integer("working_days_min", 31));
  read.days_min_without_calendar =
      static_cast<unsigned>(gate.integer("days_min_without_calendar", 31));
  read.day_min = hours("day_hours_min", 24);
  read.gap_max = hours("gap_hours_max", 31 * 24);
  gate.finish();
  return read;
}

Sizing read_sizing(DataObject sizing) {
  Sizing read;
  read.cpu_p95_max_public = sizing.hundredths("cpu_p95_percent_max_public", all);
  read.cpu_p95_max_internal = sizing.hundredths("cpu_p95_percent_max_internal", all);
  read.cpu_busiest_hour_max = sizing.hundredths("cpu_busiest_hour_percent_max", all);
  read.memory_headroom = sizing.hundredths("memory_headroom_percent", 10 * all);
  if (read.memory_headroom < all) {
    sizing.wrong("memory_headroom_percent", "must be at least 100");
  }
  if (read.cpu_p95_max_public == 0 || read.cpu_p95_max_internal == 0 ||
      read.cpu_busiest_hour_max == 0) {
    sizing.wrong("cpu_p95_percent_max_public", "and the other CPU limits must be above 0");
  }
  sizing.finish();
  return read;
}

Hundredths limit_max_of(RuleFigure figure) {
  return figure_unit(figure) == FigureUnit::percent ? all : limit_max;
}

Condition read_condition(DataObject entry) {
  Condition read;
  const auto figure = parse_figure(entry.text("figure"));
  if (!figure || !is_for_rules(*figure)) {
    entry.wrong("figure", "is not the key of a figure that rules may use");
  }
  read.figure = figure.value_or(RuleFigure::cpu_mean);
  unsigned given = 0;
  for (const Relation relation : relations) {
    if (!entry.has(relation_key(relation))) continue;
    ++given;
    read.relation = relation;
    read.limit = entry.hundredths(relation_key(relation), limit_max_of(read.figure));
  }
  if (given != 1) entry.wrong("figure", "needs one of below, at_least, at_most");
  if (entry.has("if_measured")) read.if_measured = entry.boolean("if_measured");
  entry.finish();
  return read;
}

Alternatives read_alternatives(DataObject& rule, std::string_view key) {
  Alternatives read;
  for (auto& list : rule.object_lists(key)) {
    std::vector<Condition>& conditions = read.emplace_back();
    for (DataObject& entry : list) conditions.push_back(read_condition(std::move(entry)));
    if (conditions.empty() || conditions.size() > conditions_max) {
      rule.wrong(key, "must hold 1 to 16 conditions in each alternative");
    }
  }
  if (read.size() > alternatives_max) rule.wrong(key, "holds more than 8 alternatives");
  return read;
}

Rule read_rule(DataObject rule) {
  Rule read;
  const auto verdict = parse_verdict(rule.text("verdict"));
  if (!verdict || *verdict == Verdict::normal || *verdict == Verdict::insufficient_data) {
    rule.wrong("verdict", "is not the key of a verdict that a rule can give");
  }
  read.verdict = verdict.value_or(Verdict::normal);
  read.gated = rule.boolean("gated");
  read.months = static_cast<unsigned>(rule.integer("months", months_max));
  read.of = static_cast<unsigned>(rule.integer("of", months_max));
  if (read.months == 0 || read.months > read.of) {
    rule.wrong("months", "must be at least 1 and at most \"of\"");
  }
  read.when = read_alternatives(rule, "when");
  if (read.when.empty()) rule.wrong("when", "must hold at least one alternative");
  read.clear = read_alternatives(rule, "clear");
  rule.finish();
  return read;
}

std::vector<Rule> read_rules(DataObject& file) {
  std::vector<Rule> read;
  for (DataObject& entry : file.objects("rules")) {
    read.push_back(read_rule(std::move(entry)));
    const auto same = [&](const Rule& rule) { return rule.verdict == read.back().verdict; };
    if (std::count_if(read.begin(), read.end(), same) > 1) {
      file.wrong("rules", fmt::format("{} stands twice", verdict_key(read.back().verdict)));
    }
  }
  for (const Verdict needed : {Verdict::high, Verdict::low}) {
    const auto is = [&](const Rule& rule) { return rule.verdict == needed; };
    if (std::none_of(read.begin(), read.end(), is)) {
      file.wrong("rules", fmt::format("must hold a rule for {}", verdict_key(needed)));
    }
  }
  return read;
}

// A host must not be able to meet "low" and "high" by the same figure; nothing when it cannot.
std::optional<std::string> contradiction(const RuleSet& rules) {
  const Rule* low = rules.find(Verdict::low);
  const Rule* high = rules.find(Verdict::high);
  if (low == nullptr || high == nullptr) return std::nullopt;
  for (const auto& below : low->when) {
    for (const auto& above : high->when) {
      for (const Condition& a : below) {
        for (const Condition& b : above) {
          if (a.figure == b.figure && a.relation == Relation::below &&
              b.relation == Relation::at_least && a.limit > b.limit) {
            return fmt::format("{} is low below a limit above that for high", figure_key(a.figure));
          }
        }
      }
    }
  }
  return std::nullopt;
}

void read_names(DataObject& file, RuleSet& rules) {
  DataObject words = file.object("verdicts");
  for (std::size_t i = 0; i < verdict_count; ++i) {
    rules.verdicts[static_cast<Verdict>(i)] = read_words(words.object(verdict_keys[i]));
  }
  words.finish();
  DataObject names = file.object("names");
  for (std::size_t i = 0; i < rule_figure_count; ++i) {
    rules.names[static_cast<RuleFigure>(i)] = read_words(names.object(figures[i].key));
  }
  names.finish();
}

// Sets the limit of `figure` wherever the rule asks for it; false: it does not.
bool set_limit(Rule& rule, const Agreement::Limit& limit) {
  bool found = false;
  for (auto& conditions : rule.when) {
    for (Condition& condition : conditions) {
      if (condition.figure != limit.figure) continue;
      condition.limit = limit.limit;
      found = true;
    }
  }
  return found;
}

}  // namespace

std::string_view verdict_key(Verdict verdict) {
  return verdict_keys[static_cast<std::size_t>(verdict)];
}

std::optional<Verdict> parse_verdict(std::string_view key) {
  const auto found = std::find(verdict_keys.begin(), verdict_keys.end(), key);
  if (found == verdict_keys.end()) return std::nullopt;
  return static_cast<Verdict>(found - verdict_keys.begin());
}

std::string_view figure_key(RuleFigure figure) {
  return figures[static_cast<std::size_t>(figure)].key;
}

std::optional<RuleFigure> parse_figure(std::string_view key) {
  const auto found = std::find_if(figures.begin(), figures.end(),
                                  [&](const FigureFacts& facts) { return facts.key == key; });
  if (found == figures.end()) return std::nullopt;
  return static_cast<RuleFigure>(found - figures.begin());
}

FigureUnit figure_unit(RuleFigure figure) { return figures[static_cast<std::size_t>(figure)].unit; }

std::string_view relation_key(Relation relation) {
  switch (relation) {
    case Relation::below:
      return "below";
    case Relation::at_least:
      return "at_least";
    case Relation::at_most:
      return "at_most";
  }
  return {};
}

const Rule* RuleSet::find(Verdict verdict) const {
  const auto found = std::find_if(rules.begin(), rules.end(),
                                  [&](const Rule& rule) { return rule.verdict == verdict; });
  return found == rules.end() ? nullptr : &*found;
}

Result<RuleSet> parse_rule_set(std::string_view json, std::string_view name) {
  auto parsed = parse_data_file(json);
  if (!parsed) return failure(parsed, name);
  DataProblem problem;
  DataObject file(*parsed, "", problem);
  RuleSet rules;
  if (file.text("format") != "yunjian/utilization-rules/v1") {
    file.wrong("format", "must be \"yunjian/utilization-rules/v1\"");
  }
  rules.version = file.text("version");
  rules.name = read_words(file.object("name"));
  rules.basis = read_words(file.object("basis"));
  rules.gate = read_gate(file.object("gate"));
  rules.rules = read_rules(file);
  if (const auto wrong = contradiction(rules)) file.wrong("rules", *wrong);
  rules.sizing = read_sizing(file.object("sizing"));
  read_names(file, rules);
  file.finish();
  if (auto good = problem.result(name); !good) return failure(good);
  return rules;
}

Result<RuleSet> default_rule_set() {
  return parse_rule_set(default_rules_json(), "rules/utilization/default.json");
}

Result<Agreement> parse_agreement(std::string_view id, std::string_view json) {
  const std::string where = fmt::format("agreement {}", id);
  auto parsed = parse_data_file(json);
  if (!parsed) return failure(parsed, where);
  DataProblem problem;
  DataObject file(*parsed, "", problem);
  Agreement agreement{.id = std::string(id)};
  for (const std::string& verdict_name : file.keys()) {
    const auto verdict = parse_verdict(verdict_name);
    if (!verdict) {
      file.wrong(verdict_name, "is not the key of a verdict");
      continue;
    }
    DataObject limits = file.object(verdict_name);
    for (const std::string& key : limits.keys()) {
      if (key == "months") {
        const auto months = static_cast<unsigned>(limits.integer(key, months_max));
        agreement.months.push_back({.verdict = *verdict, .months = months});
      } else if (const auto figure = parse_figure(key); figure && is_for_rules(*figure)) {
        const Hundredths limit = limits.hundredths(key, limit_max_of(*figure));
        agreement.limits.push_back({.verdict = *verdict, .figure = *figure, .limit = limit});
      } else {
        limits.wrong(key, "is not the key of a figure that rules may use");
      }
    }
    limits.finish();
  }
  file.finish();
  if (auto good = problem.result(where); !good) return failure(good);
  return agreement;
}

Result<RuleSet> under_agreement(const RuleSet& rules, const Agreement& agreement) {
  const auto reject = [&](std::string_view what) {
    return ledger::fail(ledger::ErrorKind::reject,
                        fmt::format("agreement {}: {}", agreement.id, what));
  };
  RuleSet agreed = rules;
  agreed.agreement = agreement.id;
  const auto rule_of = [&](Verdict verdict) -> Rule* {
    for (Rule& rule : agreed.rules) {
      if (rule.verdict == verdict) return &rule;
    }
    return nullptr;
  };
  for (const Agreement::Limit& limit : agreement.limits) {
    Rule* rule = rule_of(limit.verdict);
    if (rule == nullptr || !set_limit(*rule, limit)) {
      return reject(fmt::format("the rules ask for no {} to find a host {}",
                                figure_key(limit.figure), verdict_key(limit.verdict)));
    }
  }
  for (const Agreement::Months& months : agreement.months) {
    Rule* rule = rule_of(months.verdict);
    if (rule == nullptr || months.months == 0) {
      return reject(
          fmt::format("{} cannot take {} months", verdict_key(months.verdict), months.months));
    }
    rule->months = months.months;
    rule->of = std::max(rule->of, months.months);
  }
  if (const auto wrong = contradiction(agreed)) return reject(*wrong);
  return agreed;
}

}  // namespace yunjian::rules
