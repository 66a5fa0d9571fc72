#include "collector/api/question.h"

#include <set>

#include "collector/api/json.h"

namespace yunjian::collector {

namespace {

std::vector<std::string> all_hosts(const EvidenceLog& log) {
  std::set<std::string> hosts;
  for (const auto& stream : log.streams()) hosts.insert(stream.state.host);
  return {hosts.begin(), hosts.end()};
}

}  // namespace

Outcome<Question> Question::read(const ApiContext& context, const Call& call,
                                 const Parameters& parameters) {
  auto from = parameters.time("from", ledger::Time{});
  if (!from) return handed_on(from);
  auto to = parameters.time("to", time_end);
  if (!to) return handed_on(to);
  if (*from > *to) return bad_request("Parameter 'from' lies behind 'to'.");
  auto query = Query::parse(parameters.text("q"));
  if (!query) {
    return refuse(400, "query", "The query is not understood",
                  "Parameter 'q', " + query.error().message + ".");
  }
  const PlanContext known{
      .hosts = [&context] { return all_hosts(*context.log); },
      .derived_keys = context.deriver == nullptr ? nullptr : &context.deriver->keys};
  auto plan = plan_query(*query, known);
  return Question{.text = parameters.text("q"),
                  .query = *std::move(query),
                  .plan = std::move(plan),
                  .scope = call.credential.scope,
                  .from = *from,
                  .to = *to};
}

bool Question::select(Selection& selection) const {
  selection.from = from;
  selection.to = to;
  if (!scope.has_messages()) selection.lanes = {Lane::usage, Lane::hour};
  return apply_plan(query, plan, selection);
}

std::string explanation(const QueryPlan& plan) {
  Json json;
  json.begin_object();
  json.member("hosts", !plan.filter.hosts.empty());
  json.key("fields").begin_array();
  for (const std::string& field : plan.column_fields) json.string(field);
  json.end_array().key("words").begin_array();
  for (const auto& alternatives : plan.filter.words) {
    json.begin_array();
    for (const std::string& word : alternatives) json.string(word);
    json.end_array();
  }
  json.end_array().member("lines_read", plan.residual).end_object();
  return json.take();
}

const std::atomic<bool>* cancel_flag(const ApiContext& context, const Call& call) {
  return call.request.cancelled != nullptr ? call.request.cancelled : context.stopping;
}

bool wants_lines(const Request& request) {
  return request.header("accept").find("application/x-ndjson") != std::string_view::npos;
}

Act look_at_records(const ApiContext& context, const Call& call, const Parameters& parameters) {
  Act act = look(context, call, "query");
  for (const std::string_view name : {"from", "to", "step", "field"}) {
    if (const auto value = parameters.optional_text(name)) act.text(name, *value);
  }
  if (const auto query = parameters.optional_text("q")) act.text("q", *query);
  if (parameters.optional_text("cursor")) act.text("page", "next");
  return act;
}

Refusal read_problem(const ledger::Error& error, const Request& request) {
  const bool cancelled = request.cancelled != nullptr && *request.cancelled;
  if (error.kind != ledger::ErrorKind::retry || !cancelled) return storage_problem(error);
  return refuse(503, "too-long", "The search took too long",
                "It was ended before it was through. Narrow it: a shorter time range, a host, a "
                "whole word or a field; `explain=true` shows what the store can look up.");
}

}  // namespace yunjian::collector
