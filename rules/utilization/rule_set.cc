#include "rules/utilization/rule_set.h"

#include <fmt/format.h>

#include <array>

#include "rules/data_file.h"

namespace yunjian::rules {

using ledger::Result;

namespace {

constexpr Hundredths all = 10000;  // 100 %
constexpr std::size_t conditions_max = 16;

constexpr std::array<std::string_view, rule_figure_count> figure_keys = {
    "coverage",    "cpu_coverage", "memory_coverage",  "working_days",
    "days",        "longest_gap",  "cpu_mean",         "cpu_p95",
    "cpu_p99",     "cpu_peak",     "cpu_busiest_hour", "cpu_busiest_day_p95",
    "memory_mean", "memory_p95",   "memory_p99",       "memory_peak"};

constexpr std::array verdicts = {Verdict::low, Verdict::normal, Verdict::high,
                                 Verdict::insufficient_data};

std::optional<RuleFigure> figure_of(std::string_view key) {
  for (std::size_t i = 0; i < figure_keys.size(); ++i) {
    if (figure_keys[i] == key) return static_cast<RuleFigure>(i);
  }
  return std::nullopt;
}

bool is_load(RuleFigure figure) { return figure >= RuleFigure::cpu_mean; }

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

// The conditions under `key`, all of one relation: "below_percent" or "at_least_percent".
std::vector<Condition> read_conditions(DataObject& file, std::string_view key, Relation relation) {
  std::vector<Condition> read;
  const std::string limit_key = std::string(relation_key(relation)) + "_percent";
  for (DataObject& entry : file.objects(key)) {
    const auto figure = figure_of(entry.text("figure"));
    if (!figure || !is_load(*figure)) entry.wrong("figure", "is not the key of a load figure");
    const Hundredths limit = entry.hundredths(limit_key, all);
    entry.finish();
    if (figure) read.push_back({.figure = *figure, .relation = relation, .limit = limit});
  }
  if (read.empty()) file.wrong(key, "must hold at least one condition");
  if (read.size() > conditions_max) file.wrong(key, "holds more than 16 conditions");
  return read;
}

// A host must not be able to meet "low" and "high" by the same figure.
void check_order(const RuleSet& rules, DataObject& file) {
  for (const Condition& low : rules.low) {
    for (const Condition& high : rules.high) {
      if (low.figure == high.figure && low.limit > high.limit) {
        file.wrong("low", fmt::format("{} is low below a limit above that for high",
                                      figure_key(low.figure)));
      }
    }
  }
}

}  // namespace

std::string_view verdict_key(Verdict verdict) {
  switch (verdict) {
    case Verdict::low:
      return "low";
    case Verdict::normal:
      return "normal";
    case Verdict::high:
      return "high";
    case Verdict::insufficient_data:
      return "insufficient_data";
  }
  return {};
}

std::string_view figure_key(RuleFigure figure) {
  return figure_keys[static_cast<std::size_t>(figure)];
}

FigureUnit figure_unit(RuleFigure figure) {
  if (figure == RuleFigure::longest_gap) return FigureUnit::hours;
  const bool days = figure == RuleFigure::working_days || figure == RuleFigure::days;
  return days ? FigureUnit::days : FigureUnit::percent;
}

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
  rules.low = read_conditions(file, "low", Relation::below);
  rules.high = read_conditions(file, "high", Relation::at_least);
  check_order(rules, file);

  DataObject words = file.object("verdicts");
  for (const Verdict verdict : verdicts) {
    rules.verdicts[verdict] = read_words(words.object(verdict_key(verdict)));
  }
  words.finish();
  DataObject names = file.object("names");
  for (const std::string_view key : figure_keys) {
    rules.names[*figure_of(key)] = read_words(names.object(key));
  }
  names.finish();
  file.finish();
  if (auto good = problem.result(name); !good) return failure(good);
  return rules;
}

Result<RuleSet> default_rule_set() {
  return parse_rule_set(default_rules_json(), "rules/utilization/default.json");
}

}  // namespace yunjian::rules
