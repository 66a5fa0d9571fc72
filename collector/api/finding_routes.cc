#include "collector/api/finding_routes.h"

#include "collector/api/json.h"
#include "collector/api/list_page.h"
#include "collector/api/register_act.h"
#include "collector/api/repeats.h"
#include "collector/api/unit_counts.h"
#include "rules/data_file.h"
#include "rules/findings/finding.h"

namespace yunjian::collector {

namespace {

constexpr std::size_t reason_bytes_max = 2000;

// The other roles are not let in here.
rules::Actor actor_of(Role role) {
  if (role == Role::authority) return rules::Actor::authority;
  if (role == Role::county) return rules::Actor::county;
  return role == Role::unit ? rules::Actor::unit : rules::Actor::provider;
}

void write_words(Json& json, std::string_view key, const rules::Words& words) {
  json.key(key).begin_object();
  json.member("zh", std::string_view(words.zh)).member("en", std::string_view(words.en));
  json.end_object();
}

// The members of a finding, into an object that is open.
void write_members(Json& json, const Finding& finding) {
  const auto text = [&](std::string_view key, const std::string& value) {
    json.member(key, std::string_view(value));
  };
  text("id", finding.id);
  text("host", finding.host);
  text("unit", finding.unit);
  text("verdict", finding.verdict);
  text("month", finding.month);
  text("state", finding.state);
  if (const auto state = rules::parse_finding_state(finding.state)) {
    write_words(json, "state_name", rules::state_name(*state));
  }
  if (finding.due.empty()) {
    json.null_member("due");
  } else {
    text("due", finding.due);
  }
  json.member("opened", finding.opened).member("changed", finding.changed);
  json.key("details").begin_object();
  for (const auto& [key, value] : finding.details) text(key, value);
  json.end_object();
}

void write_allowed(Json& json, const Finding& finding, Role role) {
  json.key("allowed").begin_array();
  const auto verdict = rules::parse_verdict(finding.verdict);
  const auto state = rules::parse_finding_state(finding.state);
  if (verdict && state) {
    for (const auto act : rules::allowed_acts(rules::road_of(*verdict), *state, actor_of(role))) {
      json.string(rules::act_key(act));
    }
  }
  json.end_array();
}

Outcome<Response> answer_one(const ApiContext& context, const Call& call, const Finding& finding) {
  auto events = context.catalog->finding_events(finding.id);
  if (!events) return storage_problem(events.error());
  Json json;
  json.begin_object();
  write_members(json, finding);
  json.key("steps").begin_array();
  for (const FindingEvent& event : *events) {
    json.begin_object().member("number", event.number).member("time", event.time);
    json.member("act", std::string_view(event.act)).member("by", std::string_view(event.who));
    json.member("state", std::string_view(event.state));
    json.member("reason", std::string_view(event.reason)).end_object();
  }
  json.end_array();
  write_allowed(json, finding, call.credential.role);
  json.end_object();
  Response response;
  response.body = json.take();
  return response;
}

// What the body asks for.
struct Asked {
  rules::FindingAct act{};
  std::string reason;
};

Outcome<Asked> read_asked(const Request& request) {
  const auto body = rules::parse_data_file(request.body);
  if (!body || body->kind != rules::DataNode::Kind::object) {
    return bad_request(R"(The body is a JSON object such as {"act":"agree","reason":"…"}.)");
  }
  Asked asked;
  bool named = false;
  for (const auto& [key, value] : body->members) {
    if (value.kind != rules::DataNode::Kind::text || (key != "act" && key != "reason")) {
      return bad_request("Member '" + key + "' is not known, or not a text.");
    }
    if (key == "reason") {
      if (value.text.size() > reason_bytes_max) {
        return bad_request("The reason is longer than 2000 bytes.");
      }
      asked.reason = value.text;
      continue;
    }
    const auto act = rules::parse_finding_act(value.text);
    if (!act) return bad_request("There is no act '" + value.text + "'.");
    asked.act = *act;
    named = true;
  }
  if (!named) return bad_request("Member 'act' is missing.");
  return asked;
}

std::optional<rules::Date> date_of(const std::string& text) {
  const auto date = rules::parse_date(text);
  return date ? std::optional(*date) : std::nullopt;
}

// The finding as it is after the act.
Outcome<Finding> moved(const ApiContext& context, const Call& call, Finding finding,
                       const Asked& asked) {
  const auto verdict = rules::parse_verdict(finding.verdict);
  const auto state = rules::parse_finding_state(finding.state);
  const auto calendar = rules::cn_calendar();
  if (!verdict || !state || !calendar) {
    return storage_problem({ledger::ErrorKind::corrupt, "a finding that cannot be read"});
  }
  const rules::Date today = rules::china_date(context.clock->wall());
  const auto result = rules::advance_finding({.road = rules::road_of(*verdict),
                                              .state = *state,
                                              .act = asked.act,
                                              .actor = actor_of(call.credential.role),
                                              .reason = asked.reason,
                                              .today = today,
                                              .due = date_of(finding.due),
                                              .stopped_since = date_of(finding.stopped_since)},
                                             *calendar);
  if (!result) {
    return refuse(409, "not-allowed-now", "The finding does not allow this act",
                  result.error().message);
  }
  finding.state = rules::state_key(result->state);
  finding.due = rules::due_text({.date = result->due, .unknown = result->due_unknown});
  if (asked.act == rules::FindingAct::stop) finding.stopped_since = rules::format_date(today);
  if (asked.act == rules::FindingAct::resume) finding.stopped_since.clear();
  finding.changed = context.clock->wall();
  return finding;
}

Outcome<Response> act_on(const ApiContext& context, const Call& call, const Asked& asked) {
  auto found = context.catalog->finding(call.credential.scope, call.parts[0]);
  if (!found) return storage_problem(found.error());
  if (!*found) return not_found();
  auto events = context.catalog->finding_events(call.parts[0]);
  if (!events) return storage_problem(events.error());
  auto finding = moved(context, call, **found, asked);
  if (!finding) return handed_on(finding);
  const FindingEvent event{.number = events->size(),
                           .time = finding->changed,
                           .act = std::string(rules::act_key(asked.act)),
                           .who = call.credential.name,
                           .state = finding->state,
                           .reason = asked.reason};
  auto recorded = context.commit_act(finding_act(look(context, call, "finding"), *finding, event));
  if (!recorded) return storage_problem(recorded.error());
  if (auto put = context.changing->put_finding(*finding, event); !put) {
    return storage_problem(put.error());
  }
  return answer_one(context, call, *finding);
}

}  // namespace

Outcome<Response> list_findings(const ApiContext& context, const Call& call) {
  auto parameters =
      Parameters::read(call.request, {"host", "state", "month", "open", "limit", "cursor"});
  if (!parameters) return handed_on(parameters);
  auto open = parameters->choice("open", {"false", "true"});
  if (!open) return handed_on(open);
  const FindingFilter filter{.host = parameters->text("host"),
                             .state = parameters->text("state"),
                             .month = parameters->text("month"),
                             .open_only = *open == "true"};
  if (!filter.state.empty() && !rules::parse_finding_state(filter.state)) {
    return bad_request("Parameter 'state' is none of the states of a finding.");
  }
  auto page = list_page(context, *parameters);
  if (!page) return handed_on(page);
  auto findings = context.catalog->findings(call.credential.scope, filter);
  if (!findings) return storage_problem(findings.error());
  UnitCounts counts;
  Response response = answer_list(context, *page, *findings,
                                  std::pair([](const Finding& finding) { return finding.id; },
                                            [&](Json& json, const Finding& finding) {
                                              counts.add(finding.unit);
                                              json.begin_object();
                                              write_members(json, finding);
                                              write_allowed(json, finding, call.credential.role);
                                              json.end_object();
                                            }));
  return recorded(context, look(context, call, "query"), counts, std::move(response));
}

Outcome<Response> get_finding(const ApiContext& context, const Call& call) {
  if (auto none = Parameters::read(call.request, {}); !none) return handed_on(none);
  auto finding = context.catalog->finding(call.credential.scope, call.parts[0]);
  if (!finding) return storage_problem(finding.error());
  if (!*finding) return not_found();
  auto answer = answer_one(context, call, **finding);
  if (!answer) return answer;
  UnitCounts counts;
  counts.add((*finding)->unit);
  return recorded(context, look(context, call, "query"), counts, *std::move(answer));
}

Outcome<Response> post_finding(const ApiContext& context, const Call& call) {
  if (auto none = Parameters::read(call.request, {}); !none) return handed_on(none);
  auto asked = read_asked(call.request);
  if (!asked) return handed_on(asked);
  return context.repeats->once(call, [&] {
    const std::lock_guard acting(*context.acts);
    return act_on(context, call, *asked);
  });
}

}  // namespace yunjian::collector
