#include "rules/utilization/sizing.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

namespace yunjian::rules {

namespace {

constexpr std::uint64_t gib = 1ULL << 30;

// Memory that a host reports is a little less than what was ordered (firmware, kernel).
std::uint64_t ordered_memory(std::uint64_t reported) { return (reported + gib - 1) / gib * gib; }

// value × from ÷ to, rounded up: a projection never promises more room than there is.
Hundredths scale(Hundredths value, std::uint64_t from, std::uint64_t to) {
  return (value * from + to - 1) / to;
}

bool fits(const Projection& projected, const SizingRequest& request, const Sizing& sizing) {
  const Hundredths cpu_max =
      request.is_public ? sizing.cpu_p95_max_public : sizing.cpu_p95_max_internal;
  if (projected.cpu_p95 > cpu_max) return false;
  if (projected.cpu_busiest_hour && *projected.cpu_busiest_hour > sizing.cpu_busiest_hour_max) {
    return false;
  }
  if (!projected.memory_p99) return false;  // memory that nobody measured is not taken away
  return *projected.memory_p99 * sizing.memory_headroom / 10000 <= 10000;
}

bool halves_at_most(const Spec& spec, const SizedLoad& load) {
  return spec.vcpus * 2 >= load.vcpus && spec.memory_bytes * 2 >= ordered_memory(load.memory_bytes);
}

bool is_present_size(const Spec& spec, const SizedLoad& load) {
  return spec.vcpus == load.vcpus && spec.memory_bytes == ordered_memory(load.memory_bytes);
}

Words memory_size(std::uint64_t bytes) {
  const std::string gb = fmt::format("{}", bytes / gib);
  return {.zh = gb + " GB", .en = gb + " GB"};
}

Words explain(const Recommendation& made) {
  const auto cpu = format_figure(RuleFigure::cpu_p95, made.projected.cpu_p95);
  const auto memory = format_figure(RuleFigure::memory_p99, made.projected.memory_p99.value_or(0));
  const auto size = memory_size(made.spec.memory_bytes);
  const auto sure = format_figure(RuleFigure::coverage, made.confidence);
  return {.zh = fmt::format("建议规格 {}（{} vCPU，{}）：按本月负载折算 CPU P95 {}，内存 P99 {}；"
                            "置信度 {}。",
                            made.spec.id, made.spec.vcpus, size.zh, cpu.zh, memory.zh, sure.zh),
          .en = fmt::format("suggested size {} ({} vCPU, {}): this month's load would be CPU P95 "
                            "{}, memory P99 {}; confidence {}.",
                            made.spec.id, made.spec.vcpus, size.en, cpu.en, memory.en, sure.en)};
}

}  // namespace

SizedLoad load_of(const FoldedPart& part) {
  if (!part.usage) return {};
  const MonthFacts none;
  return {.vcpus = part.usage->vcpus,
          .memory_bytes = part.usage->memory_bytes,
          .cpu_p95 = figure_value(part, none, RuleFigure::cpu_p95),
          .cpu_busiest_hour = figure_value(part, none, RuleFigure::cpu_busiest_hour),
          .memory_p99 = figure_value(part, none, RuleFigure::memory_p99),
          .coverage = coverage(part.measured, part.expected).value_or(0)};
}

std::optional<Projection> project(const SizedLoad& load, const Spec& spec) {
  if (!load.cpu_p95 || spec.vcpus == 0 || spec.memory_bytes < gib) return std::nullopt;
  Projection made{.cpu_p95 = scale(*load.cpu_p95, load.vcpus, spec.vcpus)};
  if (load.cpu_busiest_hour) {
    made.cpu_busiest_hour = scale(*load.cpu_busiest_hour, load.vcpus, spec.vcpus);
  }
  if (load.memory_p99) {
    made.memory_p99 =
        scale(*load.memory_p99, ordered_memory(load.memory_bytes) / gib, spec.memory_bytes / gib);
  }
  return made;
}

std::optional<Recommendation> recommend(const SizingRequest& request, const Sizing& sizing) {
  const SizedLoad& load = request.load;
  std::optional<Recommendation> best;
  for (const Spec& spec : request.catalogue) {
    if (spec.vcpus != 1 && spec.vcpus % 2 != 0) continue;
    const auto projected = project(load, spec);
    if (!projected || !fits(*projected, request, sizing) || !halves_at_most(spec, load)) continue;
    const auto size = [](const Spec& one) { return std::tie(one.vcpus, one.memory_bytes, one.id); };
    if (!best || size(spec) < size(best->spec)) {
      best = Recommendation{.spec = spec, .projected = *projected};
    }
  }
  if (!best || is_present_size(best->spec, load)) return std::nullopt;
  const Hundredths months = std::max(1U, request.months);
  best->confidence = load.coverage * months / (months + 1);
  best->explanation = explain(*best);
  return best;
}

std::optional<std::int64_t> saving_fen(const std::optional<std::uint64_t>& before_month_fen,
                                       const std::optional<std::uint64_t>& after_month_fen,
                                       unsigned months) {
  if (!before_month_fen || !after_month_fen) return std::nullopt;
  return (static_cast<std::int64_t>(*before_month_fen) -
          static_cast<std::int64_t>(*after_month_fen)) *
         static_cast<std::int64_t>(months);
}

unsigned months_left_in_year(Month decided) { return 12 - static_cast<unsigned>(decided.month()); }

}  // namespace yunjian::rules
