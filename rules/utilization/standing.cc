#include "rules/utilization/standing.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace yunjian::rules {

using ledger::ErrorKind;
using ledger::fail;
using ledger::Result;

namespace {

struct KindFacts {
  std::string_view key, zh, en;
};

constexpr std::array<KindFacts, exemption_kind_count> kinds = {{
    {"disaster_recovery", "容灾备用", "disaster recovery"},
    {"trial", "试用期", "trial"},
    {"recently_online", "上线不满 90 天", "online for less than 90 days"},
    {"key_event", "重大活动保障期", "support of a major event"},
    {"old_system_kept", "原系统保留期", "old system kept after migration"},
    {"change_freeze", "变更冻结", "change freeze"},
    {"security_component", "安全或管理组件", "security or management component"},
    {"declared_cycle", "单位声明的周期业务", "periodic business declared by the unit"},
    {"legal_retention", "法定留存", "retention required by law"},
}};

constexpr std::chrono::days recently{90};

// The calendar month `count` later.
Month later(Month month, int count) { return month + std::chrono::months(count); }

// Whether a month found to be `found` counts for a flag of `wanted`: what is idle is low too.
bool counts_as(Verdict found, Verdict wanted) {
  return found == wanted || (wanted == Verdict::low && found == Verdict::idle) ||
         (wanted == Verdict::high && found == Verdict::severe);
}

struct History {
  const RuleSet& rules;
  std::span<const MonthOutcome> months;

  const MonthOutcome* at(Month month) const {
    for (const MonthOutcome& outcome : months) {
      if (outcome.month == month) return &outcome;
    }
    return nullptr;
  }

  // Months counting for the rule among its last `of` up to `end`; exempt ones do not count.
  unsigned count(const Rule& rule, Month end) const {
    unsigned found = 0;
    for (unsigned back = 0; back < rule.of; ++back) {
      const MonthOutcome* outcome = at(later(end, -static_cast<int>(back)));
      if (outcome != nullptr && !outcome->exempt && counts_as(outcome->verdict, rule.verdict)) {
        ++found;
      }
    }
    return found;
  }

  // The first of those months.
  Month first(const Rule& rule, Month end) const {
    Month found = end;
    for (unsigned back = 0; back < rule.of; ++back) {
      const Month month = later(end, -static_cast<int>(back));
      const MonthOutcome* outcome = at(month);
      if (outcome != nullptr && counts_as(outcome->verdict, rule.verdict)) found = month;
    }
    return found;
  }
};

// The flag as it goes from month to month.
struct Flag {
  const Rule* rule = nullptr;
  Month since{};
  bool held = false;
};

bool is_cleared(const Flag& flag, const MonthOutcome& outcome) {
  return std::find(outcome.clears.begin(), outcome.clears.end(), flag.rule->verdict) !=
         outcome.clears.end();
}

// Moves the flag over one month.
void advance(Flag& flag, const History& history, const MonthOutcome& outcome) {
  flag.held = false;
  for (const Rule& rule : history.rules.rules) {
    if (!counts_as(outcome.verdict, rule.verdict) || outcome.exempt) continue;
    if (history.count(rule, outcome.month) < rule.months) continue;
    if (flag.rule != &rule) flag.since = history.first(rule, outcome.month);
    flag.rule = &rule;
    return;
  }
  if (flag.rule == nullptr) return;
  const bool exempt = outcome.exempt && can_be_exempt(flag.rule->verdict);
  if (exempt || is_cleared(flag, outcome)) {
    flag = {};
  } else {
    flag.held = true;
  }
}

Words month_words(Month month) { return {.zh = format_month(month), .en = format_month(month)}; }

Words explain_flag(const RuleSet& rules, const Flag& flag, const Standing& standing) {
  const Words& name = rules.verdicts.at(flag.rule->verdict);
  const Words since = month_words(flag.since);
  if (flag.held) {
    return {.zh = fmt::format("自 {} 起标记为{}；本月未再达到，但尚未达到解除条件，标记保留。",
                              since.zh, name.zh),
            .en = fmt::format("flagged {} since {}; not found so this month, but what clears the "
                              "flag was not reached either, so it stays.",
                              name.en, since.en)};
  }
  return {.zh = fmt::format("自 {} 起最近 {} 个月中有 {} 个月{}（规定 {} 个月），予以标记。",
                            since.zh, flag.rule->of, standing.months, name.zh, flag.rule->months),
          .en = fmt::format("{} in {} of the last {} months, since {} ({} needed): flagged.",
                            name.en, standing.months, flag.rule->of, since.en, flag.rule->months)};
}

Words explain_exempt(const RuleSet& rules, const Exempt& exempt, Verdict verdict) {
  const Words& name = rules.verdicts.at(verdict);
  const Words why = exemption_name(exempt.kind);
  const std::string until_zh = exempt.until ? "，至 " + format_date(*exempt.until) : "";
  const std::string until_en = exempt.until ? " until " + format_date(*exempt.until) : "";
  return {.zh = fmt::format("本月{}，因{}豁免{}，不予标记。", name.zh, why.zh, until_zh),
          .en = fmt::format("{} this month; exempt by {}{}, so not flagged.", name.en, why.en,
                            until_en)};
}

Words explain_none(const RuleSet& rules, const Standing& standing, const MonthOutcome& newest) {
  const Words& name = rules.verdicts.at(newest.verdict);
  const Rule* rule = rules.find(newest.verdict);
  if (rule == nullptr) {
    return {.zh = fmt::format("本月{}，无标记。", name.zh),
            .en = fmt::format("{} this month; nothing is flagged.", name.en)};
  }
  return {
      .zh = fmt::format("本月{}，最近 {} 个月中 {} 个月，未达到规定的 {} 个月，不予标记。", name.zh,
                        rule->of, standing.months, rule->months),
      .en = fmt::format("{} this month, {} of the last {} months; {} are needed, so not flagged.",
                        name.en, standing.months, rule->of, rule->months)};
}

unsigned run_of_newest(const History& history, const MonthOutcome& newest) {
  unsigned run = 0;
  for (Month month = newest.month;; month = later(month, -1), ++run) {
    const MonthOutcome* outcome = history.at(month);
    if (outcome == nullptr || outcome->verdict != newest.verdict) return run;
  }
}

}  // namespace

