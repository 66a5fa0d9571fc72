#include "auditor/testing/lying_provider.h"

#include <algorithm>

#include "auditor/directory_evidence.h"
#include "rules/month/month_findings.h"
#include "rules/month/table_json.h"
#include "rules/month/terms.h"

namespace yunjian::auditor::testing {

ledger::UsageHour hour_at(int number, std::uint64_t cpu) {
  ledger::UsageHour hour;
  hour.from = first_hour + std::chrono::hours(number);
  hour.to = hour.from + 1h;
  hour.samples = 60;
  hour.interval_s = 60;
  hour.vcpus = 4;
  hour.memory_bytes = 8ULL << 30;
  for (int i = 0; i < 60; ++i) {
    const Time when = hour.from + std::chrono::minutes(i);
    hour.figure(HourFigure::cpu).add(cpu + static_cast<std::uint64_t>(i), when);
    hour.figure(HourFigure::memory).add(300, when);
  }
  return hour;
}

void Provider::day(std::size_t host, int day, std::uint64_t cpu, std::size_t stream) {
  Host& of = hosts[host];
  std::vector<std::string> lines;
  for (int i = 0; i < 24 && day * 24 + i < 199; ++i) {
    const ledger::UsageHour hour = hour_at(day * 24 + i, cpu);
    std::string line;
    ledger::write_usage_hour(line, hour);
    auto& next = of.next[of.streams[stream]];
    of.hours[log.stream_id(of.streams[stream])].emplace_back(next++, hour);
    lines.push_back(std::move(line));
  }
  log.seal(of.streams[stream], lines);
}

void Provider::build() {
  for (const Host& host : hosts) {
    inventory["host"].try_emplace(
        host.name, rules::RegistryEntry{.kind = "host",
                                        .id = host.name,
                                        .unit = "tax",
                                        .fields = {{"name", host.name}, {"unit", "tax"}}});
  }
  table = made();
  files["utilization.json"] = rules::utilization_json(table);
  files["utilization.csv"] = csv_of(table);
  files["standings.list"] = rules::format_standings(table);
  files["utilization.pdf"] = "as people read it\n";
  const auto hashes = log.leaf_hashes();
  manifest.tree = {hashes.size(), ledger::merkle_root(*hasher, hashes)};
  raise();
  std::vector<ledger::PackInput> inputs;
  for (const auto& row : table.rows) {
    for (const auto& input : row.inputs) {
      inputs.push_back({input.stream, input.first / 24, input.last / 24, input.first, input.last,
                        input.records});
    }
  }
  std::sort(inputs.begin(), inputs.end(),
            [](const auto& a, const auto& b) { return a.stream < b.stream; });
  files["inputs.list"] = ledger::format_inputs(inputs);
}

void Provider::raise() {
  for (auto& finding : rules::new_findings(table, findings, log.now())) {
    lie_about_finding(finding);
    if (finding.id.empty()) continue;
    log.seal(0, {step_line(finding, rules::flag_act, 0)});
    findings.push_back(finding);
    ++steps;
    if (invented.empty()) continue;
    finding.id = invented + finding.id.substr(finding.id.find(':'));
    finding.host = invented;
    log.seal(0, {step_line(finding, rules::flag_act, 0)});
    findings.push_back(finding);
    ++steps;
  }
  if (measured) {
    measured->changed = log.now();
    log.seal(0, {step_line(*measured, rules::measure_act, 1)});
    ++steps;
  }
  if (carried_out) findings.push_back(measured ? *measured : *carried_out);
  for (auto& outcome : rules::outcomes_of(table)) {
    lie_about_outcome(outcome);
    if (!outcome.host.empty()) log.seal(0, {outcome_line(log.now(), outcome)});
  }
  files["findings.list"] = rules::format_findings(steps, findings);
  files["advice.json"] = advice_of(findings);
}

void Provider::sign() {
  manifest.origin = log.verifier().name();
  manifest.month = "2026-11";
  manifest.as_of = rules::month_end(november);
  manifest.rules = rule_set->version;
  manifest.rules_hash = hasher->plain(rules::default_rules_json());
  manifest.calendar = calendar->version();
  manifest.inventory = hasher->plain(*rules::inventory_text(source()));
  manifest.files.clear();
  for (const auto& [path, bytes] : files) {
    if (path != "manifest") manifest.files.push_back({path, bytes.size(), hasher->plain(bytes)});
  }
  const std::string text = ledger::format_report_manifest(manifest);
  files["manifest"] = ledger::format_note(text, {log.log_line(text)});
}

ReportCheckResult Provider::check(unsigned threads) {
  log.write();
  const auto hashes = log.leaf_hashes();
  DirectoryEvidence evidence(log.files(), "/data", log.verifier().suite());
  ReportCheck check(
      log.verifier(), {hashes.size(), ledger::merkle_root(*hasher, hashes)},
      [this](const std::string& path) -> ledger::Result<std::string> {
        const auto found = files.find(path);
        if (found != files.end()) return found->second;
        return ledger::fail(ledger::ErrorKind::reject, "it was not handed out");
      },
      threads);
  auto result = check.run(evidence, "2026-11");
  REQUIRE_MESSAGE(result, result.error().message);
  return std::move(*result);
}

rules::Inventory Provider::source() const {
  return {.entries =
              [this](std::string_view kind) -> ledger::Result<std::vector<rules::RegistryEntry>> {
            std::vector<rules::RegistryEntry> found;
            const auto of_kind = inventory.find(std::string(kind));
            if (of_kind == inventory.end()) return found;
            for (const auto& [id, entry] : of_kind->second) found.push_back(entry);
            return found;
          },
          .outcomes = [this](const std::string&, const std::string&)
              -> ledger::Result<std::vector<rules::StoredOutcome>> { return judged; }};
}

rules::UtilizationTable Provider::made() const {
  std::map<std::string, Time, std::less<>> enrolled;
  for (const Host& host : hosts) enrolled[host.name] = first_hour - 1h;
  auto facts = rules::hosts_of_inventory(source(), enrolled);
  const auto terms = rules::MonthTerms::read(source(), *rule_set, november);
  for (auto& host : *facts) (*terms)->add_to(host);
  auto built = rules::build_utilization_table(
      {.month = november,
       .as_of = rules::month_end(november),
       .rules = &*rule_set,
       .calendar = &*calendar,
       .history = (*terms)->history()},
      *facts,
      [this](const rules::HostFacts& facts_of, Time, Time,
             const rules::HourSink& sink) -> ledger::Result<std::uint64_t> {
        for (const Host& host : hosts) {
          if (host.name != facts_of.id) continue;
          for (const auto& [stream, numbered] : host.hours) {
            for (const auto& [number, hour] : numbered) {
              if (auto taken = sink(hour, stream, number); !taken) return ledger::failure(taken);
            }
          }
        }
        return 0;
      });
  REQUIRE_MESSAGE(built, built.error().message);
  return std::move(*built);
}

std::string told(const ReportCheckResult& result) {
  std::string all;
  for (const Finding& finding : result.findings.kept()) {
    all += std::string(to_string(finding.kind)) + " " + finding.place + ": " + finding.en + "\n";
  }
  return all;
}

bool tells(const ReportCheckResult& result, std::string_view words) {
  return told(result).find(words) != std::string::npos;
}

}  // namespace yunjian::auditor::testing
