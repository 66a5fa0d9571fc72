#include "collector/admin.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <sstream>

#include "collector/api/account_office.h"
#include "collector/catalog/csv.h"
#include "collector/catalog/list_entries.h"
#include "collector/pack_keeper.h"
#include "collector/tokens.h"
#include "ledger/base/bytes.h"

namespace yunjian::collector {

using ledger::ErrorKind;
using ledger::Result;

namespace {

constexpr std::uint64_t days_max = 3650;
constexpr std::uint64_t uses_max = 100'000;

ledger::Failure refuse_input(std::string what) {
  return ledger::fail(ErrorKind::reject, std::move(what));
}

Result<std::uint64_t> number_field(const AdminRequest& request, const std::string& name,
                                   std::uint64_t otherwise, std::uint64_t max) {
  const std::string text = request.field(name);
  if (text.empty()) return otherwise;
  const auto number = ledger::parse_decimal(text);
  if (number && *number > 0 && *number <= max) return *number;
  return refuse_input(fmt::format("--{} '{}': a whole number from 1 to {}", name, text, max));
}

std::string state_of(const TokenInfo& token, ledger::Time now) {
  if (token.revoked) return "revoked";
  return token.spec.expires <= now ? "expired" : "valid";
}

std::string scope_of(const TokenSpec& spec) {
  switch (spec.role) {
    case Role::county:
      return "county " + spec.county;
    case Role::unit:
      return fmt::format("{}", fmt::join(spec.units, " "));
    case Role::authority:
    case Role::provider:
    case Role::system:
    case Role::security:
    case Role::audit:
      break;
  }
  return "all";
}

}  // namespace

std::vector<std::string> field_lines(const AdminRequest& request, const std::string& name) {
  std::vector<std::string> lines;
  std::istringstream text(request.field(name));
  for (std::string line; std::getline(text, line);) {
    if (!line.empty()) lines.push_back(line);
  }
  return lines;
}

Result<AdminAnswer> AdminCommands::run(const AdminRequest& request) {
  using Command = Answer (AdminCommands::*)(const AdminRequest&);
  static const std::map<std::string, Command, std::less<>> commands = {
      {"token create", &AdminCommands::create_token},
      {"token list", &AdminCommands::list_tokens},
      {"token revoke", &AdminCommands::revoke_token},
      {"account add", &AdminCommands::add_account},
      {"account list", &AdminCommands::list_accounts},
      {"account grant", &AdminCommands::propose_grant},
      {"account approve", &AdminCommands::approve_grant},
      {"account revoke", &AdminCommands::revoke_of_account},
      {"account certificate", &AdminCommands::make_account_certificate},
      {"account token", &AdminCommands::make_account_token},
      {"enrol-token", &AdminCommands::create_enrol_token},
      {"enrol-token list", &AdminCommands::list_enrol_tokens},
      {"enrol-token revoke", &AdminCommands::revoke_enrol_token},
      {"agent list", &AdminCommands::list_agents},
      {"agent revoke", &AdminCommands::revoke_agent},
      {"unit import", &AdminCommands::import_units},
      {"host import", &AdminCommands::import_hosts},
      {"unit export", &AdminCommands::export_list},
      {"host export", &AdminCommands::export_list},
      {"inventory import", &AdminCommands::import_entries},
      {"inventory export", &AdminCommands::export_entries},
      {"host retire", &AdminCommands::retire_host},
      {"report build", &AdminCommands::build_report},
      {"status", &AdminCommands::status},
      {"verify", &AdminCommands::verify},
      {"hold set", &AdminCommands::set_hold},
      {"hold list", &AdminCommands::list_holds},
      {"hold lift", &AdminCommands::lift_hold},
      {"backup begin", &AdminCommands::begin_backup},
      {"backup end", &AdminCommands::end_backup},
      {"repaired", &AdminCommands::record_repair},
  };
  const auto found = commands.find(request.command);
  if (found == commands.end()) {
    return refuse_input(
        fmt::format("command '{}' is not known to the collector that runs; are "
                    "both of one version?",
                    request.command));
  }
  return (this->*found->second)(request);
}

Act AdminCommands::act(const AdminRequest& request, std::string_view what) const {
  Act act(context_.clock->wall(), what);
  act.text("who", request.who).text("command", request.command);
  return act;
}

Result<ledger::Time> AdminCommands::expiry(const AdminRequest& request, int days_default) const {
  auto days = number_field(request, "days", static_cast<std::uint64_t>(days_default), days_max);
  if (!days) return ledger::failure(days);
  return context_.clock->wall() + std::chrono::days(static_cast<int>(*days));
}

Result<TokenSpec> AdminCommands::token_spec(const AdminRequest& request, bool& recovers) const {
  auto role = parse_role(request.field("role"));
  if (!role) return ledger::failure(role, "--role");
  auto expires = expiry(request, token_days_default);
  if (!expires) return ledger::failure(expires);
  TokenSpec spec{.name = request.field("name"),
                 .role = *role,
                 .units = field_lines(request, "unit"),
                 .county = request.field("county"),
                 .expires = *expires};
  if (spec.name.empty()) return refuse_input("--name: say whose token it is");
  if (!is_one_line(spec.name)) return refuse_input("--name: text on one line, at most 256 bytes");
  if (is_administrator(spec.role)) {
    return refuse_input(fmt::format("--role {}: administrators hold accounts; see `account grant`",
                                    to_string(spec.role)));
  }
  auto tokens = context_.accounts->operator_tokens();
  if (!tokens) return ledger::failure(tokens);
  using enum AccountOffice::OperatorTokens;
  if (*tokens == closed || (*tokens == recovery && spec.role != Role::authority)) {
    return refuse_input(
        "an administrator for security holds or held office: a grant takes two people now; see "
        "`account grant` and `account token`. The operator alone makes one of the authority when "
        "no valid one is left");
  }
  recovers = *tokens == recovery;
  if (auto good = check_role_scope(*context_.catalog, spec); !good) return ledger::failure(good);
  return spec;
}

Result<AdminAnswer> AdminCommands::create_token(const AdminRequest& request) {
  bool recovers = false;
  auto spec = token_spec(request, recovers);
  if (!spec) return ledger::failure(spec);
  const std::string secret = new_token(*context_.random);
  Act granted = act(request, "grant");
  if (recovers) granted.text("step", "recovery");
  granted.text("credential", token_id(secret)).text("name", spec->name);
  granted.text("role", to_string(spec->role)).text("scope", scope_of(*spec));
  granted.text("expires", ledger::format_time(spec->expires));
  if (auto recorded = record(granted); !recorded) return ledger::failure(recorded);
  auto id = context_.catalog->add_token(secret, *spec, context_.clock->wall());
  if (!id) return ledger::failure(id);
  return AdminAnswer{
      .out = secret + "\n",
      .note = fmt::format("token {}: {} ({}), until {}. It is shown this once.\n", *id, spec->name,
                          scope_of(*spec), ledger::format_time(spec->expires))};
}

Result<AdminAnswer> AdminCommands::list_tokens(const AdminRequest&) {
  auto tokens = context_.catalog->tokens();
  if (!tokens) return ledger::failure(tokens);
  const auto now = context_.clock->wall();
  AdminAnswer answer{.out =
                         "id            state    role       expires                      scope  "
                         "name\n"};
  for (const auto& token : *tokens) {
    const bool own = token.account.empty();
    answer.out += fmt::format("{:<13} {:<8} {:<10} {:<28} {}  {}\n", token.id, state_of(token, now),
                              own ? to_string(token.spec.role) : "account",
                              ledger::format_time(token.spec.expires),
                              own ? scope_of(token.spec) : token.account, token.spec.name);
  }
  return answer;
}

Result<AdminAnswer> AdminCommands::revoke_token(const AdminRequest& request) {
  const std::string id = request.field("id");
  auto tokens = context_.catalog->tokens();
  if (!tokens) return ledger::failure(tokens);
  if (std::none_of(tokens->begin(), tokens->end(), [&](const auto& t) { return t.id == id; })) {
    return refuse_input(fmt::format("there is no token '{}'; see `token list`", id));
  }
  Act revoked = act(request, "revoke");
  revoked.text("credential", id).text("token", id);
  if (auto recorded = record(revoked); !recorded) return ledger::failure(recorded);
  auto done = context_.catalog->revoke_token(id);
  if (!done) return ledger::failure(done);
  return AdminAnswer{.out = fmt::format("token {} is revoked\n", id)};
}

Result<AdminAnswer> AdminCommands::create_enrol_token(const AdminRequest& request) {
  EnrolTokenSpec spec{.unit = request.field("unit"), .agent = request.field("agent")};
  auto uses = number_field(request, "uses", 1, uses_max);
  if (!uses) return ledger::failure(uses);
  auto expires = expiry(request, enrol_token_days_default);
  if (!expires) return ledger::failure(expires);
  spec.uses = *uses;
  spec.expires = *expires;
  if (!spec.agent.empty()) {
    auto agent = context_.catalog->agent(Scope::all(), spec.agent);
    if (!agent) return ledger::failure(agent);
    if (!*agent)
      return refuse_input(fmt::format("--agent '{}' was never enrolled here", spec.agent));
    if (spec.unit.empty()) spec.unit = (*agent)->unit;
  }
  if (spec.unit.empty()) return refuse_input("--unit: say to which unit the host belongs");
  auto units = context_.catalog->units(Scope::units({spec.unit}));
  if (!units) return ledger::failure(units);
  if (units->empty()) {
    return refuse_input(
        fmt::format("--unit '{}' is not in the catalog; import it with `unit import`", spec.unit));
  }
  const std::string secret = new_token(*context_.random);
  Act granted = act(request, "enrol-token");
  granted.text("token", token_id(secret)).text("unit", spec.unit).number("uses", spec.uses);
  granted.text("expires", ledger::format_time(spec.expires));
  if (!spec.agent.empty()) granted.text("agent", spec.agent);
  if (auto recorded = record(granted); !recorded) return ledger::failure(recorded);
  auto id = context_.catalog->add_enrol_token(secret, spec, context_.clock->wall());
  if (!id) return ledger::failure(id);
  return AdminAnswer{
      .out = secret + "\n",
      .note = fmt::format("enrol token {}: unit {}, {} use{}, until {}. It is shown this once.\n",
                          *id, spec.unit, spec.uses, spec.uses == 1 ? "" : "s",
                          ledger::format_time(spec.expires))};
}

Result<AdminAnswer> AdminCommands::status(const AdminRequest&) {
  const auto& verifier = context_.log->verifier();
  const auto streams = context_.log->streams();
  std::uint64_t records = 0;
  std::uint64_t hollow = 0;
  std::uint64_t forks = 0;
  for (const auto& stream : streams) {
    records += stream.state.next_record;
    hollow += stream.state.hollow;
    forks += stream.state.forks;
  }
  const std::string report = context_.keeper->status_line();
  return AdminAnswer{.out =
                         fmt::format("origin   {}\nsuite    {}\nvkey     {}\nlog      {} leaves\n"
                                     "streams  {}\nrecords  {}\nhollow   {} batches\nforks    "
                                     "{}\n{}",
                                     verifier.name(), verifier.suite().name(), verifier.vkey(),
                                     context_.log->size(), streams.size(), records, hollow, forks,
                                     report.empty() ? "" : "report   " + report + "\n")};
}

}  // namespace yunjian::collector
