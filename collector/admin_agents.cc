// Commands about agents and the tokens that they enrol with.
#include <fmt/format.h>

#include <algorithm>

#include "collector/admin.h"
#include "collector/api/account_office.h"
#include "collector/api/agent_state.h"
#include "ledger/batch.h"

namespace yunjian::collector {

using ledger::ErrorKind;
using ledger::Result;

namespace {

ledger::Failure refuse_input(std::string what) {
  return ledger::fail(ErrorKind::reject, std::move(what));
}

std::string_view state_of(const EnrolTokenInfo& token, ledger::Time now) {
  if (token.revoked) return "revoked";
  if (token.spec.expires <= now) return "expired";
  return token.used >= token.spec.uses ? "used" : "valid";
}

}  // namespace

Result<AdminAnswer> AdminCommands::list_agents(const AdminRequest&) {
  auto agents = context_.catalog->agents(Scope::all());
  if (!agents) return ledger::failure(agents);
  auto revoked = context_.catalog->revoked_agents();
  if (!revoked) return ledger::failure(revoked);
  auto ends = context_.catalog->certificate_ends();
  if (!ends) return ledger::failure(ends);
  const auto now = context_.clock->wall();
  AdminAnswer answer{.out = fmt::format("{:<36} {:<8} {:<28} {:<28} {}\n", "stream", "state",
                                        "certificate until", "last batch", "unit  host")};
  for (const Agent& agent : *agents) {
    const std::string id = ledger::stream_id(agent.id, agent.incarnation);
    const auto stream = context_.log->stream(id);
    const auto end = ends->find(agent.id);
    const bool heard = stream && stream->next_batch > 0;
    answer.out += fmt::format("{:<36} {:<8} {:<28} {:<28} {}  {}\n", id,
                              to_string(agent_state(stream ? &*stream : nullptr, *revoked, now)),
                              end == ends->end() ? "-" : ledger::format_time(end->second),
                              heard ? ledger::format_time(stream->last_received) : "-", agent.unit,
                              agent.host);
  }
  return answer;
}

// Sealed first, then done: the next request under its certificate is refused, also on a connection
// that is open.
Result<void> AdminCommands::end_certificate(const Act& act, const std::string& agent,
                                            const std::string& reason) {
  auto known = context_.catalog->agent(Scope::all(), agent);
  if (!known) return ledger::failure(known);
  if (auto recorded = record(act); !recorded) return recorded;
  if (!*known) return {};
  return context_.catalog->revoke_agent({.agent = agent,
                                         .incarnation = (*known)->incarnation,
                                         .reason = reason,
                                         .revoked = context_.clock->wall()});
}

Result<AdminAnswer> AdminCommands::revoke_agent(const AdminRequest& request) {
  const std::string given = request.field("id");
  const std::string id = given.substr(0, given.find('.'));  // of a stream, as `agent list` shows it
  const std::string reason = request.field("reason");
  if (!is_one_line(reason, reason_bytes_max)) return refuse_input("--reason: say why, on one line");
  auto agent = context_.catalog->agent(Scope::all(), id);
  if (!agent) return ledger::failure(agent);
  if (!*agent) return refuse_input(fmt::format("there is no agent '{}'; see `agent list`", id));
  auto revoked = context_.catalog->revoked_agents();
  if (!revoked) return ledger::failure(revoked);
  if (revoked->contains(id)) return refuse_input(fmt::format("agent {} is revoked already", id));
  Act ended = act(request, "agent");
  ended.text("step", "revoke").text("agent", id).number("incarnation", (*agent)->incarnation);
  ended.text("host", (*agent)->host).text("unit", (*agent)->unit).text("reason", reason);
  ended.text("certificate", (*agent)->certificate_sha256);
  if (auto done = end_certificate(ended, id, reason); !done) return ledger::failure(done);
  return AdminAnswer{
      .out = fmt::format("agent {} (host {}, unit {}) is revoked\n", id, (*agent)->host,
                         (*agent)->unit),
      .note = "Its host ships again when it was enrolled anew (`enrol-token --agent`).\n"};
}

Result<AdminAnswer> AdminCommands::list_enrol_tokens(const AdminRequest&) {
  auto tokens = context_.catalog->enrol_tokens();
  if (!tokens) return ledger::failure(tokens);
  const auto now = context_.clock->wall();
  AdminAnswer answer{.out = fmt::format("{:<13} {:<8} {:<11} {:<28} {}\n", "id", "state", "used",
                                        "expires", "unit  agent")};
  for (const EnrolTokenInfo& token : *tokens) {
    answer.out += fmt::format("{:<13} {:<8} {:<11} {:<28} {}  {}\n", token.id, state_of(token, now),
                              fmt::format("{} of {}", token.used, token.spec.uses),
                              ledger::format_time(token.spec.expires), token.spec.unit,
                              token.spec.agent.empty() ? "new" : token.spec.agent);
  }
  return answer;
}

Result<AdminAnswer> AdminCommands::revoke_enrol_token(const AdminRequest& request) {
  const std::string id = request.field("id");
  auto tokens = context_.catalog->enrol_tokens();
  if (!tokens) return ledger::failure(tokens);
  if (std::ranges::find(*tokens, id, &EnrolTokenInfo::id) == tokens->end()) {
    return refuse_input(fmt::format("there is no enrol token '{}'; see `enrol-token list`", id));
  }
  Act revoked = act(request, "enrol-token");
  revoked.text("step", "revoke").text("token", id);
  if (auto recorded = record(revoked); !recorded) return ledger::failure(recorded);
  auto done = context_.catalog->revoke_enrol_token(id);
  if (!done) return ledger::failure(done);
  return AdminAnswer{.out = fmt::format("enrol token {} is revoked\n", id)};
}

}  // namespace yunjian::collector
