#pragma once

#include <optional>
#include <span>
#include <string>

#include "rules/utilization/judge.h"

namespace yunjian::rules {

// A size that the catalogue (云服务目录) offers.
struct Spec {
  std::string id;
  std::uint64_t vcpus = 0;
  std::uint64_t memory_bytes = 0;
  std::optional<std::uint64_t> month_fen;  // price a month in 1/100 yuan; absent: not known
};

// What a host's load would be on another size, in percent of it.
struct Projection {
  Hundredths cpu_p95 = 0;
  std::optional<Hundredths> cpu_busiest_hour;
  std::optional<Hundredths> memory_p99;
};

struct Recommendation {
  Spec spec;
  Projection projected;
  Hundredths confidence = 0;  // percent, from coverage and the number of months looked at
  Words explanation;          // one sentence
};

// What is needed of a host's month: its size, and its load in percent of it.
struct SizedLoad {
  std::uint64_t vcpus = 0;
  std::uint64_t memory_bytes = 0;  // as the host reports it
  std::optional<Hundredths> cpu_p95, cpu_busiest_hour, memory_p99;
  Hundredths coverage = 0;
};
SizedLoad load_of(const FoldedPart& part);

struct SizingRequest {
  SizedLoad load;
  std::span<const Spec> catalogue = {};
  bool is_public = false;  // serves the public: more is kept in reserve
  unsigned months = 1;     // months of history behind the finding
};

// What the load would be on `spec`: percentages scale with the size.
std::optional<Projection> project(const SizedLoad& load, const Spec& spec);

// The smallest size whose projected load keeps the limits; for less CPU or memory at most half of
// either in one step, so that a mistake shows before it hurts. vCPUs are even, or 1. Absent:
// nothing measured, or the catalogue has no size that fits and differs from the present one.
std::optional<Recommendation> recommend(const SizingRequest& request, const Sizing& sizing);

// Fen that a change saves (negative: costs more) over `months`; absent when a price is not known.
std::optional<std::int64_t> saving_fen(const std::optional<std::uint64_t>& before_month_fen,
                                       const std::optional<std::uint64_t>& after_month_fen,
                                       unsigned months);

// Months from the one after `decided` to the end of its settlement year (31 December).
unsigned months_left_in_year(Month decided);

}  // namespace yunjian::rules