std::string_view exemption_key(ExemptionKind kind) {
  return kinds[static_cast<std::size_t>(kind)].key;
}

std::optional<ExemptionKind> parse_exemption_kind(std::string_view key) {
  const auto found =
      std::find_if(kinds.begin(), kinds.end(), [&](const auto& kind) { return kind.key == key; });
  if (found == kinds.end()) return std::nullopt;
  return static_cast<ExemptionKind>(found - kinds.begin());
}

Words exemption_name(ExemptionKind kind) {
  const KindFacts& facts = kinds[static_cast<std::size_t>(kind)];
  return {.zh = std::string(facts.zh), .en = std::string(facts.en)};
}

Result<void> check_exemption(const Exemption& exemption) {
  const auto reject = [&](std::string_view what) {
    return fail(ErrorKind::reject, fmt::format("exemption {}: {}", exemption.id, what));
  };
  if (exemption.reason.empty()) return reject("a reason is needed");
  if (exemption.approver.empty()) return reject("somebody must have approved it");
  if (!exemption.from.ok() || !exemption.until.ok()) return reject("a date does not exist");
  if (exemption.until < exemption.from) return reject("it ends before it begins");
  const Date begin = exemption.from;
  const Date last = begin + std::chrono::months(exemption_months_max);
  // 29 February has no anniversary: the day after the last one of the month stands for it.
  const auto limit = last.ok()
                         ? std::chrono::sys_days(last)
                         : std::chrono::sys_days(last.year() / last.month() / std::chrono::last);
  if (std::chrono::sys_days(exemption.until) > limit) {
    return reject(fmt::format("it lasts longer than {} months; approve it anew when it ends",
                              exemption_months_max));
  }
  return {};
}

std::optional<Exempt> exempt_in(const HostTerms& terms, const Month& month) {
  const auto past_last = std::chrono::sys_days(later(month, 1) / std::chrono::day(1));
  const Date last(past_last - std::chrono::days(1));
  if (terms.purpose == Purpose::disaster_recovery) {
    return Exempt{.kind = ExemptionKind::disaster_recovery};
  }
  if (terms.state == HostState::trial) return Exempt{.kind = ExemptionKind::trial};
  if (terms.online_since && std::chrono::sys_days(*terms.online_since) + recently >= past_last) {
    return Exempt{.kind = ExemptionKind::recently_online,
                  .until = Date(std::chrono::sys_days(*terms.online_since) + recently)};
  }
  for (const Exemption& exemption : terms.exemptions) {
    if (exemption.from <= last && last <= exemption.until) {
      return Exempt{.kind = exemption.kind, .exemption = exemption.id, .until = exemption.until};
    }
  }
  return std::nullopt;
}

bool can_be_exempt(Verdict verdict) {
  switch (verdict) {
    case Verdict::off:
    case Verdict::faked_load:
    case Verdict::idle:
    case Verdict::wrong_shape:
    case Verdict::low:
      return true;
    default:
      return false;
  }
}

MonthOutcome outcome_of(const Month& month, const Judgement& judgement,
                        const std::optional<Exempt>& exempt) {
  MonthOutcome outcome{.month = month, .verdict = judgement.verdict};
  for (const RuleOutcome& rule : judgement.rules) {
    if (rule.clears == true) outcome.clears.push_back(rule.verdict);
  }
  if (exempt && can_be_exempt(judgement.verdict)) outcome.exempt = exempt;
  return outcome;
}

Standing stand(const RuleSet& rules, std::span<const MonthOutcome> months) {
  Standing standing;
  if (months.empty()) {
    standing.explanation = {.zh = "没有可判定的月份。", .en = "no month was judged."};
    return standing;
  }
  const History history{.rules = rules, .months = months};
  Flag flag;
  for (const MonthOutcome& outcome : months) advance(flag, history, outcome);

  const MonthOutcome& newest = months.back();
  standing.consecutive = run_of_newest(history, newest);
  const Rule* rule = flag.rule != nullptr ? flag.rule : rules.find(newest.verdict);
  if (rule != nullptr) standing.months = history.count(*rule, newest.month);
  if (flag.rule != nullptr) {
    standing.flag = flag.rule->verdict;
    standing.since = flag.since;
    standing.held = flag.held;
    standing.explanation = explain_flag(rules, flag, standing);
  } else if (newest.exempt) {
    standing.exempt = newest.exempt;
    standing.explanation = explain_exempt(rules, *newest.exempt, newest.verdict);
  } else {
    standing.explanation = explain_none(rules, standing, newest);
  }
  return standing;
}

}  // namespace yunjian::rules
