#include "collector/api/metrics.h"

#include <fmt/format.h>

#include <algorithm>

#include "collector/api/inventory_routes.h"
#include "collector/api/parameters.h"

namespace yunjian::collector {

namespace {

constexpr int too_many_requests = 429;

double seconds(ledger::Time time) {
  return static_cast<double>(time.time_since_epoch().count()) / 1e6;
}

std::string log_metrics(const ApiContext& context) {
  const auto streams = context.log->streams();
  const auto now = context.clock->wall();
  double batches = 0;
  double records = 0;
  double hollow = 0;
  double forks = 0;
  double silent = 0;
  ledger::Time newest{};
  for (const auto& stream : streams) {
    batches += static_cast<double>(stream.state.next_batch);
    records += static_cast<double>(stream.state.next_record);
    hollow += static_cast<double>(stream.state.hollow);
    forks += static_cast<double>(stream.state.forks);
    const bool own = stream.id == context.log->own_stream();  // it seals only what there is
    if (!own && now - stream.state.last_received >= silent_after) ++silent;
    newest = std::max(newest, stream.state.last_received);
  }
  MetricsText text;
  text.metric("yunjian_log_leaves", "counter", "Leaves in the published log.")
      .sample(static_cast<double>(context.log->size()));
  text.metric("yunjian_streams", "gauge", "Streams, the collector's own included.")
      .sample(static_cast<double>(streams.size()));
  text.metric("yunjian_streams_silent", "gauge", "Streams without a batch for 180 s.")
      .sample(silent);
  text.metric("yunjian_batches", "counter", "Batches accepted.").sample(batches);
  text.metric("yunjian_records", "counter", "Records in accepted batches.").sample(records);
  text.metric("yunjian_batches_hollow", "gauge", "Batches whose body is absent.").sample(hollow);
  text.metric("yunjian_forks", "counter", "Forks seen.").sample(forks);
  text.metric("yunjian_last_batch_timestamp_seconds", "gauge", "When a batch was last accepted.")
      .sample(seconds(newest));
  return text.take();
}

}  // namespace

MetricsText& MetricsText::metric(std::string_view name, std::string_view type,
                                 std::string_view help) {
  name_ = name;
  text_ += fmt::format("# HELP {} {}\n# TYPE {} {}\n", name, help, name, type);
  return *this;
}

MetricsText& MetricsText::sample(double value) {
  text_ += fmt::format("{} {}\n", name_, value);
  return *this;
}

MetricsText& MetricsText::sample(std::string_view label, std::string_view label_value,
                                 double value) {
  text_ += fmt::format("{}{{{}=\"{}\"}} {}\n", name_, label, label_value, value);
  return *this;
}

void AnswerCounters::count(int status) {
  const bool known = status >= 100 && status < 600;
  ++answers_[known ? static_cast<std::size_t>(status / 100) : 0];
  if (status == too_many_requests) ++too_often_;
}

std::string AnswerCounters::text() const {
  MetricsText text;
  text.metric("yunjian_api_answers_total", "counter", "Answers of the API by class of status.");
  for (std::size_t i = 1; i < answers_.size(); ++i) {
    text.sample("status", fmt::format("{}xx", i), static_cast<double>(answers_[i]));
  }
  text.metric("yunjian_api_too_often_total", "counter", "Answers 429 of the API.")
      .sample(static_cast<double>(too_often_));
  text.metric("yunjian_api_credentials_refused_total", "counter",
              "Requests with a token or certificate that is none.")
      .sample(static_cast<double>(unknown_credentials_));
  return text.take();
}

Outcome<Response> get_metrics(const ApiContext& context, const Call& call) {
  auto parameters = Parameters::read(call.request, {});
  if (!parameters) return handed_on(parameters);
  Response response;
  response.content_type = "text/plain; version=0.0.4; charset=utf-8";
  response.headers.emplace_back("Cache-Control", "no-store");
  response.body = log_metrics(context);
  for (const auto& more : context.metrics) response.body += more();
  return response;
}

}  // namespace yunjian::collector
