#include "ledger/usage_hour.h"

#include <doctest/doctest.h>

#include <random>

namespace yunjian::ledger {
namespace {

const Time hour_start = parse_time("2026-11-22T08:00:00.000000Z").value();

UsageHour sample_hour(unsigned seed, int samples, Time from) {
  std::mt19937_64 engine(seed);
  UsageHour hour;
  hour.from = from;
  hour.vcpus = 4;
  hour.memory_bytes = 8ULL << 30;
  Time now = from;
  for (int i = 0; i < samples; ++i) {
    now += std::chrono::seconds(10);
    hour.figure(HourFigure::cpu).add(engine() % 1001, now);
    hour.figure(HourFigure::memory).add(400 + engine() % 20, now);
    for (const HourFigure rate :
         {HourFigure::net_in, HourFigure::net_out, HourFigure::disk_bytes, HourFigure::disk_iops}) {
      hour.figure(rate).add(engine() % (std::uint64_t{1} << (engine() % 40)), now);
    }
    ++hour.samples;
  }
  hour.to = now;
  return hour;
}

std::string written(const UsageHour& hour) {
  std::string out;
  write_usage_hour(out, hour);
  return out;
}

TEST_CASE("an hour's record is canonical, small, and reads back to the same bytes") {
  const std::string line = written(sample_hour(1, 360, hour_start));
  CHECK(line.size() <= 8192);
  bool canonical = false;
  const auto record = parse_record(line, &canonical).value();
  CHECK(canonical);
  CHECK(written(read_usage_hour(*record).value()) == line);
}

TEST_CASE("parts of an hour merge to exactly the hour, in any order") {
  const auto middle = hour_start + std::chrono::minutes(30);
  const UsageHour first = sample_hour(2, 180, hour_start);
  const UsageHour second = sample_hour(3, 180, middle);
  UsageHour one = first;
  merge_usage(one, second);
  UsageHour other = second;
  merge_usage(other, first);
  CHECK(written(one) == written(other));
  CHECK(one.samples == 360);
  CHECK(one.from == hour_start);
  CHECK(one.to == second.to);
  CHECK(one.figure(HourFigure::cpu).sum() ==
        first.figure(HourFigure::cpu).sum() + second.figure(HourFigure::cpu).sum());
}

TEST_CASE("rate bins are at most one percent wide and hold every value") {
  std::mt19937_64 engine(4);
  for (int i = 0; i < 20000; ++i) {
    const std::uint64_t value = engine() >> (11 + engine() % 53);
    const std::uint32_t bin = rate_bin(value);
    CHECK(rate_bin_upper(bin) >= value);
    if (bin > 0) CHECK(rate_bin_upper(bin - 1) < value);
    if (value > 100) {
      CHECK(static_cast<double>(rate_bin_upper(bin) - value) <= 0.01 * static_cast<double>(value));
    }
  }
  CHECK(rate_bin(0) == 0);
  CHECK(rate_bin(1) == 1);
  CHECK(rate_bin(~std::uint64_t{0}) == rate_bin((std::uint64_t{1} << 53) - 1));
}

TEST_CASE("quantiles are the smallest value that so many samples do not exceed") {
  Histogram histogram(Scale::percent);
  for (std::uint64_t value = 1; value <= 100; ++value) histogram.add(value * 10, hour_start);
  CHECK(histogram.quantile(0.95) == 950);
  CHECK(histogram.quantile(0.99) == 990);
  CHECK(histogram.quantile(1) == 1000);
  CHECK(histogram.mean() == doctest::Approx(505));
  CHECK(Histogram(Scale::percent).quantile(0.5) == 0);
}

TEST_CASE("the maximum keeps the earliest time it was reached") {
  Histogram histogram(Scale::percent);
  histogram.add(500, hour_start + std::chrono::seconds(20));
  histogram.add(500, hour_start + std::chrono::seconds(10));
  histogram.add(400, hour_start);
  CHECK(histogram.max_time() == hour_start + std::chrono::seconds(10));
}

TEST_CASE("a histogram that contradicts itself is refused") {
  const auto parts = [](std::string_view bins, std::uint64_t min, std::uint64_t max) {
    return Histogram::from_parts(Scale::percent, bins, {1, min, max, hour_start}).has_value();
  };
  CHECK(parts("5:1,3:2", 5, 8));
  CHECK_FALSE(parts("5:1,3:2", 4, 8));
  CHECK_FALSE(parts("5:1,3:2", 5, 9));
  CHECK_FALSE(parts("5:1,0:2", 5, 5));
  CHECK_FALSE(parts("5:0", 5, 5));
  CHECK_FALSE(parts("1001:1", 1001, 1001));
  CHECK_FALSE(parts("5:1,", 5, 5));
  CHECK_FALSE(parts("5;1", 5, 5));
  CHECK_FALSE(parts("999:1,18446744073709551615:1", 999, 998));
}

}  // namespace
}  // namespace yunjian::ledger
