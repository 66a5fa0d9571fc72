// Commands about accounts: the same office as behind the API, with the operator of this machine or
// the owner of a token as the one who acts.
#include <fmt/format.h>

#include "collector/admin.h"
#include "collector/api/account_office.h"
#include "ledger/base/bytes.h"

namespace yunjian::collector {

using ledger::ErrorKind;
using ledger::Result;

namespace {

constexpr std::uint64_t grant_days_default = 365;

ledger::Failure told(const Problem& problem) {
  return ledger::fail(ErrorKind::reject, fmt::format("{}: {}", problem.title, problem.detail));
}

Result<std::uint64_t> days_of(const AdminRequest& request, std::uint64_t otherwise) {
  const std::string text = request.field("days");
  if (text.empty()) return otherwise;
  const auto number = ledger::parse_decimal(text);
  if (number && *number > 0 && *number <= 3653) return *number;
  return ledger::fail(ErrorKind::reject,
                      fmt::format("--days '{}': a whole number from 1 to 3653", text));
}

std::string words(const Grant& grant) {
  std::string what(to_string(grant.kind));
  if (grant.kind == GrantKind::role) what = fmt::format("role {}", to_string(grant.role));
  if (!grant.units.empty()) what += fmt::format(" of {}", fmt::join(grant.units, " "));
  if (!grant.county.empty()) what += " of " + grant.county;
  if (!grant.token.empty()) what += " " + grant.token;
  return what;
}

}  // namespace

// With the secret of a token it is the token's owner who acts; else who is at this machine.
Result<Doer> AdminCommands::doer(const AdminRequest& request) const {
  const std::string secret = request.field("as-token");
  if (secret.empty()) return Doer{.who = request.who};
  auto credential = context_.catalog->credential(secret, context_.clock->wall());
  if (!credential) return ledger::failure(credential);
  if (*credential) return doer_of(**credential, "admin socket");
  return ledger::fail(ErrorKind::reject,
                      "--token-file: this token is unknown, expired, revoked or not yet approved");
}

Result<AdminAnswer> AdminCommands::add_account(const AdminRequest& request) {
  auto who = doer(request);
  if (!who) return ledger::failure(who);
  auto made = context_.accounts->add_account(*who, request.field("id"), request.field("name"));
  if (!made) return told(made.error());
  return AdminAnswer{
      .out = fmt::format("account {} ({}) is open and may do nothing yet\n", made->id, made->name)};
}

Result<AdminAnswer> AdminCommands::list_accounts(const AdminRequest& request) {
  auto who = doer(request);
  if (!who) return ledger::failure(who);
  const auto accounts = context_.accounts->accounts(*who);
  if (!accounts) return told(accounts.error());
  const auto grants = context_.accounts->grants(*who);
  if (!grants) return told(grants.error());
  AdminAnswer answer;
  for (const Account& account : *accounts) {
    answer.out += fmt::format("account  {:<20} {:<7} {}\n", account.id,
                              account.closed ? "closed" : "open", account.name);
  }
  const auto now = context_.clock->wall();
  for (const Grant& grant : *grants) {
    answer.out += fmt::format(
        "grant    {:<12} {:<8} to {:<20} {}; until {}; proposed by {}; approved by {}; {}\n",
        grant.id, grant.state(now), grant.to, words(grant), ledger::format_time(grant.until),
        grant.proposed_by, grant.approved_by.empty() ? "nobody" : grant.approved_by, grant.reason);
  }
  return answer;
}

Result<AdminAnswer> AdminCommands::propose_grant(const AdminRequest& request) {
  auto who = doer(request);
  if (!who) return ledger::failure(who);
  auto days = days_of(request, grant_days_default);
  if (!days) return ledger::failure(days);
  GrantWish wish{.to = request.field("id"),
                 .units = field_lines(request, "unit"),
                 .county = request.field("county"),
                 .reason = request.field("reason"),
                 .until = context_.clock->wall() + std::chrono::days(static_cast<int>(*days))};
  if (request.field("role") == "messages") {
    wish.kind = GrantKind::messages;
  } else {
    auto role = parse_role(request.field("role"));
    if (!role) return ledger::failure(role, "--role");
    wish.role = *role;
  }
  const auto grant = context_.accounts->propose(*who, wish);
  if (!grant) return told(grant.error());
  return AdminAnswer{
      .out = grant->id + "\n",
      .note = fmt::format("grant {}: {} to {}, {}\n", grant->id, words(*grant), grant->to,
                          grant->approved_by.empty()
                              ? "proposed; somebody else must approve it (`account approve`)"
                              : "valid")};
}

Result<AdminAnswer> AdminCommands::approve_grant(const AdminRequest& request) {
  auto who = doer(request);
  if (!who) return ledger::failure(who);
  const auto grant = context_.accounts->approve(*who, request.field("id"));
  if (!grant) return told(grant.error());
  return AdminAnswer{.out = fmt::format("grant {}: {} to {} is {}\n", grant->id, words(*grant),
                                        grant->to, grant->state(context_.clock->wall()))};
}

Result<AdminAnswer> AdminCommands::revoke_of_account(const AdminRequest& request) {
  auto who = doer(request);
  if (!who) return ledger::failure(who);
  const std::string id = request.field("id");
  if (is_account_id(id)) {
    const auto closed = context_.accounts->close_account(*who, id);
    if (!closed) return told(closed.error());
    return AdminAnswer{.out = fmt::format("account {} is closed\n", id)};
  }
  const auto grant = context_.accounts->revoke_grant(*who, id);
  if (!grant) return told(grant.error());
  return AdminAnswer{.out = fmt::format("grant {} is revoked\n", id)};
}

Result<AdminAnswer> AdminCommands::make_account_certificate(const AdminRequest& request) {
  auto who = doer(request);
  if (!who) return ledger::failure(who);
  auto days = days_of(request, account_token_days_default);
  if (!days) return ledger::failure(days);
  const auto made =
      context_.accounts->make_certificate(*who, request.field("id"), request.field("csr"), *days);
  if (!made) return told(made.error());
  return AdminAnswer{
      .out = made->secret,
      .note = fmt::format("certificate {} of account {}, until {}.{}\n", made->id,
                          request.field("id"), ledger::format_time(made->expires),
                          made->grant.empty() ? ""
                                              : " It holds when somebody else has approved grant " +
                                                    made->grant + ".")};
}

Result<AdminAnswer> AdminCommands::make_account_token(const AdminRequest& request) {
  auto who = doer(request);
  if (!who) return ledger::failure(who);
  auto days = days_of(request, account_token_days_default);
  if (!days) return ledger::failure(days);
  const auto made = context_.accounts->make_token(*who, request.field("id"), *days);
  if (!made) return told(made.error());
  return AdminAnswer{
      .out = made->secret + "\n",
      .note = fmt::format("token {} of account {}, until {}. It is shown this once.{}\n", made->id,
                          request.field("id"), ledger::format_time(made->expires),
                          made->grant.empty() ? ""
                                              : " It holds when somebody else has approved grant " +
                                                    made->grant + ".")};
}

}  // namespace yunjian::collector
