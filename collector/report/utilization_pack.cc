#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "collector/report/pack_parts.h"
#include "ledger/base/bytes.h"

namespace yunjian::collector {

using rules::Verdict;
using rules::Words;

namespace {

constexpr std::size_t top_hosts = 10;

CellValue percent(const std::optional<rules::Hundredths>& value) {
  return value ? CellValue(Percent{*value}) : CellValue();
}

CellValue whole(const std::optional<std::uint64_t>& value) {
  return value ? CellValue(*value) : CellValue();
}

CellValue gigabytes(const std::optional<std::uint64_t>& bytes) {
  if (!bytes) return {};
  return static_cast<double>(*bytes) / static_cast<double>(1ULL << 30U);
}

DocumentTable hosts_table(const UtilizationTable& table) {
  DocumentTable hosts{.key = "hosts", .name = {"云主机明细", "Hosts"}};
  hosts.columns = {{"county", {"县（区）", "county"}, 10},
                   {"unit", {"使用单位", "unit"}, 16},
                   {"system", {"业务系统", "system"}, 16},
                   {"host", {"云主机", "host"}, 14},
                   {"vcpus", {"vCPU", "vCPU"}, 6},
                   {"memory_gb", {"内存 GB", "memory GB"}, 8},
                   {"coverage", {"完整率", "coverage"}, 8},
                   {"cpu_mean", {"CPU 均值", "CPU mean"}, 8},
                   {"cpu_p95", {"CPU P95", "CPU P95"}, 8},
                   {"cpu_p99", {"CPU P99", "CPU P99"}, 8},
                   {"cpu_peak", {"CPU 峰值", "CPU peak"}, 8},
                   {"memory_mean", {"内存均值", "memory mean"}, 8},
                   {"memory_p95", {"内存 P95", "memory P95"}, 8},
                   {"memory_peak", {"内存峰值", "memory peak"}, 8},
                   {"verdict", {"判定", "verdict"}, 10},
                   {"months", {"连续月数", "months"}, 7},
                   {"flag", {"标记", "flag"}, 10}};
  for (const UtilizationRow& row : table.rows) {
    const bool flagged = row.standing && row.standing->flag;
    hosts.rows.push_back(
        {row.host.county, unit_of(row.host), row.host.system, row.host.name,
         whole(row.vcpus ? row.vcpus : row.host.vcpus),
         gigabytes(row.memory_bytes ? row.memory_bytes : row.host.memory_bytes),
         percent(rules::coverage(row.measured, row.expected)), percent(row.cpu.mean),
         percent(row.cpu.p95), percent(row.cpu.p99), percent(row.cpu.peak),
         percent(row.memory.mean), percent(row.memory.p95), percent(row.memory.peak),
         verdict_words(table, row.judgement.verdict),
         row.standing ? CellValue(std::uint64_t{row.standing->consecutive}) : CellValue(),
         flagged ? CellValue(verdict_words(table, *row.standing->flag)) : CellValue()});
  }
  return hosts;
}

struct UnitSum {
  std::string county, name;
  std::uint64_t hosts = 0, vcpus = 0, low = 0, high = 0, unknown = 0;
  double used_vcpus = 0, memory_gb = 0, used_memory_gb = 0;
};

std::vector<UnitSum> sums_by_unit(const UtilizationTable& table) {
  std::map<std::string, UnitSum> sums;
  for (const UtilizationRow& row : table.rows) {
    if (row.part != row.parts) continue;  // its last size of the month
    UnitSum& sum = sums[row.host.unit];
    sum.county = row.host.county;
    sum.name = unit_of(row.host);
    ++sum.hosts;
    const std::uint64_t vcpus = row.vcpus.value_or(row.host.vcpus.value_or(0));
    const double memory =
        static_cast<double>(row.memory_bytes.value_or(row.host.memory_bytes.value_or(0))) /
        static_cast<double>(1ULL << 30U);
    sum.vcpus += vcpus;
    sum.memory_gb += memory;
    sum.used_vcpus += static_cast<double>(vcpus * row.cpu.mean.value_or(0)) / 10000;
    sum.used_memory_gb += memory * static_cast<double>(row.memory.mean.value_or(0)) / 10000;
    switch (row.judgement.verdict) {
      case Verdict::high:
      case Verdict::severe:
        ++sum.high;
        break;
      case Verdict::insufficient_data:
        ++sum.unknown;
        break;
      case Verdict::normal:
        break;
      default:
        ++sum.low;
    }
  }
  std::vector<UnitSum> found;
  for (auto& [unit, sum] : sums) found.push_back(std::move(sum));
  return found;
}

DocumentTable units_table(const std::vector<UnitSum>& sums) {
  DocumentTable units{.key = "units", .name = {"使用单位", "Units"}};
  units.columns = {{"county", {"县（区）", "county"}, 12},
                   {"unit", {"使用单位", "unit"}, 22},
                   {"hosts", {"云主机", "hosts"}, 8},
                   {"vcpus", {"已分配 vCPU", "vCPU allocated"}, 10},
                   {"used_vcpus", {"实际使用 vCPU", "vCPU used"}, 10},
                   {"memory_gb", {"已分配内存 GB", "memory GB allocated"}, 11},
                   {"used_memory_gb", {"实际使用内存 GB", "memory GB used"}, 11},
                   {"low", {"可核减", "to give back"}, 8},
                   {"high", {"需扩容", "starving"}, 8},
                   {"unknown", {"数据不足", "not judged"}, 8}};
  for (const UnitSum& sum : sums) {
    units.rows.push_back({sum.county, sum.name, sum.hosts, sum.vcpus, sum.used_vcpus, sum.memory_gb,
                          sum.used_memory_gb, sum.low, sum.high, sum.unknown});
  }
  return units;
}

Chart scatter_chart(const UtilizationTable& table) {
  Chart chart{
      .kind = Chart::Kind::scatter,
      .name = {"CPU P95 × 内存 P95（每点一台云主机）", "CPU P95 × memory P95, a dot a host"},
      .x_axis = {"CPU P95 %", "CPU P95 %"},
      .y_axis = {"内存 P95 %", "memory P95 %"},
      .x_mark = 20,
      .y_mark = 40};
  for (const UtilizationRow& row : table.rows) {
    if (!row.cpu.p95 || !row.memory.p95) continue;
    chart.points.emplace_back(static_cast<double>(*row.cpu.p95) / 100,
                              static_cast<double>(*row.memory.p95) / 100);
  }
  return chart;
}

Chart heat_chart(const UtilizationTable& table) {
  Chart chart{.kind = Chart::Kind::heat,
              .name = {"CPU 均值：一周 24×7", "CPU mean over the week"},
              .x_axis = {"时", "hour"}};
  for (const rules::WeekHour& hour : table.week) {
    std::optional<double>& cell = chart.cells.emplace_back();
    if (hour.count > 0) cell = static_cast<double>(hour.sum) / static_cast<double>(hour.count) / 10;
  }
  return chart;
}

Chart top_chart(const UtilizationTable& table) {
  std::vector<const UtilizationRow*> rows;
  for (const UtilizationRow& row : table.rows) {
    if (row.cpu.p95) rows.push_back(&row);
  }
  const std::size_t count = std::min(rows.size(), top_hosts);
  std::partial_sort(rows.begin(), rows.begin() + static_cast<std::ptrdiff_t>(count), rows.end(),
                    [](const auto* a, const auto* b) {
                      return std::pair(*b->cpu.p95, a->host.id) <
                             std::pair(*a->cpu.p95, b->host.id);
                    });
  Chart chart{.kind = Chart::Kind::bars,
              .name = {"CPU P95 最高的十台", "The ten busiest by CPU P95"},
              .x_axis = {"云主机", "host"},
              .y_axis = {"%", "%"}};
  chart.series = {{.name = {"CPU P95", "CPU P95"}}, {.name = {"内存 P95", "memory P95"}}};
  for (std::size_t i = 0; i < count; ++i) {
    chart.labels.push_back(rows[i]->host.id);
    chart.series[0].values.emplace_back(static_cast<double>(*rows[i]->cpu.p95) / 100);
    const auto& memory = rows[i]->memory.p95;
    chart.series[1].values.push_back(memory ? std::optional(static_cast<double>(*memory) / 100)
                                            : std::nullopt);
  }
  return chart;
}

// What all hosts of a month had and used.
struct MonthSum {
  std::uint64_t hosts = 0;
  std::uint64_t vcpus = 0, memory_gb = 0;  // of those that were measured
  double cpu = 0, memory = 0;              // used of that
  std::map<Verdict, double> verdicts;

