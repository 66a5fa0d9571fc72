#include "auditor/testing/sample_acts.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "ledger/record.h"
#include "rules/findings/finding.h"
#include "rules/month/hosts_csv.h"

namespace yunjian::auditor::testing {

namespace {

using Details = std::vector<std::pair<std::string, std::string>>;

std::string act_line(ledger::Time time, Details details) {
  std::string line;
  ledger::RecordWriter writer(line, time, "collector");
  std::erase_if(details, [](const auto& detail) { return detail.second.empty(); });
  std::sort(details.begin(), details.end(),
            [](const auto& a, const auto& b) { return ledger::record_key_less(a.first, b.first); });
  for (const auto& [key, value] : details) {
    if (key == "step") {
      writer.integer(key, std::stoull(value));
    } else {
      writer.text(key, value);
    }
  }
  writer.finish();
  return line;
}

}  // namespace

std::string register_line(ledger::Time time, const rules::RegistryEntry& entry) {
  Details details = {
      {"what", "register"}, {"register", entry.kind}, {"entry", entry.id}, {"unit", entry.unit}};
  for (const auto& [name, value] : entry.fields) details.emplace_back("field." + name, value);
  return act_line(time, details);
}

std::string step_line(const rules::StoredFinding& finding, std::string_view act, int step) {
  Details details = {
      {"what", "finding"},          {"finding", finding.id},  {"step", std::to_string(step)},
      {"act", std::string(act)},    {"host", finding.host},   {"unit", finding.unit},
      {"verdict", finding.verdict}, {"month", finding.month}, {"state", finding.state},
      {"by", "collector"},          {"due", finding.due}};
  for (const auto& [name, value] : finding.details) details.emplace_back("field." + name, value);
  return act_line(finding.changed, details);
}

std::string outcome_line(ledger::Time time, const rules::StoredOutcome& outcome) {
  std::string line = act_line(time, {{"what", "outcome"},
                                     {"host", outcome.host},
                                     {"month", outcome.month},
                                     {"size", outcome.size},
                                     {"verdict", outcome.verdict},
                                     {"clears", outcome.clears},
                                     {"exempt", outcome.exempt},
                                     {"rules", outcome.rules}});
  // Numbers are no texts; "clears" and "cpu_mean" stand in front of "exempt" and "host".
  const auto put = [&](std::string_view before, std::string_view key, const auto& mean) {
    if (mean) line.insert(line.find(before), fmt::format(",\"{}\":{}", key, *mean));
  };
  put(outcome.exempt.empty() ? ",\"host\"" : ",\"exempt\"", "cpu_mean", outcome.cpu_mean);
  put(",\"month\"", "memory_mean", outcome.memory_mean);
  return line;
}

// As collector/report writes it, as far as it is looked at; findings to give back.
std::string advice_of(const std::vector<rules::StoredFinding>& findings) {
  std::string open, closed, outcome;
  std::size_t sum = 0, sized = 0;
  double vcpus = 0, memory_gb = 0;
  const auto detail = [](const rules::StoredFinding& finding, const std::string& key) {
    const auto found = finding.details.find(key);
    return found == finding.details.end() ? std::string() : found->second;
  };
  const auto add = [](std::string& rows, const std::string& row) {
    rows += (rows.empty() ? "" : ",") + row;
  };
  for (const auto& finding : findings) {
    const auto state = *rules::parse_finding_state(finding.state);
    add(rules::is_closed(state) ? closed : open,
        fmt::format(R"({{"finding":"{}","host":"{}","state":{{"zh":"{}","en":"{}"}},"due":"{}",)"
                    R"("recommended":null,"saving":null,"payer":{{"zh":"市级","en":"city"}},)"
                    R"("why":{{"zh":"{}","en":"{}"}}}})",
                    finding.id, finding.host, rules::state_name(state).zh,
                    rules::state_name(state).en, finding.due, detail(finding, "why_zh"),
                    detail(finding, "why_en")));
    if (!rules::is_closed(state)) {
      ++sum;
      if (!detail(finding, "saving_vcpus").empty()) {
        ++sized;
        vcpus += std::stod(detail(finding, "saving_vcpus"));
        memory_gb += std::stod(detail(finding, "saving_memory_gb"));
      }
    }
    if (finding.state != "reclaimed") continue;
    const std::string actual = detail(finding, "actual_vcpus");
    const std::string memory = detail(finding, "actual_memory_gb");
    const auto expected = [&](const std::string& key) {
      const std::string text = detail(finding, key);
      return text.empty() ? "0" : text;
    };
    add(outcome,
        fmt::format(R"({{"finding_id":"{}","host":"{}","payer":{{"zh":"市级","en":"city"}},)"
                    R"("expected_vcpus":{}.00,"expected_memory_gb":{:.2f},"expected_month":null,)"
                    R"("actual_vcpus":{},"actual_memory_gb":{},)"
                    R"("actual_month":null,"measured":"{}"}})",
                    finding.id, finding.host, expected("saving_vcpus"),
                    std::stod(expected("saving_memory_gb")),
                    actual.empty() ? "null" : actual + ".00", memory.empty() ? "null" : memory,
                    detail(finding, "actual_month")));
  }
  const std::string savings =
      sum == 0
          ? ""
          : fmt::format(R"({{"payer":{{"zh":"市级","en":"city"}},"findings":{},"priced":0,)"
                        R"("saving":null,"sized":{},"saving_vcpus":{},"saving_memory_gb":{}}})",
                        sum, sized, sized == 0 ? "null" : fmt::format("{:.2f}", vcpus),
                        sized == 0 ? "null" : fmt::format("{:.2f}", memory_gb));
  return fmt::format(R"({{"sections":[{{"tables":[{{"table":"savings","rows":[{}]}},)"
                     R"({{"table":"reclaim","rows":[{}]}},)"
                     R"({{"table":"closed","rows":[{}]}},{{"table":"outcome","rows":[{}]}}]}}]}})",
                     savings, open, closed, outcome);
}

std::string optional_percent(const std::optional<rules::Hundredths>& value) {
  return value ? fmt::format("{}.{:02}", *value / 100, *value % 100) : "";
}

std::string csv_of(const rules::UtilizationTable& table) {
  std::string csv =
      "\xef\xbb\xbf云资源利用情况表 2026-11\r\n统计范围,全市\r\n\r\n使用单位\r\n县（区）,"
      "使用单位\r\n,税务局\r\n\r\n云主机明细\r\n";
  for (const std::string_view column : rules::hosts_csv_columns())
    csv += fmt::format("{},", column);
  csv += "连续月数,标记\r\n";
  for (const auto& row : table.rows) {
    const auto memory = row.memory_bytes ? row.memory_bytes : row.host.memory_bytes;
    csv += fmt::format("{},{},{},{},{},{:.2f},{},{},{},{},{},{},{},{},{},1,\r\n", row.host.county,
                       row.host.unit_name, row.host.system, row.host.name, *row.vcpus,
                       static_cast<double>(*memory) / (1ULL << 30U),
                       optional_percent(rules::coverage(row.measured, row.expected)),
                       optional_percent(row.cpu.mean), optional_percent(row.cpu.p95),
                       optional_percent(row.cpu.p99), optional_percent(row.cpu.peak),
                       optional_percent(row.memory.mean), optional_percent(row.memory.p95),
                       optional_percent(row.memory.peak),
                       table.rules.verdicts.at(row.judgement.verdict).zh);
  }
  return csv + "\r\n其他资源\r\n使用单位\r\n";
}

}  // namespace yunjian::auditor::testing
