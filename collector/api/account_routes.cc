#include "collector/api/account_routes.h"

#include <fmt/format.h>

#include <algorithm>

#include "collector/api/account_office.h"
#include "collector/api/json.h"
#include "collector/api/json_body.h"
#include "collector/api/name_page.h"
#include "collector/api/parameters.h"
#include "collector/api/repeats.h"
#include "collector/api/unit_counts.h"

namespace yunjian::collector {

using ledger::Time;

namespace {

Doer doer_of(const Call& call) { return doer_of(call.credential, call.request.peer); }

Outcome<void> no_parameters(const Call& call) {
  auto parameters = Parameters::read(call.request, {});
  if (!parameters) return handed_on(parameters);
  return {};
}

void write_texts(Json& json, std::string_view name, const auto& texts) {
  json.key(name).begin_array();
  for (const std::string& text : texts) json.string(text);
  json.end_array();
}

void write_by(Json& json, std::string_view name, const std::string& who) {
  if (who.empty()) {
    json.null_member(name);
  } else {
    json.member(name, std::string_view(who));
  }
}

void write_grant(Json& json, const Grant& grant, Time now) {
  json.begin_object().member("id", std::string_view(grant.id));
  json.member("kind", to_string(grant.kind)).member("to", std::string_view(grant.to));
  json.member("state", grant.state(now));
  if (grant.kind == GrantKind::role) json.member("role", to_string(grant.role));
  write_texts(json, "units", grant.units);
  if (!grant.county.empty()) json.member("county", std::string_view(grant.county));
  if (!grant.token.empty()) json.member("token", std::string_view(grant.token));
  json.member("reason", std::string_view(grant.reason)).member("from", grant.from);
  json.member("until", grant.until);
  write_by(json, "proposed_by", grant.proposed_by);
  json.member("proposed", grant.proposed);
  write_by(json, "approved_by", grant.approved_by);
  json.member("approved", grant.approved);
  write_by(json, "revoked_by", grant.revoked_by);
  json.member("revoked", grant.revoked).end_object();
}

Response answer(const Json& json, int status = 200) {
  Response response;
  response.status = status;
  response.body = json.take();
  return response;
}

Outcome<Response> grant_answer(const ApiContext& context, const Outcome<Grant>& grant,
                               int status = 200) {
  if (!grant) return Refusal(grant.error());
  Json json;
  write_grant(json, *grant, context.clock->wall());
  return answer(json, status);
}

// A change without a body, done once for an Idempotency-Key.
Outcome<Response> change(const ApiContext& context, const Call& call,
                         const std::function<Outcome<Response>()>& work) {
  if (auto none = no_parameters(call); !none) return handed_on(none);
  return context.repeats->once(call, work);
}

Response done() {
  Response response;
  response.body = R"({"done":true})";
  return response;
}

// The end of a grant: `until`, or `days` from now on.
Outcome<Time> read_until(const JsonBody& body, Time now) {
  auto until = body.time("until");
  if (!until) return handed_on(until);
  auto days = body.number("days");
  if (!days) return handed_on(days);
  if (until->has_value() == days->has_value()) {
    return bad_request("Give 'until' or 'days', one of them.");
  }
  if (*until) return **until;
  if (**days == 0 || **days > 3653) return bad_request("Member 'days' of the body: 1 to 3653.");
  return now + std::chrono::days(static_cast<int>(**days));
}

Outcome<GrantWish> read_wish(const Call& call, Time now) {
  auto body = JsonBody::read(call.request.body, {"to", "kind", "role", "units", "county", "reason",
                                                 "from", "until", "days"});
  if (!body) return handed_on(body);
  GrantWish wish;
  for (const auto& [name, to] : {std::pair("to", &wish.to), {"reason", &wish.reason}}) {
    auto text = body->needed_text(name);
    if (!text) return handed_on(text);
    *to = *std::move(text);
  }
  auto kind = body->text("kind");
  if (!kind) return handed_on(kind);
  if (*kind != "" && *kind != "role" && *kind != "messages") {
    return bad_request("Member 'kind' of the body: role or messages.");
  }
  auto role = body->text("role");
  auto county = body->text("county");
  auto units = body->list("units");
  auto from = body->time("from");
  if (!role) return handed_on(role);
  if (!county) return handed_on(county);
  if (!units) return handed_on(units);
  if (!from) return handed_on(from);
  if (*kind == "messages") {
    wish.kind = GrantKind::messages;
    if (body->has("role") || body->has("county")) {
      return bad_request("'role' and 'county' do not belong to kind messages.");
    }
  } else {
    auto parsed = parse_role(*role);
    if (!parsed) return bad_request("Member 'role' of the body: " + parsed.error().message + ".");
    wish.role = *parsed;
  }
  wish.county = *std::move(county);
  wish.units = *std::move(units);
  wish.from = *from;
  auto until = read_until(*body, now);
  if (!until) return handed_on(until);
  wish.until = *until;
  return wish;
}

std::string_view token_state(const TokenInfo& token, const std::vector<Grant>& grants, Time now) {
  if (token.revoked) return "revoked";
  if (token.spec.expires <= now) return "expired";
  if (token.made_by.empty()) return "valid";
  for (const Grant& grant : grants) {
    if (grant.kind == GrantKind::token && grant.token == token.id) return grant.state(now);
  }
  return "proposed";
}

void write_token(Json& json, const TokenInfo& token, const std::vector<Grant>& grants, Time now) {
  json.begin_object().member("id", std::string_view(token.id));
  json.member("name", std::string_view(token.spec.name));
  write_by(json, "account", token.account);
  if (token.account.empty()) {
    json.member("role", to_string(token.spec.role));
    write_texts(json, "units", token.spec.units);
    if (!token.spec.county.empty()) json.member("county", std::string_view(token.spec.county));
  }
  json.member("state", token_state(token, grants, now));
  json.member("created", token.created).member("expires", token.spec.expires);
  json.end_object();
}

}  // namespace

Outcome<Response> get_me(const ApiContext&, const Call& call) {
  if (auto none = no_parameters(call); !none) return handed_on(none);
  const Credential& me = call.credential;
  Json json;
  json.begin_object().member("credential", std::string_view(me.id));
  json.member("name", std::string_view(me.name)).member("role", to_string(me.role));
  write_by(json, "account", me.account);
  json.member("whole_city", me.scope.is_all());
  write_texts(json, "units", me.scope.listed());
  json.key("messages_of");
  if (me.scope.messages()) {
    json.begin_array();
    for (const std::string& unit : *me.scope.messages()) json.string(unit);
    json.end_array();
  } else {
    json.string("scope");
  }
  json.end_object();
  return answer(json);
}

Outcome<Response> list_accounts(const ApiContext& context, const Call& call) {
  auto page = read_name_page(context, call);
  if (!page) return handed_on(page);
  const auto accounts = context.accounts->accounts(doer_of(call));
  if (!accounts) return Refusal(accounts.error());
  UnitCounts counts;
  Response response = answer_list(
      context, *page, *accounts,
      std::pair([](const Account& account) { return account.id; },
                [&](Json& json, const Account& account) {
                  counts.add("");
                  json.begin_object().member("id", std::string_view(account.id));
                  json.member("name", std::string_view(account.name));
                  json.member("created", account.created).member("closed", account.closed);
                  json.end_object();
                }));
  return recorded(context, look(context, call, "accounts"), counts, std::move(response));
}

Outcome<Response> post_account(const ApiContext& context, const Call& call) {
  return change(context, call, [&]() -> Outcome<Response> {
    auto body = JsonBody::read(call.request.body, {"id", "name"});
    if (!body) return handed_on(body);
    auto id = body->needed_text("id");
    if (!id) return handed_on(id);
    auto name = body->needed_text("name");
    if (!name) return handed_on(name);
    auto made = context.accounts->add_account(doer_of(call), *id, *name);
    if (!made) return handed_on(made);
    Json json;
    json.begin_object().member("id", std::string_view(made->id));
    json.member("name", std::string_view(made->name)).member("created", made->created).end_object();
    return answer(json, 201);
  });
}

Outcome<Response> close_account(const ApiContext& context, const Call& call) {
  return change(context, call, [&]() -> Outcome<Response> {
    auto closed = context.accounts->close_account(doer_of(call), call.parts[0]);
    if (!closed) return handed_on(closed);
    return done();
  });
}

Outcome<Response> list_grants(const ApiContext& context, const Call& call) {
  auto page = read_name_page(context, call);
  if (!page) return handed_on(page);
  auto grants = context.accounts->grants(doer_of(call));
  if (!grants) return handed_on(grants);
  std::ranges::sort(*grants, {}, &Grant::id);
  UnitCounts counts;
  const Time now = context.clock->wall();
  Response response = answer_list(context, *page, *grants,
                                  std::pair([](const Grant& grant) { return grant.id; },
                                            [&](Json& json, const Grant& grant) {
                                              counts.add("");
                                              for (const std::string& unit : grant.units) {
                                                counts.add(unit, 0);
                                              }
                                              write_grant(json, grant, now);
                                            }));
  return recorded(context, look(context, call, "accounts"), counts, std::move(response));
}

Outcome<Response> post_grant(const ApiContext& context, const Call& call) {
  return change(context, call, [&]() -> Outcome<Response> {
    auto wish = read_wish(call, context.clock->wall());
    if (!wish) return handed_on(wish);
    return grant_answer(context, context.accounts->propose(doer_of(call), *wish), 201);
  });
}

Outcome<Response> approve_grant(const ApiContext& context, const Call& call) {
  return change(context, call, [&] {
    return grant_answer(context, context.accounts->approve(doer_of(call), call.parts[0]));
  });
}

Outcome<Response> revoke_grant(const ApiContext& context, const Call& call) {
  return change(context, call, [&] {
    return grant_answer(context, context.accounts->revoke_grant(doer_of(call), call.parts[0]));
  });
}

Outcome<Response> list_tokens(const ApiContext& context, const Call& call) {
  auto page = read_name_page(context, call);
  if (!page) return handed_on(page);
  auto tokens = context.accounts->tokens(doer_of(call));
  if (!tokens) return handed_on(tokens);
  const auto grants = context.accounts->grants(doer_of(call));
  if (!grants) return Refusal(grants.error());
  std::ranges::sort(*tokens, {}, &TokenInfo::id);
  const Time now = context.clock->wall();
  UnitCounts counts;
  Response response = answer_list(context, *page, *tokens,
                                  std::pair([](const TokenInfo& token) { return token.id; },
                                            [&](Json& json, const TokenInfo& token) {
                                              counts.add("");
                                              write_token(json, token, *grants, now);
                                            }));
  return recorded(context, look(context, call, "accounts"), counts, std::move(response));
}

// The secret is in this one answer and nowhere else, so a repeat cannot give it again.
Outcome<Response> post_token(const ApiContext& context, const Call& call) {
  if (auto none = no_parameters(call); !none) return handed_on(none);
  if (!call.request.header("idempotency-key").empty()) {
    return bad_request(
        "A token is shown once and cannot be shown again; send no Idempotency-Key, and revoke a "
        "token whose answer was lost.");
  }
  auto body = JsonBody::read(call.request.body, {"account", "days"});
  if (!body) return handed_on(body);
  auto account = body->text("account");
  if (!account) return handed_on(account);
  auto days = body->number("days");
  if (!days) return handed_on(days);
  if (account->empty()) *account = call.credential.account;
  if (account->empty()) return bad_request("Member 'account' of the body: needed, a text.");
  auto made = context.accounts->make_token(doer_of(call), *account,
                                           days->value_or(account_token_days_default));
  if (!made) return handed_on(made);
  Json json;
  json.begin_object().member("id", std::string_view(made->id));
  json.member("token", std::string_view(made->secret)).member("expires", made->expires);
  write_by(json, "grant", made->grant);
  json.end_object();
  return answer(json, 201);
}

// The certificate is no secret, but a repeat would issue another one.
Outcome<Response> post_certificate(const ApiContext& context, const Call& call) {
  return change(context, call, [&]() -> Outcome<Response> {
    auto body = JsonBody::read(call.request.body, {"account", "csr", "days"});
    if (!body) return handed_on(body);
    auto account = body->text("account");
    if (!account) return handed_on(account);
    auto csr = body->needed_text("csr");
    if (!csr) return handed_on(csr);
    auto days = body->number("days");
    if (!days) return handed_on(days);
    if (account->empty()) *account = call.credential.account;
    if (account->empty()) return bad_request("Member 'account' of the body: needed, a text.");
    auto made = context.accounts->make_certificate(doer_of(call), *account, *csr,
                                                   days->value_or(account_token_days_default));
    if (!made) return handed_on(made);
    Json json;
    json.begin_object().member("id", std::string_view(made->id));
    json.member("certificate", std::string_view(made->secret)).member("expires", made->expires);
    write_by(json, "grant", made->grant);
    json.end_object();
    return answer(json, 201);
  });
}

Outcome<Response> revoke_token(const ApiContext& context, const Call& call) {
  return change(context, call, [&]() -> Outcome<Response> {
    auto revoked = context.accounts->revoke_token(doer_of(call), call.parts[0]);
    if (!revoked) return handed_on(revoked);
    return done();
  });
}

}  // namespace yunjian::collector
