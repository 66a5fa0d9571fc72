#include "collector/report/definitions.h"

#include <fmt/format.h>

namespace yunjian::collector {

namespace {

constexpr ColumnText table_columns[] = {
    {"序号", "No.", 5},
    {"县（区）", "County", 9},
    {"使用单位", "Using unit", 22},
    {"业务系统", "System", 17},
    {"云主机名称", "Host", 16},
    {"资源ID", "Host id", 12},
    {"分段", "Part", 5},
    {"vCPU", "vCPUs", 6},
    {"内存\nGiB", "Memory\nGiB", 7},
    {"状态", "State", 9},
    {"应测时长\nh", "Expected\nh", 8.5},
    {"运行时长\nh", "Measured\nh", 8.5},
    {"数据\n完整率", "Coverage", 8},
    {"最长缺测\nh", "Longest\ngap h", 8.5},
    {"CPU\n均值", "mean", 7},
    {"CPU\nP95", "P95", 7},
    {"CPU\nP99", "P99", 7},
    {"CPU\n峰值", "peak", 7},
    {"CPU\n峰值时刻", "peak at", 14.5},
    {"CPU最忙\n一小时均值", "busiest\nhour", 9.5},
    {"CPU最忙\n一日P95", "busiest\nday P95", 8.5},
    {"内存\n均值", "mean", 7},
    {"内存\nP95", "P95", 7},
    {"内存\nP99", "P99", 7},
    {"内存\n峰值", "peak", 7},
    {"磁盘吞吐\nP95 MB/s", "disk P95\nMB/s", 9},
    {"磁盘P95\nIOPS", "disk P95\nIOPS", 8},
    {"入带宽P95\nMbit/s", "in P95\nMbit/s", 9.5},
    {"出带宽P95\nMbit/s", "out P95\nMbit/s", 9.5},
    {"判定", "Verdict", 9},
    {"判定说明", "Explanation", 90},
};

constexpr ColumnText why_columns[] = {
    {"序号", "No.", 5},
    {"云主机名称", "Host", 16},
    {"资源ID", "Host id", 12},
    {"分段", "Part", 5},
    {"判定", "Verdict", 9},
    {"判定说明", "Explanation (Chinese)", 60},
    {"判定说明（英文）", "Explanation", 60},
};

constexpr ColumnText record_columns[] = {
    {"序号", "No.", 5},
    {"云主机名称", "Host", 16},
    {"资源ID", "Host id", 12},
    {"分段", "Part", 5},
    {"统计起", "From", 14.5},
    {"统计止", "To", 14.5},
    {"记录流", "Stream", 36},
    {"首条记录号", "First record", 11},
    {"末条记录号", "Last record", 11},
    {"小时记录数", "Hour records", 11},
    {"时间重叠\n的记录数", "Overlapping", 10},
    {"未能采用\n的记录数", "Unusable", 10},
};

std::vector<Definition> about_time() {
  return {
      {"统计月份",
       {"东八区自然月，左闭右开。小时记录按其起始时刻归入唯一的月、日和小时；暂定表截止到“数据截止”"
        "时刻。",
        "A calendar month in +08:00, half-open. An hour's record belongs to the one month, day and "
        "clock hour its beginning lies in; a provisional table ends at its cut-off."}},
      {"分段",
       {"月内变更过规格（vCPU 数不同，或内存相差超过 1/32）的云主机按规格分段列示，如 "
        "1/2、2/2，各段分别统计和判定。",
        "A host that changed size within the month (another vCPU count, or memory by more than "
        "1/32) is shown in parts, each folded and judged apart."}},
      {"应测时长",
       {"自登记（或月初）至退役、月末或数据截止的时长。数据截止所在的小时仅计到已有记录覆盖之处。",
        "From enrolment (or the month's begin) to retirement, the month's end or the cut-off; the "
        "clock hour of the cut-off counts only as far as a record covers it."}},
      {"运行时长",
       {"实际测得的时长：采样数×采样间隔之和，不超过记录覆盖的时长，重叠时间只计一次。",
        "Time actually measured: samples times interval, never more than the records cover; time "
        "covered twice counts once."}},
      {"数据完整率",
       {"运行时长÷应测时长，舍去尾数。",
        "Running time divided by expected time, "
        "rounded down."}},
      {"最长缺测",
       {"应测时间内没有任何记录的最长连续时段。缺测可能是关机，也可能是采集代理静默，本表不作区分"
        "。",
        "The longest stretch of expected time without a record. It may have been powered off or "
        "its agent silent; this table does not tell which."}},
      {"状态与“—”",
       {"“无数据”指应测时间内没有任何记录；“—”指该项没有测得，均不等于 "
        "0%。退役后的时间不计入应测。实测为 0 的照实显示 0.0%。",
        "无数据: not one record in the time expected; —: not measured. Neither means 0 %. Time "
        "after "
        "retirement is not expected. What was measured as 0 is shown as 0.0 %."}},
  };
}

std::vector<Definition> about_figures() {
  return {
      {"均值、P95、P99、峰值",
       {"由全月全部采样点的直方图合并得出，不对百分位数取平均。均值=总和÷采样数；P95 为不低于 95% "
        "采样点的值（0.1 个百分点分档，取档上界）；峰值为单次采样的最大值，时刻为首次达到的时刻。",
        "From the merged histograms of all samples of the month; percentiles are never averaged. "
        "P95 is the smallest value that at least 95 % of the samples do not exceed (bins of 0.1 "
        "point, upper edge); peak is the largest single sample, its time the first at which it was "
        "reached."}},
      {"CPU最忙一小时均值、最忙一日P95",
       {"测满半小时以上的各整点小时 CPU 均值的最大值；测满规定时长的各日 CPU P95 "
        "的最大值。用于防止月度百分位数掩盖短时高峰。",
        "The largest CPU mean of a clock hour measured for half an hour or more; the largest daily "
        "CPU P95 of a day measured long enough. They keep short peaks visible that a month's "
        "percentile hides."}},
      {"CPU、内存利用率",
       {"CPU：非空闲且非等待输入输出的时间占比，全部 vCPU 合计为 "
        "100%。内存：1−可用内存÷总内存，不含页缓存。",
        "CPU: share of time neither idle nor waiting for I/O nor stolen by the host below, all "
        "vCPUs "
        "together being 100 %. "
        "Memory: 1 − available ÷ total, without the page cache."}},
      {"磁盘、网络",
       {"整机每秒值的 P95，按 1% 相对分档取档上界。MB/s 与 Mbit/s "
        "为十进制；网络不含回环和虚拟网卡。",
        "P95 of the whole host's values per second, in relative bins of 1 %, upper edge. MB/s and "
        "Mbit/s are decimal; network without loopback and virtual interfaces."}},
      {"记录来源",
       {"每行数字均可由“记录来源”所列记录流中该编号范围内的 usage_hour 密封记录重新计算得出。",
        "Every figure of a row can be computed again from the sealed usage_hour records in the "
        "number range of the streams listed in 记录来源."}},
      {"文本",
       {"以 = + - @ 开头的文本前加一个撇号，以免被当作公式；原文见 JSON 文件。",
        "A text that begins with = + - @ has an apostrophe put in front so that it cannot become a "
        "formula; the JSON file has it as it is."}},
  };
}

std::string_view sign_of(rules::Relation relation) {
  switch (relation) {
    case rules::Relation::below:
      return "<";
    case rules::Relation::at_least:
      return "≥";
    case rules::Relation::at_most:
      return "≤";
  }
  return {};
}

// "CPU P95 < 20%，…"
rules::Words list(const std::vector<rules::Condition>& conditions, const rules::RuleSet& rules) {
  rules::Words joined;
  for (const rules::Condition& condition : conditions) {
    const rules::Words limit = rules::format_figure(condition.figure, condition.limit);
    const rules::Words& name = rules.names.at(condition.figure);
    const std::string_view sign = sign_of(condition.relation);
    joined.zh += fmt::format("{}{} {} {}", joined.zh.empty() ? "" : "，", name.zh, sign, limit.zh);
    joined.en += fmt::format("{}{} {} {}", joined.en.empty() ? "" : ", ", name.en, sign, limit.en);
  }
  return joined;
}

// The alternatives of one rule, and in how many months it must be met before anybody is asked.
rules::Words about_rule(const rules::Rule& rule, const rules::RuleSet& rules) {
  rules::Words joined;
  for (const auto& conditions : rule.when) {
    const rules::Words one = list(conditions, rules);
    joined.zh += (joined.zh.empty() ? "" : "；或 ") + one.zh;
    joined.en += (joined.en.empty() ? "" : "; or ") + one.en;
  }
  return {fmt::format("{}。最近 {} 个月中满 {} 个月予以标记。", joined.zh, rule.of, rule.months),
          fmt::format("{}. Flagged when found in {} of the last {} months.", joined.en, rule.months,
                      rule.of)};
}

rules::Words about_gate(const rules::RuleSet& rules) {
  const rules::Gate& gate = rules.gate;
  const auto share = rules::format_figure(rules::RuleFigure::coverage, gate.coverage_min);
  return {fmt::format("满足以下全部条件才作判定，否则为“{}”：数据完整率（CPU、内存分别计）不低于 "
                      "{}；实测工作日不少于 {} 天"
                      "（工作日历未公布的月份为实测 {} 天，每日实测不少于 {} "
                      "小时才计入）；最长缺测不超过 {} 小时。",
                      rules.verdicts.at(rules::Verdict::insufficient_data).zh, share.zh,
                      gate.working_days_min, gate.days_min_without_calendar, gate.day_min.count(),
                      gate.gap_max.count()),
          fmt::format(
              "Judged only when coverage (of CPU and of memory too) is at least {}, at least {} "
              "working days were measured ({} days where the calendar is not published; a day "
              "counts from {} measured hours) and no gap exceeds {} hours; otherwise “{}”.",
              share.en, gate.working_days_min, gate.days_min_without_calendar, gate.day_min.count(),
              gate.gap_max.count(), rules.verdicts.at(rules::Verdict::insufficient_data).en)};
}

std::vector<Definition> about_verdicts(const rules::RuleSet& rules) {
  const auto verdict = [&](rules::Verdict which) { return rules.verdicts.at(which); };
  const auto item = [](const rules::Words& words) { return "判定：" + words.zh; };
  std::vector<Definition> about = {
      {"判定规则",
       {fmt::format("{}，版本 {}。{}。判定仅针对本月，供参考，不作为自动回收的依据。",
                    rules.name.zh, rules.version, rules.basis.zh),
        fmt::format(
            "{}, version {}: {}. A verdict is about this month only, for reference; nothing "
            "is reclaimed by it.",
            rules.name.en, rules.version, rules.basis.en)}},
      {item(verdict(rules::Verdict::insufficient_data)), about_gate(rules)},
  };
  for (const rules::Rule& rule : rules.rules) {
    about.push_back({item(verdict(rule.verdict)), about_rule(rule, rules)});
  }
  about.push_back(
      {item(verdict(rules::Verdict::normal)), {"不属以上任何一种。", "None of the above."}});
  return about;
}

}  // namespace

std::span<const ColumnText> utilization_columns() { return table_columns; }

std::span<const ColumnText> reason_columns() { return why_columns; }

std::span<const ColumnText> source_columns() { return record_columns; }

std::vector<Definition> definitions(const rules::RuleSet& rules) {
  std::vector<Definition> all;
  for (auto& group : {about_time(), about_figures(), about_verdicts(rules)}) {
    all.insert(all.end(), group.begin(), group.end());
  }
  return all;
}

}  // namespace yunjian::collector
