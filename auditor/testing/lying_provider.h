#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "auditor/report_check.h"
#include "auditor/testing/sample_acts.h"
#include "auditor/testing/sample_log.h"
#include "ledger/usage_hour.h"

namespace yunjian::auditor::testing {

using namespace std::chrono_literals;
using ledger::HourFigure;
using ledger::Time;

inline constexpr rules::Month november = std::chrono::year(2026) / 11;
inline const Time first_hour = ledger::parse_time("2026-11-22T09:00:00.000000Z").value();

ledger::UsageHour hour_at(int number, std::uint64_t cpu);

// A collector that may lie in the pack it makes; the log is what the hosts sealed.
class Provider {
 public:
  explicit Provider(std::uint64_t seed = 1) : log(seed) {
    log.enrol("collector", "collector");
    record({.kind = "unit", .id = "tax", .unit = "tax", .fields = {{"name", "税务局"}}});
    record({.kind = "host",
            .id = "web-01",
            .unit = "tax",
            .fields = {{"unit", "tax"}, {"vcpus", "4"}}});
    for (const std::string host : {"web-01", "db-01"}) {
      hosts.push_back({host, {log.enrol("tax", host)}});
    }
  }

  // A day of a host in one batch.
  void day(std::size_t host, int day, std::uint64_t cpu, std::size_t stream = 0);
  void whole_month() {
    for (int i = 0; i < 9; ++i) {
      day(0, i, 50);
      day(1, i, 700);
    }
  }
  void record(const rules::RegistryEntry& entry) {
    log.seal(0, {register_line(log.now(), entry)});
    inventory[entry.kind][entry.id] = entry;
  }

  // What the records give, and every file of the pack made from it; nothing is signed yet.
  void build();
  // Behind the checkpoint: findings and outcomes as acts, and what the pack says of them.
  void raise();
  // A month before, as it was judged then.
  void judge(const rules::StoredOutcome& outcome) {
    log.seal(0, {outcome_line(log.now(), outcome)});
    judged.push_back(outcome);
  }
  // db-01 was off: one month is enough for a flag.
  void power_off() {
    record({.kind = "power",
            .id = "P-1",
            .unit = "tax",
            .fields = {{"host", "db-01"}, {"month", "2026-11"}, {"off_days", "29"}}});
  }
  void sign();
  void commit() {
    log.add_leaf(ledger::format_report(
        {"2026-11", manifest.tree.size, hasher->plain(files["manifest"]), log.now()}));
  }
  void deliver() {
    build();
    sign();
    commit();
  }

  ReportCheckResult check(unsigned threads = 2);

  struct Host {
    std::string name;
    std::vector<std::size_t> streams;
    std::map<std::size_t, std::uint64_t> next = {};
    std::map<std::string, std::vector<std::pair<std::uint64_t, ledger::UsageHour>>> hours = {};
  };
  SampleLog log;
  std::vector<Host> hosts;
  std::map<std::string, std::map<std::string, rules::RegistryEntry>> inventory;
  rules::UtilizationTable table;
  ledger::ReportManifest manifest;
  std::map<std::string, std::string> files;
  std::vector<rules::StoredFinding> findings;  // by id
  std::uint64_t steps = 0;
  std::vector<rules::StoredOutcome> judged;
  std::string invented;                             // a host that is flagged beside the right one
  std::optional<rules::StoredFinding> carried_out;  // before this month
  std::optional<rules::StoredFinding> measured;
  std::function<void(rules::StoredFinding&)> lie_about_finding = [](auto&) {};
  std::function<void(rules::StoredOutcome&)> lie_about_outcome = [](auto&) {};

 private:
  rules::Inventory source() const;
  rules::UtilizationTable made() const;

  std::unique_ptr<ledger::Hasher> hasher = ledger::default_suite().hasher();
  ledger::Result<rules::RuleSet> rule_set = rules::default_rule_set();
  ledger::Result<rules::Calendar> calendar = rules::cn_calendar();
};

std::string told(const ReportCheckResult& result);

bool tells(const ReportCheckResult& result, std::string_view words);

}  // namespace yunjian::auditor::testing
