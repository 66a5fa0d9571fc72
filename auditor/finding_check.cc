#include "auditor/finding_check.h"

#include <fmt/format.h>

#include <algorithm>

#include "rules/findings/finding.h"
#include "rules/month/month_findings.h"
#include "rules/month/standing_list.h"
#include "rules/month/terms.h"

namespace yunjian::auditor {

using rules::FindingStepped;
using rules::StoredFinding;
using rules::StoredOutcome;

namespace {

const std::string list_name = "findings.list";

std::string outcome_text(const StoredOutcome& outcome) {
  const auto mean = [](const std::optional<std::uint64_t>& value) {
    return value ? fmt::to_string(*value) : std::string("-");
  };
  return fmt::format("{} {} {} [{}] {} {} {}", outcome.size, outcome.verdict, outcome.exempt,
                     outcome.clears, outcome.rules, mean(outcome.cpu_mean),
                     mean(outcome.memory_mean));
}

// What people decide by, one field after another; an empty one is not there.
std::map<std::string, std::string> fields_of(const StoredFinding& finding) {
  std::map<std::string, std::string> fields = {
      {"host", finding.host},   {"unit", finding.unit},   {"verdict", finding.verdict},
      {"state", finding.state}, {"month", finding.month}, {"due", finding.due}};
  for (const auto& [name, value] : finding.details) fields["field." + name] = value;
  std::erase_if(fields, [](const auto& field) { return field.second.empty(); });
  return fields;
}

}  // namespace

void FindingCheck::tampered(std::string place, std::string zh, std::string en) {
  findings_.add({FindingKind::tampered, std::move(place), std::move(zh), std::move(en)});
}

void FindingCheck::run(std::string_view list) {
  check_outcomes();
  const auto steps = rules::steps_of_list(list);
  if (!steps) {
    return tampered(list_name, "名单无法解读", "it does not begin with the number of steps");
  }
  const std::size_t sealed = pack_.acts.steps().size();
  if (*steps > sealed || *steps < pack_.acts.steps_before()) {
    return tampered(list_name,
                    fmt::format("所称步骤数 {} 与日志不符:检查点之前 {} 步,月报叶子之前 {} 步",
                                *steps, pack_.acts.steps_before(), sealed),
                    fmt::format("it tells of {} steps; the log holds {} in front of the pack's "
                                "checkpoint and {} in front of its leaf",
                                *steps, pack_.acts.steps_before(), sealed));
  }
  check_list(list, *steps);
  check_raised(*steps);
}

void FindingCheck::check_list(std::string_view list, std::uint64_t steps) {
  rules::FindingFold fold;
  for (std::size_t i = 0; i < steps; ++i) fold.add(pack_.acts.steps()[i]);
  listed_ = fold.list();
  for (const auto& each :
       rules::standing_differences(list, rules::format_findings(steps, *listed_))) {
    tampered(fmt::format("{} {}", list_name, each.host),
             fmt::format("事项应为「{}」,月报为「{}」", each.wanted, each.told),
             fmt::format("it must be '{}', the report says '{}'", each.wanted, each.told));
  }
}

bool FindingCheck::is_of_month(const FindingStepped& step) const {
  const std::string month = rules::format_month(pack_.table.month);
  if (step.event.act == rules::flag_act) return step.finding.month == month;
  const auto measured = step.finding.details.find("actual_month");
  return step.event.act == rules::measure_act && measured != step.finding.details.end() &&
         measured->second == month;
}

// A first revision is answered for all that the month raised: a crash may have kept an earlier try
// from becoming a pack.
void FindingCheck::check_raised(std::uint64_t steps) {
  const auto& all = pack_.acts.steps();
  const std::size_t from = pack_.revision == 1 ? 0 : pack_.acts.steps_before();
  const auto begin = all.begin() + static_cast<std::ptrdiff_t>(from);
  const auto end = all.begin() + static_cast<std::ptrdiff_t>(steps);
  const auto first =
      std::find_if(begin, end, [this](const FindingStepped& step) { return is_of_month(step); });
  rules::FindingFold known;
  for (auto step = all.begin(); step != first; ++step) known.add(*step);
  Steps flagged;
  Steps measured;
  for (auto step = first; step != end; ++step) {
    if (!is_of_month(*step)) continue;
    (step->event.act == rules::flag_act ? flagged : measured).push_back(&*step);
  }
  const ledger::Time now = first == end ? ledger::Time{} : first->event.time;
  const auto before = known.list();
  compare(rules::new_findings(pack_.table, before, now), flagged);
  compare(rules::measured_findings(pack_.table, before), measured);
}

void FindingCheck::compare(const std::vector<StoredFinding>& wanted, const Steps& told) {
  std::map<std::string_view, const FindingStepped*> steps;
  for (const FindingStepped* step : told) steps[step->finding.id] = step;
  for (const StoredFinding& finding : wanted) {
    const auto found = steps.find(finding.id);
    if (found == steps.end()) {
      tampered(fmt::format("finding {}", finding.id),
               "重算的数据应产生该事项(或其实际节约),日志中没有",
               "the refolded figures give it (or what it saved), and the log does not hold it");
      continue;
    }
    compare(finding, *found->second);
    steps.erase(found);
  }
  for (const auto& [id, step] : steps) {
    tampered(fmt::format("finding {}", id), "重算的数据不产生该事项",
             "it was raised or measured, and the refolded figures do not give that");
  }
}

void FindingCheck::compare(const StoredFinding& wanted, const FindingStepped& told) {
  auto right = fields_of(wanted);
  auto said = fields_of(told.finding);
  if (told.event.act == rules::flag_act) {
    // Each is raised at a time of its own, when a build was tried twice.
    const auto calendar = rules::cn_calendar();
    const auto since = rules::china_date(told.event.time);
    if (calendar) {
      right["due"] = rules::due_text(rules::due_in(rules::FindingState::flagged, since, *calendar));
    }
  }
  for (const auto& [name, value] : said) right.try_emplace(name);
  for (const auto& [name, value] : right) {
    if (said[name] == value) continue;
    tampered(fmt::format("finding {}", wanted.id),
             fmt::format("{} 应为「{}」,日志为「{}」", name, value, said[name]),
             fmt::format("{} must be '{}', the log says '{}'", name, value, said[name]));
  }
}

void FindingCheck::check_outcomes() {
  auto sealed = pack_.acts.outcomes();
  for (const StoredOutcome& wanted : rules::outcomes_of(pack_.table)) {
    const auto found = sealed.find(wanted.host);
    const std::string told = found == sealed.end() ? "" : outcome_text(found->second);
    if (found != sealed.end()) sealed.erase(found);
    const std::string right = outcome_text(wanted);
    if (told == right) continue;
    tampered(
        fmt::format("outcome {}", wanted.host),
        fmt::format("本月判定应封存为「{}」,日志为「{}」", right, told),
        fmt::format("the month's outcome must be sealed as '{}', the log says '{}'", right, told));
  }
  if (pack_.revision > 1) return;  // an earlier one may have had more hosts
  for (const auto& [host, outcome] : sealed) {
    tampered(fmt::format("outcome {}", host), "日志封存了本月判定,表中没有该主机",
             "the log holds an outcome of this month, and the host is not in the table");
  }
}

}  // namespace yunjian::auditor
