#include "collector/command_line.h"

#include <fmt/format.h>

namespace yunjian::collector {

namespace {

// Making one is the command itself; the others are words behind it.
void add_enrol_tokens(CLI::App& app, CommandLine& line) {
  auto* enrol = add_command(app, line, "enrol-token",
                            "Make a token with which a host's agent enrols; printed once, alone "
                            "on standard output");
  add_field(enrol, line, "--unit", "unit to which the host belongs");
  add_field(enrol, line, "--agent", "open the next incarnation of this agent instead");
  add_field(enrol, line, "--uses", "how many hosts may enrol with it (default 1)");
  add_field(enrol, line, "--days", "days until it ends (default 7)");
  add_request(*enrol, line, "list", "List enrol tokens; their secrets are not kept");
  auto* revoke = add_request(*enrol, line, "revoke", "Make an enrol token useless at once");
  add_field(revoke, line, "id", "id as `enrol-token list` shows it")->required();
  enrol->callback([&line, enrol] {
    if (!enrol->get_subcommands().empty()) return;
    line.request.command = "enrol-token";
    line.act = [&line] { return line.send(line.config, line.request); };
  });
}

// Whoever acts is the operator of this machine, unless a token says who it is. It travels to the
// collector in the request, never in the arguments of a process.
CLI::App* add_account_request(CLI::App& parent, CommandLine& line, const std::string& name,
                              const std::string& help) {
  auto* command = add_request(parent, line, name, help);
  command->add_option("--token-file", line.token_file,
                      "act as the owner of the token in this file, not as the operator here");
  const std::string full = parent.get_name() + " " + name;
  command->callback([&line, full] {
    line.request.command = full;
    if (!line.units.empty()) {
      line.request.fields["unit"] = fmt::format("{}", fmt::join(line.units, "\n"));
    }
    line.act = [&line] { return line.send_as(line); };
  });
  return command;
}

}  // namespace

CLI::App* add_command(CLI::App& parent, CommandLine& line, const std::string& name,
                      const std::string& help) {
  CLI::App* command = parent.add_subcommand(name, help);
  command->add_option("--config", line.config, "configuration file")->capture_default_str();
  return command;
}

// A command that becomes a request; its options are fields of the same name.
CLI::App* add_request(CLI::App& parent, CommandLine& line, const std::string& name,
                      const std::string& help) {
  CLI::App* command = add_command(parent, line, name, help);
  const std::string full = parent.get_name().empty() || parent.get_parent() == nullptr
                               ? name
                               : parent.get_name() + " " + name;
  command->callback([&line, full] {
    line.request.command = full;
    if (!line.units.empty()) {
      line.request.fields["unit"] = fmt::format("{}", fmt::join(line.units, "\n"));
    }
    line.act = [&line] { return line.send(line.config, line.request); };
  });
  return command;
}

CLI::Option* add_field(CLI::App* command, CommandLine& line, const std::string& option,
                       const std::string& help) {
  const std::string name = option.starts_with("--") ? option.substr(2) : option;
  return command->add_option_function<std::string>(
      option, [&line, name](const std::string& value) { line.request.fields[name] = value; }, help);
}

void add_tokens(CLI::App& app, CommandLine& line) {
  auto* token = app.add_subcommand("token", "API tokens: create, list, revoke");
  token->require_subcommand(1);
  auto* create = add_request(*token, line, "create",
                             "Make a token; it is printed once, alone on standard output");
  add_field(create, line, "--role", "authority, county, unit or provider")->required();
  add_field(create, line, "--name", "whose token it is")->required();
  create->add_option("--unit", line.units, "unit it may see (role unit; several times)")
      ->take_all();
  add_field(create, line, "--county", "county it may see (role county)");
  add_field(create, line, "--days", "days until it ends (default 365)");
  add_request(*token, line, "list", "List tokens; their secrets are not kept");
  auto* revoke = add_request(*token, line, "revoke", "Make a token useless at once");
  add_field(revoke, line, "id", "id as `token list` shows it")->required();

  add_enrol_tokens(app, line);
}

void add_agents(CLI::App& app, CommandLine& line) {
  auto* agent = app.add_subcommand("agent", "Agents: list, revoke");
  agent->require_subcommand(1);
  add_request(*agent, line, "list", "List agents, how they stand and when their certificates end");
  auto* revoke =
      add_request(*agent, line, "revoke",
                  "End the certificate of an agent at once; its host ships again when it "
                  "was enrolled anew");
  add_field(revoke, line, "id", "agent or stream id as `agent list` shows it")->required();
  add_field(revoke, line, "--reason", "why; it becomes a record")->required();
}

void add_accounts(CLI::App& app, CommandLine& line) {
  auto* account =
      app.add_subcommand("account", "People, and what two others granted them to do and see");
  account->require_subcommand(1);
  auto* add = add_account_request(*account, line, "add", "Open an account; it may do nothing yet");
  add_field(add, line, "id", "its name for the collector: a-z 0-9 . _ -")->required();
  add_field(add, line, "--name", "the person's name")->required();
  auto* grant = add_account_request(*account, line, "grant",
                                    "Propose a grant; prints its id, which somebody else approves");
  add_field(grant, line, "id", "account that gets it")->required();
  add_field(grant, line, "--role",
            "authority, county, unit, provider, system, security, audit; or messages: a unit lets "
            "a provider operator read its log messages")
      ->required();
  grant->add_option("--unit", line.units, "unit it is about (several times)")->take_all();
  add_field(grant, line, "--county", "county it is about (role county)");
  add_field(grant, line, "--days", "days until it ends (default 365)");
  add_field(grant, line, "--reason", "why; it is sealed with the grant")->required();
  auto* approve = add_account_request(*account, line, "approve",
                                      "Approve what somebody else proposed (with --token-file)");
  add_field(approve, line, "id", "id of the grant")->required();
  auto* token = add_account_request(*account, line, "token",
                                    "Make a token of an account; printed once, alone on standard "
                                    "output");
  add_field(token, line, "id", "account")->required();
  add_field(token, line, "--days", "days until it ends (default 90)");
  auto* certificate = add_account_request(
      *account, line, "certificate", "Issue a client certificate of an account; printed as PEM");
  add_field(certificate, line, "id", "account")->required();
  certificate->add_option("--csr", line.csr_file, "certificate request, PEM")->required();
  add_field(certificate, line, "--days", "days until it ends (default 90)");
  auto* revoke = add_account_request(*account, line, "revoke", "End a grant, or close an account");
  add_field(revoke, line, "id", "id of the grant, or the account")->required();
  add_account_request(*account, line, "list", "List accounts and grants");
}

}  // namespace yunjian::collector
