#include "rules/month/utilization_table.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "rules/month/testing/sample_table.h"

namespace yunjian::rules {
namespace {

using namespace std::chrono_literals;
using ledger::Result;
using ledger::Time;
using ledger::UsageHour;
using testing::flat_hour;
using testing::sample_host;

constexpr Month october = 2026y / 10;

const RuleSet& rule_set() {
  static const auto rules = default_rule_set();
  return *rules;
}

const Calendar& calendar() {
  static const auto days = cn_calendar();
  return *days;
}

TableRequest request(Time as_of = month_end(october) + 1h) {
  return {.month = october, .as_of = as_of, .rules = &rule_set(), .calendar = &calendar()};
}

Result<std::uint64_t> no_hours(const HostFacts&, Time, Time, const HourSink&) { return 0; }

const UtilizationRow& row_of(const UtilizationTable& table, std::string_view host) {
  for (const UtilizationRow& row : table.rows) {
    if (row.host.id == host) return row;
  }
  FAIL("no such row");
  return table.rows.front();
}

TEST_CASE("every kind of host is judged as it behaved") {
  const UtilizationTable table = testing::sample_table();
  CHECK(table.hosts == 9);
  CHECK(table.rows.size() == 10);  // one host has two sizes
  const auto verdict = [&](std::string_view host) { return row_of(table, host).judgement.verdict; };
  CHECK(verdict("ecs-0001") == Verdict::normal);
  CHECK(verdict("ecs-0002") == Verdict::low);
  CHECK(verdict("ecs-0003") == Verdict::severe);
  CHECK(verdict("ecs-0004") == Verdict::insufficient_data);  // never heard of
  CHECK(verdict("ecs-0005") == Verdict::insufficient_data);  // half a month of each size
  CHECK(verdict("ecs-0007") == Verdict::insufficient_data);  // enrolled in the last week
  CHECK(verdict("ecs-0008") == Verdict::insufficient_data);  // three days missing
  CHECK(verdict("ecs-0009") == Verdict::low);                // measured, and nothing but 0 %
  CHECK_FALSE(table.provisional);
}

TEST_CASE("no data, 0 % measured and retired are told apart") {
  const UtilizationTable table = testing::sample_table();
  const UtilizationRow& silent = row_of(table, "ecs-0004");
  CHECK(silent.cpu.mean == std::nullopt);
  CHECK(silent.vcpus == std::nullopt);
  CHECK(silent.expected == 744h);
  CHECK(silent.measured == 0h);
  const UtilizationRow& zero = row_of(table, "ecs-0009");
  CHECK(zero.cpu.p95 == 0);
  CHECK(zero.measured == 744h);
  const UtilizationRow& retired = row_of(table, "ecs-0006");
  CHECK(retired.expected == 468h);
  CHECK(retired.measured == 468h);
}

TEST_CASE("a host that changed size has a row for each, with the records each was folded from") {
  const UtilizationTable table = testing::sample_table();
  std::vector<const UtilizationRow*> parts;
  for (const UtilizationRow& row : table.rows) {
    if (row.host.id == "ecs-0005") parts.push_back(&row);
  }
  REQUIRE(parts.size() == 2);
  CHECK(parts[0]->vcpus == 4);
  CHECK(parts[1]->vcpus == 8);
  CHECK(parts[0]->to == parts[1]->from);
  CHECK(parts[1]->parts == 2);
  CHECK(parts[0]->inputs[0].records == 360);
  CHECK(parts[0]->inputs[0].last < parts[1]->inputs[0].first);
}

TEST_CASE("rows stand by county, unit, system and name, however the hosts came") {
  auto hosts = testing::sample_hosts();
  const auto forward = build_utilization_table(request(), hosts, no_hours);
  std::reverse(hosts.begin(), hosts.end());
  const auto backward = build_utilization_table(request(), hosts, no_hours);
  REQUIRE(forward);
  REQUIRE(backward);
  for (std::size_t i = 0; i < forward->rows.size(); ++i) {
    CHECK(forward->rows[i].host.id == backward->rows[i].host.id);
  }
}

TEST_CASE("only hosts enrolled at some time of the month stand in it") {
  std::vector<HostFacts> hosts(4, sample_host("ecs-0001"));
  hosts[0].id = "retired-before";
  hosts[0].retired = month_begin(october);
  hosts[1].id = "retired-first-second";
  hosts[1].retired = month_begin(october) + 1s;
  hosts[2].id = "enrolled-last-second";
  hosts[2].enrolled = month_end(october) - 1s;
  hosts[3].id = "enrolled-after";
  hosts[3].enrolled = month_end(october);
  const auto table = build_utilization_table(request(), hosts, no_hours);
  REQUIRE(table);
  CHECK(table->hosts == 2);
  CHECK(table->rows[0].host.id == "enrolled-last-second");
  CHECK(table->rows[1].host.id == "retired-first-second");
}

TEST_CASE(
    "a running month is provisional, expects nothing of the future, and judges nothing early") {
  const HostFacts host = sample_host("ecs-0002");
  const Time as_of = month_begin(october) + 10h + 20min;
  const HourSource source = [](const HostFacts&, Time from, Time, const HourSink& sink) {
    for (std::uint64_t i = 0; i < 10; ++i) {
      const auto taken = sink(flat_hour(from + static_cast<int>(i) * 1h, 10, 100), "a.1", i);
      if (!taken) return Result<std::uint64_t>(tl::unexpected(taken.error()));
    }
    return Result<std::uint64_t>(3);
  };
  const auto table = build_utilization_table(request(as_of), std::vector{host}, source);
  REQUIRE(table);
  CHECK(table->provisional);
  CHECK(table->rows[0].expected == 10h);
  CHECK(table->rows[0].measured == 10h);
  CHECK(table->rows[0].judgement.verdict == Verdict::insufficient_data);
  CHECK(table->rows[0].unusable == 3);  // what the source could not read
  CHECK_FALSE(build_utilization_table(request(month_begin(october)), std::vector{host}, source));
}

TEST_CASE("what would make wrong figures ends the build with the host's name") {
  const HostFacts host = sample_host("ecs-0002");
  const HourSource twice = [](const HostFacts&, Time from, Time, const HourSink& sink) {
    for (int i = 0; i < 2; ++i) {
      if (auto taken = sink(flat_hour(from, 10, 100), "a.1", 7); !taken) {
        return Result<std::uint64_t>(tl::unexpected(taken.error()));
      }
    }
    return Result<std::uint64_t>(0);
  };
  const auto folded_twice = build_utilization_table(request(), std::vector{host}, twice);
  REQUIRE_FALSE(folded_twice);
  CHECK(folded_twice.error().message.find("ecs-0002") != std::string::npos);

  const auto listed_twice = build_utilization_table(request(), std::vector{host, host}, no_hours);
  REQUIRE_FALSE(listed_twice);
  CHECK(listed_twice.error().message.find("ecs-0002 stands twice") != std::string::npos);

  const HourSource broken = [](const HostFacts&, Time, Time, const HourSink&) {
    return Result<std::uint64_t>(ledger::fail(ledger::ErrorKind::corrupt, "block 7 is damaged"));
  };
  const auto failed = build_utilization_table(request(), std::vector{host}, broken);
  REQUIRE_FALSE(failed);
  CHECK(failed.error().kind == ledger::ErrorKind::corrupt);
}

}  // namespace
}  // namespace yunjian::rules
