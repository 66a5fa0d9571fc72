#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "rules/utilization/judge.h"

namespace yunjian::rules {

// Why a host is not flagged for giving resources back, whatever its load.
enum class ExemptionKind {
  disaster_recovery,   // 容灾备用
  trial,               // 试用期
  recently_online,     // 上线不满 90 天
  key_event,           // 重大活动保障期
  old_system_kept,     // 原系统保留期
  change_freeze,       // 变更冻结
  security_component,  // 安全或管理组件
  declared_cycle,      // 单位声明周期业务
  legal_retention,     // 法定留存
};
inline constexpr std::size_t exemption_kind_count = 9;
std::string_view exemption_key(ExemptionKind kind);
std::optional<ExemptionKind> parse_exemption_kind(std::string_view key);
Words exemption_name(ExemptionKind kind);

struct Exemption {
  std::string id;
  ExemptionKind kind{};
  std::string reason;
  std::string approver;
  Date from{};  // both included
  Date until{};
};
inline constexpr int exemption_months_max = 12;
// Reject: no reason or approver, ends before it begins, or lasts longer than a year.
ledger::Result<void> check_exemption(const Exemption& exemption);

enum class Purpose { unknown, production, test, disaster_recovery };
enum class HostState { unknown, trial, online, changing, leaving, retired };

// What the inventory says about a host, as it matters to judging.
struct HostTerms {
  Purpose purpose = Purpose::unknown;
  HostState state = HostState::unknown;
  std::optional<Date> online_since;
  std::vector<Exemption> exemptions;
};

// The reason by which a month of the host is exempt: of purpose and state first, then the exemption
// that covers the month's last day. Absent: none.
struct Exempt {
  ExemptionKind kind{};
  std::string exemption;  // id; empty when purpose or state says it
  std::optional<Date> until;
};
std::optional<Exempt> exempt_in(const HostTerms& terms, const Month& month);
// Exemptions keep a host from being asked to give back; a starving host is flagged all the same.
bool can_be_exempt(Verdict verdict);

// One past month of a host or of one of its sizes, as it was judged.
struct MonthOutcome {
  Month month{};
  Verdict verdict = Verdict::insufficient_data;
  std::vector<Verdict> clears;  // flags that this month takes back
  std::optional<Exempt> exempt;
};
// What later months need to know of a judgement.
MonthOutcome outcome_of(const Month& month, const Judgement& judgement,
                        const std::optional<Exempt>& exempt);

// Where a host stands after its newest month.
struct Standing {
  std::optional<Verdict> flag;   // absent: nothing to do
  std::optional<Month> since;    // first month of the run that led to the flag
  unsigned months = 0;           // of that verdict among the last `of`
  unsigned consecutive = 0;      // months in a row, newest included, with the newest verdict
  bool held = false;             // not found so this month, but not cleared either
  std::optional<Exempt> exempt;  // would be flagged otherwise
  Words explanation;             // one sentence
};

// `months`: rising, the newest last, at most 13; a month that is missing counts as not judged. A
// resize begins a new history: give only months since then. An idle month counts as low too. Pure.
Standing stand(const RuleSet& rules, std::span<const MonthOutcome> months);

}  // namespace yunjian::rules
