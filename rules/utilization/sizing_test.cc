#include "rules/utilization/sizing.h"

#include <doctest/doctest.h>

namespace yunjian::rules {
namespace {

using namespace std::chrono_literals;
using ledger::HourFigure;

constexpr std::uint64_t gib = 1ULL << 30;

Sizing sizing() {
  const auto parsed = default_rule_set();
  REQUIRE(parsed);
  return parsed->sizing;
}

const std::vector<Spec> catalogue = {
    {.id = "s1", .vcpus = 1, .memory_bytes = 2 * gib, .month_fen = 5000},
    {.id = "s2", .vcpus = 2, .memory_bytes = 4 * gib, .month_fen = 10000},
    {.id = "s3", .vcpus = 3, .memory_bytes = 8 * gib, .month_fen = 15000},
    {.id = "s4", .vcpus = 4, .memory_bytes = 8 * gib, .month_fen = 20000},
    {.id = "s8", .vcpus = 8, .memory_bytes = 16 * gib, .month_fen = 40000},
    {.id = "s16", .vcpus = 16, .memory_bytes = 32 * gib},
};

// Constant loads in tenths of a percent on a host of 8 vCPU and a little less than 16 GiB.
FoldedPart month_of(std::uint64_t cpu, std::uint64_t memory) {
  FoldedPart part;
  part.usage.emplace();
  part.usage->vcpus = 8;
  part.usage->memory_bytes = 16 * gib - 300 * 1024 * 1024;
  for (int i = 0; i < 100; ++i) {
    part.usage->figure(HourFigure::cpu).add(cpu, ledger::Time{});
    part.usage->figure(HourFigure::memory).add(memory, ledger::Time{});
  }
  part.expected = part.measured = 720h;
  part.busiest_hour = BusiestHour{.cpu_mean = cpu * 10};
  return part;
}

std::optional<Recommendation> ask(const FoldedPart& part, bool is_public = false) {
  return recommend(
      {.load = load_of(part), .catalogue = catalogue, .is_public = is_public, .months = 3},
      sizing());
}

TEST_CASE("a low host is halved at most, however little it does") {
  const auto made = ask(month_of(20, 100));
  REQUIRE(made);
  CHECK(made->spec.id == "s4");
  CHECK(made->projected.cpu_p95 == 400);
  CHECK(made->projected.memory_p99 == 2000);
  CHECK(made->confidence == 7500);
  CHECK(made->explanation.zh ==
        "建议规格 s4（4 vCPU，8 GB）：按本月负载折算 CPU P95 4%，内存 P99 20%；置信度 75%。");
}

TEST_CASE("memory keeps a host from shrinking") {
  CHECK(ask(month_of(20, 410))->spec.id == "s4");  // 82 % × 1.2 = 98.4 %
  CHECK_FALSE(ask(month_of(20, 420)));             // 84 % × 1.2 is more than there is
}

TEST_CASE("what serves the public keeps more in reserve") {
  CHECK(ask(month_of(280, 100), false)->spec.id == "s4");  // 56 % of four
  CHECK_FALSE(ask(month_of(280, 100), true));              // more than 40 %
}

TEST_CASE("a high host gets the smallest size that carries it") {
  const auto made = ask(month_of(850, 500));
  REQUIRE(made);
  CHECK(made->spec.id == "s16");
  CHECK(made->projected.cpu_p95 == 4250);
}

TEST_CASE("nothing is recommended when nothing fits or nothing was measured") {
  CHECK_FALSE(ask(month_of(990, 990), true));
  FoldedPart blind;
  CHECK_FALSE(ask(blind));
  FoldedPart no_memory = month_of(20, 100);
  no_memory.usage->figures[1] = ledger::Histogram(ledger::Scale::percent);
  CHECK_FALSE(ask(no_memory));
}

TEST_CASE("a saving is never invented: without a price there is none") {
  CHECK(saving_fen(40000, 20000, 6) == 120000);
  CHECK(saving_fen(20000, 40000, 1) == -20000);
  CHECK_FALSE(saving_fen(std::nullopt, 20000, 6));
  CHECK_FALSE(saving_fen(40000, std::nullopt, 6));
  using std::chrono::year;
  CHECK(months_left_in_year(year(2026) / 9) == 3);
  CHECK(months_left_in_year(year(2026) / 12) == 0);
}

}  // namespace
}  // namespace yunjian::rules
