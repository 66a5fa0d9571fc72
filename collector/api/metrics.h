#pragma once

#include <array>
#include <atomic>
#include <string>
#include <string_view>

#include "collector/api/context.h"

namespace yunjian::collector {

// Text in Prometheus' exposition format 0.0.4.
class MetricsText {
 public:
  // Begins a metric; `type` is counter or gauge. Samples of it follow.
  MetricsText& metric(std::string_view name, std::string_view type, std::string_view help);
  MetricsText& sample(double value);
  MetricsText& sample(std::string_view label, std::string_view label_value, double value);
  std::string take() { return std::move(text_); }

 private:
  std::string text_;
  std::string name_;
};

// Answers by class of status, and what was refused to somebody who asks too often or guesses, since
// start. Any thread.
class AnswerCounters {
 public:
  void count(int status);
  void count_unknown_credential() { ++unknown_credentials_; }
  std::string text() const;

 private:
  std::array<std::atomic<std::uint64_t>, 6> answers_{};  // by status / 100; 0 = anything else
  std::atomic<std::uint64_t> too_often_{0};              // 429
  std::atomic<std::uint64_t> unknown_credentials_{0};
};

// GET /metrics
Outcome<Response> get_metrics(const ApiContext& context, const Call& call);

}  // namespace yunjian::collector
