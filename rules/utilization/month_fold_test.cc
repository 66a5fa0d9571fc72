#include "rules/utilization/month_fold.h"

#include <doctest/doctest.h>

#include <random>

namespace yunjian::rules {
namespace {

using namespace std::chrono_literals;
using ledger::HourFigure;
using ledger::Time;
using ledger::UsageHour;
using std::chrono::seconds;

constexpr Month november = 2026y / 11;
constexpr std::uint64_t gib = 1ULL << 30;

Calendar calendar() {
  auto parsed = cn_calendar();
  REQUIRE(parsed);
  return *parsed;
}

// Samples every 10 s over [from, from + length), all with the same load in tenths of a percent.
UsageHour hour_of(Time from, seconds length, std::uint64_t cpu, std::uint64_t memory) {
  UsageHour hour;
  hour.from = from;
  hour.to = from + length;
  hour.vcpus = 4;
  hour.memory_bytes = 8 * gib;
  for (Time when = from + 10s; when <= hour.to; when += 10s) {
    hour.figure(HourFigure::cpu).add(cpu, when);
    hour.figure(HourFigure::memory).add(memory, when);
    ++hour.samples;
  }
  return hour;
}

FoldWindow whole_november() {
  return {.month = november,
          .enrolled = month_begin(2026y / 1),
          .retired = std::nullopt,
          .as_of = month_end(november) + 1h};
}

// Puts `hours` hours of one load from `first` on into the fold.
void fill(MonthFold& fold, Time first, int hours, std::uint64_t cpu) {
  static std::uint64_t number = 0;
  for (int i = 0; i < hours; ++i) {
    REQUIRE(fold.add(hour_of(first + i * 1h, 1h, cpu, 300), "a.1", ++number));
  }
}

TEST_CASE("a fully measured month has full coverage and exact figures") {
  const Calendar days = calendar();
  MonthFold fold(whole_november(), days);
  fill(fold, month_begin(november), 720, 123);
  const auto parts = fold.finish();
  REQUIRE(parts.size() == 1);
  const FoldedPart& part = parts[0];
  CHECK(part.expected == 720h);
  CHECK(part.measured == 720h);
  CHECK(coverage(part.measured, part.expected) == 10000);
  CHECK(part.longest_gap == 0s);
  CHECK(part.days == 30);
  CHECK(part.working_days == 21);
  CHECK(mean_percent(part.usage->figure(HourFigure::cpu)) == 1230);
  CHECK(quantile_percent(part.usage->figure(HourFigure::cpu), 0.95) == 1230);
  CHECK(part.busiest_hour->cpu_mean == 1230);
  CHECK(part.busiest_hour->from == month_begin(november));
  REQUIRE(part.inputs.size() == 1);
  CHECK(part.inputs[0].records == 720);
}

TEST_CASE("a record belongs whole to the month its beginning lies in") {
  const Calendar days = calendar();
  const Time begin = month_begin(november);
  const UsageHour before = hour_of(begin - 30min, 1h, 100, 100);
  const UsageHour within = hour_of(month_end(november) - 30min, 1h, 200, 100);
  const UsageHour after = hour_of(month_end(november), 1h, 300, 100);
  MonthFold fold(whole_november(), days);
  CHECK(fold.add(before, "a.1", 1));
  CHECK(fold.add(within, "a.1", 2));
  CHECK(fold.add(after, "a.1", 3));
  const auto parts = fold.finish();
  REQUIRE(parts.size() == 1);
  CHECK(parts[0].usage->figure(HourFigure::cpu).min() == 200);
  CHECK(parts[0].usage->figure(HourFigure::cpu).max() == 200);
  CHECK(parts[0].inputs[0].first == 2);
  CHECK(parts[0].inputs[0].last == 2);
  CHECK(parts[0].measured == 30min);  // what lies in the month; never over 100 %
}

TEST_CASE("hours sealed in parts give the same figures as whole hours, in whatever order") {
  const Calendar days = calendar();
  const Time begin = month_begin(november);
  MonthFold whole(whole_november(), days);
  MonthFold pieces(whole_november(), days);
  std::mt19937 random(7);
  for (int i = 0; i < 100; ++i) {
    const std::uint64_t load = random() % 1000;
    const UsageHour first = hour_of(begin + i * 1h, 20min, load, 300);
    const UsageHour second = hour_of(begin + i * 1h + 20min, 40min, load, 300);
    const auto number = 2 * static_cast<std::uint64_t>(i);
    REQUIRE(whole.add(hour_of(begin + i * 1h, 1h, load, 300), "a.1", number));
    REQUIRE(pieces.add(second, "a.1", number));
    REQUIRE(pieces.add(first, "a.1", number + 1));
  }
  const FoldedPart a = whole.finish()[0];
  const FoldedPart b = pieces.finish()[0];
  CHECK(a.measured == b.measured);
  CHECK(a.longest_gap == b.longest_gap);
  CHECK(a.busiest_hour->cpu_mean == b.busiest_hour->cpu_mean);
  CHECK(a.busiest_day->cpu_p95 == b.busiest_day->cpu_p95);
  for (const HourFigure figure : ledger::hour_figures) {
    CHECK(a.usage->figure(figure).bins() == b.usage->figure(figure).bins());
    CHECK(a.usage->figure(figure).sum() == b.usage->figure(figure).sum());
  }
}

TEST_CASE("nothing measured is absent, which is not 0 %") {
  const Calendar days = calendar();
  MonthFold silent(whole_november(), days);
  const FoldedPart none = silent.finish()[0];
  CHECK_FALSE(none.usage);
  CHECK(none.expected == 720h);
  CHECK(coverage(none.measured, none.expected) == 0);
  CHECK(none.longest_gap == 720h);

  MonthFold idle(whole_november(), days);
  fill(idle, month_begin(november), 720, 0);
  const FoldedPart zero = idle.finish()[0];
  CHECK(mean_percent(zero.usage->figure(HourFigure::cpu)) == 0);
  CHECK(mean_percent(zero.usage->figure(HourFigure::net_in)) == std::nullopt);
}

TEST_CASE("only the time a host was enrolled and the month has reached is expected") {
  const Calendar days = calendar();
  FoldWindow window = whole_november();
  window.enrolled = month_begin(november) + 10 * 24h;
  window.retired = month_begin(november) + 20 * 24h;
  CHECK(MonthFold(window, days).finish()[0].expected == 240h);

  window.as_of = month_begin(november) + 15 * 24h + 40min;
  CHECK(MonthFold(window, days).finish()[0].expected == 120h);  // the open hour is not due yet

  MonthFold stopped(window, days);  // an agent that stopped has sealed the open hour
  REQUIRE(stopped.add(hour_of(window.as_of - 40min, 30min, 100, 100), "a.1", 1));
  CHECK(stopped.finish()[0].expected == 120h + 30min);

  window.as_of = window.enrolled - 1h;
  CHECK(MonthFold(window, days).finish()[0].expected == 0s);
  CHECK(coverage(0s, 0s) == std::nullopt);
}

TEST_CASE("the longest stretch without a record is found, at the edges too") {
  const Calendar days = calendar();
  const Time begin = month_begin(november);
  MonthFold fold(whole_november(), days);
  fill(fold, begin + 10h, 100, 50);
  fill(fold, begin + 130h, 580, 50);
  const FoldedPart part = fold.finish()[0];
  CHECK(part.longest_gap == 20h);
  CHECK(part.measured == 680h);
  CHECK(coverage(part.measured, part.expected) == 9444);  // rounded down

  MonthFold late(whole_november(), days);
  fill(late, begin, 670, 50);
  CHECK(late.finish()[0].longest_gap == 50h);
}

TEST_CASE("samples missing inside an hour lower its coverage") {
  const Calendar days = calendar();
  MonthFold fold(whole_november(), days);
  UsageHour half = hour_of(month_begin(november), 30min, 50, 50);
  half.to = half.from + 1h;
  REQUIRE(fold.add(half, "a.1", 1));
  CHECK(fold.finish()[0].measured == 30min);
}

TEST_CASE("a change of size splits the month, and a host that returns has three parts") {
  const Calendar days = calendar();
  const Time begin = month_begin(november);
  MonthFold fold(whole_november(), days);
  std::uint64_t number = 0;
  for (int i = 0; i < 720; ++i) {
    UsageHour hour = hour_of(begin + i * 1h, 1h, i < 240 || i >= 480 ? 800 : 400, 300);
    hour.vcpus = i < 240 || i >= 480 ? 4 : 8;
    hour.memory_bytes += static_cast<std::uint64_t>(i) * 4096;  // the kernel's own small changes
    REQUIRE(fold.add(hour, "a.1", ++number));
  }
  const auto parts = fold.finish();
  REQUIRE(parts.size() == 3);
  CHECK(parts[0].usage->vcpus == 4);
  CHECK(parts[1].usage->vcpus == 8);
  CHECK(parts[2].usage->vcpus == 4);
  CHECK(parts[0].from == begin);
  CHECK(parts[1].from == begin + 240h);
  CHECK(parts[0].to == parts[1].from);
  CHECK(parts[2].to == month_end(november));
  for (const FoldedPart& part : parts) {
    CHECK(part.expected == 240h);
    CHECK(part.measured == 240h);
    CHECK(part.inputs[0].records == 240);
  }
  CHECK(mean_percent(parts[1].usage->figure(HourFigure::cpu)) == 4000);
}

TEST_CASE("two incarnations of a host fold into one part that names both streams") {
  const Calendar days = calendar();
  const Time begin = month_begin(november);
  MonthFold fold(whole_november(), days);
  for (std::uint64_t i = 0; i < 10; ++i) {
    REQUIRE(fold.add(hour_of(begin + (10 + i) * 1h, 1h, 100, 100), "a.10", 5 + 60 * i));
  }
  for (std::uint64_t i = 0; i < 10; ++i) {
    REQUIRE(fold.add(hour_of(begin + i * 1h, 1h, 100, 100), "a.9", 100 + i));
  }
  const auto parts = fold.finish();
  REQUIRE(parts.size() == 1);
  CHECK(parts[0].measured == 20h);
  CHECK(parts[0].longest_gap == 700h);
  REQUIRE(parts[0].inputs.size() == 2);
  CHECK(parts[0].inputs[0].stream == "a.10");
  CHECK(parts[0].inputs[0].first == 5);
  CHECK(parts[0].inputs[0].last == 545);
  CHECK(parts[0].inputs[1].stream == "a.9");
}

TEST_CASE("time that two records cover is measured once and the overlap is told") {
  const Calendar days = calendar();
  MonthFold fold(whole_november(), days);
  REQUIRE(fold.add(hour_of(month_begin(november), 1h, 100, 100), "a.1", 1));
  REQUIRE(fold.add(hour_of(month_begin(november), 1h, 100, 100), "a.2", 1));
  const FoldedPart part = fold.finish()[0];
  CHECK(part.measured == 1h);
  CHECK(part.overlapping == 1);
}

TEST_CASE("records that cannot be folded are counted, and a record given twice is refused") {
  const Calendar days = calendar();
  MonthFold fold(whole_november(), days);
  UsageHour backwards = hour_of(month_begin(november), 1h, 100, 100);
  backwards.to = backwards.from;
  CHECK(fold.add(backwards, "a.1", 1));
  CHECK_FALSE(fold.add(backwards, "a.1", 1));
  CHECK(fold.add(backwards, "a.2", 1));
  CHECK_FALSE(fold.add(backwards, "a.1", 9));
  CHECK(fold.finish()[0].unusable == 2);
}

TEST_CASE("a record that cannot be true does not reach the figures") {
  const Calendar days = calendar();
  const UsageHour good = hour_of(month_begin(november), 1h, 100, 100);
  std::vector<UsageHour> bad(6, good);
  bad[0].samples = 0;
  bad[1].samples = 363;  // 360 fit, and one at either edge
  bad[2].interval_s = 0;
  bad[3].interval_s = ~std::uint64_t{0};
  bad[4].to = bad[4].from + 2h + 1s;
  bad[5].figure(HourFigure::cpu) =
      *ledger::Histogram::from_parts(ledger::Scale::percent, "100:360", {36001, 100, 100, good.to});
  MonthFold fold(whole_november(), days);
  std::uint64_t number = 0;
  for (const UsageHour& hour : bad) CHECK(fold.add(hour, "a.1", ++number));
  CHECK(fold.add(good, "a.1", ++number));
  const FoldedPart part = fold.finish()[0];
  CHECK(part.unusable == bad.size());
  CHECK(part.inputs[0].first == number);
  CHECK(part.usage->samples == 360);
}

TEST_CASE("the busiest hour and day ignore moments too short to stand for one") {
  const Calendar days = calendar();
  const Time begin = month_begin(november);
  MonthFold fold(whole_november(), days);
  REQUIRE(fold.add(hour_of(begin + 48h, 10min, 990, 100), "a.1", 1));
  for (std::uint64_t i = 0; i < 12; ++i) {
    REQUIRE(fold.add(hour_of(begin + i * 1h, 1h, 100 + i, 100), "a.1", 2 + i));
  }
  const FoldedPart part = fold.finish()[0];
  CHECK(part.busiest_hour->cpu_mean == 1110);
  CHECK(part.busiest_hour->from == begin + 11h);
  CHECK(part.busiest_day->day == 2026y / 11 / 1);
  CHECK(part.busiest_day->cpu_p95 == 1110);
  CHECK(part.days == 1);
  CHECK(part.working_days == 0);  // 1 November 2026 is a Sunday
}

TEST_CASE("working days are not known where the calendar is not") {
  const Calendar days = calendar();
  const Month january = 2027y / 1;
  MonthFold fold({.month = january,
                  .enrolled = month_begin(january),
                  .retired = std::nullopt,
                  .as_of = month_end(january)},
                 days);
  fill(fold, month_begin(january), 744, 100);
  const FoldedPart part = fold.finish()[0];
  CHECK(part.days == 31);
  CHECK(part.working_days == std::nullopt);
}

}  // namespace
}  // namespace yunjian::rules