  void add(Verdict verdict, std::uint64_t cores, std::uint64_t gigabytes) {
    ++hosts;
    ++verdicts[verdict];
    vcpus += cores;
    memory_gb += gigabytes;
  }
};

// The months kept and this one. Means are weighed by size: what was used of what there was.
std::map<std::string, MonthSum> sums_by_month(const UtilizationTable& table,
                                              const PackSources& sources) {
  std::map<std::string, MonthSum> months;
  std::vector<StoredOutcome> all = sources.outcomes;
  for (StoredOutcome& outcome : rules::outcomes_of(table)) all.push_back(std::move(outcome));
  for (const StoredOutcome& outcome : all) {
    const auto verdict = rules::parse_verdict(outcome.verdict);
    if (!verdict) continue;
    const auto times = std::min(outcome.size.find('x'), outcome.size.size());
    const bool measured = outcome.cpu_mean && outcome.memory_mean;
    const auto size = [&](std::string_view digits) {
      return measured ? ledger::parse_decimal(digits).value_or(0) : 0;
    };
    const std::uint64_t vcpus = size(std::string_view(outcome.size).substr(0, times));
    const std::uint64_t gigabytes =
        size(std::string_view(outcome.size).substr(std::min(times + 1, outcome.size.size())));
    MonthSum& sum = months[outcome.month];
    sum.add(*verdict, vcpus, gigabytes);
    sum.cpu += static_cast<double>(vcpus * outcome.cpu_mean.value_or(0)) / 10000;
    sum.memory += static_cast<double>(gigabytes * outcome.memory_mean.value_or(0)) / 10000;
  }
  return months;
}

std::optional<double> share(double used, std::uint64_t there) {
  return there == 0 ? std::nullopt : std::optional(used * 100 / static_cast<double>(there));
}

Chart usage_trend_chart(const std::map<std::string, MonthSum>& months) {
  Chart chart{.kind = Chart::Kind::lines,
              .name = {"近 13 个月平均使用率（按规格加权）",
                       "Mean utilization, 13 months, weighed by size"},
              .x_axis = {"月份", "month"},
              .y_axis = {"%", "%"}};
  chart.series = {{.name = {"CPU", "CPU"}}, {.name = {"内存", "memory"}}};
  for (const auto& [month, sum] : months) {
    chart.labels.push_back(month);
    chart.series[0].values.push_back(share(sum.cpu, sum.vcpus));
    chart.series[1].values.push_back(share(sum.memory, sum.memory_gb));
  }
  return chart;
}

// Hosts by verdict over the months kept and this one.
Chart trend_chart(const UtilizationTable& table, const std::map<std::string, MonthSum>& months) {
  Chart chart{.kind = Chart::Kind::lines,
              .name = {"近 13 个月判定台数", "Hosts by verdict, 13 months"},
              .x_axis = {"月份", "month"},
              .y_axis = {"台", "hosts"}};
  constexpr Verdict shown[] = {Verdict::low, Verdict::idle, Verdict::high, Verdict::severe,
                               Verdict::normal};
  for (const Verdict verdict : shown) {
    chart.series.push_back({.name = verdict_words(table, verdict)});
  }
  for (const auto& [month, sum] : months) {
    chart.labels.push_back(month);
    for (std::size_t i = 0; i < std::size(shown); ++i) {
      const auto count = sum.verdicts.find(shown[i]);
      chart.series[i].values.emplace_back(count == sum.verdicts.end() ? 0 : count->second);
    }
  }
  return chart;
}

DocumentTable trend_table(const std::map<std::string, MonthSum>& months) {
  DocumentTable trend{.key = "trend", .name = {"近 13 个月", "13 months"}};
  trend.columns = {{"month", {"月份", "month"}, 10},
                   {"hosts", {"云主机", "hosts"}, 8},
                   {"vcpus", {"vCPU（有数据）", "vCPU measured"}, 12},
                   {"used_vcpus", {"实际使用 vCPU", "vCPU used"}, 12},
                   {"memory_gb", {"内存 GB（有数据）", "memory GB measured"}, 14},
                   {"used_memory_gb", {"实际使用内存 GB", "memory GB used"}, 14}};
  for (const auto& [month, sum] : months) {
    trend.rows.push_back({month, sum.hosts, sum.vcpus, sum.cpu, sum.memory_gb, sum.memory});
  }
  return trend;
}

Chart allocation_chart(const std::vector<UnitSum>& sums) {
  Chart chart{.kind = Chart::Kind::bars,
              .name = {"vCPU 分配与实际使用（按使用单位，前十）",
                       "vCPU allocated and used, ten largest units"},
              .x_axis = {"使用单位", "unit"},
              .y_axis = {"vCPU", "vCPU"}};
  chart.series = {{.name = {"已分配", "allocated"}}, {.name = {"实际使用", "used"}}};
  std::vector<UnitSum> largest = sums;
  std::stable_sort(largest.begin(), largest.end(),
                   [](const UnitSum& a, const UnitSum& b) { return a.vcpus > b.vcpus; });
  largest.resize(std::min(largest.size(), top_hosts));
  for (const UnitSum& sum : largest) {
    chart.labels.push_back(sum.name);
    chart.series[0].values.emplace_back(static_cast<double>(sum.vcpus));
    chart.series[1].values.emplace_back(sum.used_vcpus);
  }
  return chart;
}

// Hosts of some verdicts with the sentence that says why.
DocumentTable why_table(const UtilizationTable& table, std::pair<std::string, Words> what,
                        const std::set<Verdict>& verdicts) {
  DocumentTable why{.key = std::move(what.first), .name = std::move(what.second)};
  why.columns = {{"unit", {"使用单位", "unit"}, 16},
                 {"host", {"云主机", "host"}, 14},
                 {"verdict", {"判定", "verdict"}, 10},
                 {"why", {"依据", "why"}, 70},
                 {"standing", {"连续情况", "standing"}, 50}};
  for (const UtilizationRow& row : table.rows) {
    if (!verdicts.contains(row.judgement.verdict)) continue;
    why.rows.push_back({unit_of(row.host), row.host.name,
                        verdict_words(table, row.judgement.verdict), row.judgement.explanation,
                        row.standing ? CellValue(row.standing->explanation) : CellValue()});
  }
  return why;
}

DocumentTable exempt_table(const UtilizationTable& table) {
  DocumentTable exempt{.key = "exempt", .name = {"豁免", "Exempt"}};
  exempt.columns = {{"unit", {"使用单位", "unit"}, 16},   {"host", {"云主机", "host"}, 14},
                    {"verdict", {"判定", "verdict"}, 10}, {"type", {"豁免类型", "type"}, 18},
                    {"exemption", {"编号", "id"}, 14},    {"until", {"至", "until"}, 12}};
  for (const UtilizationRow& row : table.rows) {
    if (!row.outcome || !row.outcome->exempt) continue;
    const rules::Exempt& why = *row.outcome->exempt;
    exempt.rows.push_back({unit_of(row.host), row.host.name,
                           verdict_words(table, row.outcome->verdict),
                           rules::exemption_name(why.kind),
                           why.exemption.empty() ? CellValue() : CellValue(why.exemption),
                           why.until ? CellValue(*why.until) : CellValue()});
  }
  return exempt;
}

DocumentTable resources_table(const PackSources& sources, rules::Month month) {
  DocumentTable resources{
      .key = "resources",
      .name = {"其他资源（仅列示，不作判定）", "Other resources (shown, not judged)"}};
  resources.columns = {{"unit", {"使用单位", "unit"}, 16},   {"type", {"类别", "type"}, 12},
                       {"name", {"名称", "name"}, 22},       {"quantity", {"数量", "quantity"}, 10},
                       {"measure", {"单位", "measure"}, 10}, {"used", {"本月使用", "used"}, 10}};
  const std::string wanted = rules::format_month(month);
  for (const RegistryEntry& entry : entries_of(sources, "resource")) {
    CellValue used;
    for (const RegistryEntry& usage : entries_of(sources, "resource_usage")) {
      if (usage.field("resource") == entry.id && usage.field("month") == wanted)
        used = usage.field("used");
    }
    resources.rows.push_back({entry.unit, choice_cell(entry.field("type")), entry.field("name"),
                              entry.field("quantity"), entry.field("measure"), used});
  }
  return resources;
}

}  // namespace

Document utilization_document(const UtilizationTable& table, const PackSources& sources,
                              const Words& scope) {
  Document document =
      document_of("utilization", {"云资源利用情况表", "Cloud resource utilization"}, table, scope);
  add_rules(document, table);
  const std::vector<UnitSum> sums = sums_by_unit(table);
  const std::map<std::string, MonthSum> months = sums_by_month(table, sources);
  document.sections.push_back(
      {.name = {"总览", "Overview"},
       .paragraphs = {summary(table)},
       .charts = {scatter_chart(table), heat_chart(table), top_chart(table),
                  usage_trend_chart(months), trend_chart(table, months), allocation_chart(sums)},
       .tables = {units_table(sums), trend_table(months)}});
  document.sections.push_back({.name = {"云主机明细", "Hosts"}, .tables = {hosts_table(table)}});
  document.sections.push_back(
      {.name = {"偏低与偏高", "Low and high"},
       .tables = {why_table(table,
                            {"low",
                             {"偏低、闲置、关机、结构不匹配、疑似虚假负载",
                              "Low, idle, off, wrong shape, faked load"}},
                            {Verdict::low, Verdict::idle, Verdict::off, Verdict::wrong_shape,
                             Verdict::faked_load}),
                  why_table(table, {"high", {"偏高与紧急", "High and severe"}},
                            {Verdict::high, Verdict::severe})}});
  document.sections.push_back(
      {.name = {"豁免与数据不足", "Exempt and not judged"},
       .tables = {exempt_table(table),
                  why_table(table, {"insufficient", {"数据不足", "Insufficient data"}},
                            {Verdict::insufficient_data})}});
  document.sections.push_back(
      {.name = {"其他资源", "Other resources"}, .tables = {resources_table(sources, table.month)}});
  return document;
}

}  // namespace yunjian::collector
