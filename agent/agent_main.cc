#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <iostream>

#include "agent/check.h"
#include "agent/config.h"
#include "agent/enrol.h"
#include "agent/runner.h"
#include "agent/status.h"
#include "agent/token_file.h"
#include "ledger/posix/posix_file_system.h"
#include "ledger/posix/secrecy.h"
#include "ledger/posix/service_manager.h"
#include "ledger/posix/system_clock.h"

namespace {

using namespace yunjian;

constexpr int exit_good = 0;
constexpr int exit_failed = 1;
constexpr int exit_incomplete = 2;
constexpr int exit_usage = 64;
constexpr const char* version = YUNJIAN_VERSION;

void log_line(const std::string& line) { fmt::print(stderr, "yunjian-agent: {}\n", line); }

int report(const ledger::Error& error) {
  log_line(error.message);
  return exit_failed;
}

std::string host_name() {
  char name[256] = {};
  if (::gethostname(name, sizeof name - 1) != 0) return {};
  std::string host = name;
  for (char& c : host) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + ('a' - 'A'));
  }
  return host;
}

struct EnrolArguments {
  agent::EnrolOptions options;
  std::string token_file;
  std::string collector;
  std::string proxy;
};

int enrol(const EnrolArguments& arguments) {
  ledger::PosixFileSystem files;
  agent::EnrolOptions options = arguments.options;
  // Before the user changes: it is the caller's file.
  if (!arguments.token_file.empty()) {
    auto token = agent::read_token(files, arguments.token_file, std::cin);
    if (!token) return report(token.error());
    options.token = std::move(*token);
  }
  if (auto became = ledger::become_owner(options.state); !became) return report(became.error());
  ledger::SystemClock clock;
  ledger::SystemRandom random;
  const auto server = agent::make_enrol_server(arguments.collector, arguments.proxy, clock);
  const auto identity = agent::enrol(
      options, {.files = &files, .random = &random, .clock = &clock, .server = server.get()});
  if (!identity) return report(identity.error());
  fmt::print("enrolled as {}\nhost        {} (unit {})\nlog         {}\n", identity->stream(),
             identity->host, identity->unit, identity->origin);
  return exit_good;
}

ledger::Result<agent::AgentConfig> load_config(const std::string& path) {
  ledger::PosixFileSystem files;
  auto text = files.read_file(path);
  if (!text) return failure(text);
  return agent::parse_config(*text, path);
}

int run(const std::string& config_path) {
  const auto config = load_config(config_path);
  if (!config) return report(config.error());
  if (auto became = ledger::become_owner(config->state); !became) return report(became.error());
  ledger::keep_memory_secret();
  const agent::StatePaths paths(config->state);
  const std::vector<std::string> secrets = {paths.pending, paths.ratchet, paths.tls_key,
                                            paths.tls_next_key};
  if (auto good = ledger::check_secret_files(secrets); !good) return report(good.error());
  const auto ended = agent::run_agent({.config = *config,
                                       .reload = [&] { return load_config(config_path); },
                                       .version = version,
                                       .log = log_line});
  return ended ? exit_good : report(ended.error());
}

int check(const std::string& config_path) {
  const auto config = load_config(config_path);
  if (!config) return report(config.error());
  fmt::print("{}", agent::describe_config(*config));
  // Root can read what the service cannot.
  if (auto became = ledger::become_owner(config->state); !became) return report(became.error());
  const auto sources = agent::check_sources(*config);
  fmt::print("\nnow, as this user finds it:\n{}\n", sources.text);
  ledger::PosixFileSystem files;
  const auto identity = agent::read_identity(files, agent::StatePaths(config->state));
  if (!identity) return report(identity.error());
  for (const std::string& url : identity->ingest) {
    if (config->urls.empty()) fmt::print("ship to  {}\n", url);
  }
  fmt::print("enrolled {} for host {}\n", identity->stream(), identity->host);
  if (sources.complete) return exit_good;
  log_line("the configuration is right, but something that it names cannot be read, see above");
  return exit_incomplete;
}

int status(const std::string& config_path) {
  const auto config = load_config(config_path);
  if (!config) return report(config.error());
  if (auto became = ledger::become_owner(config->state); !became) return report(became.error());
  ledger::PosixFileSystem files;
  const agent::StatePaths paths(config->state);
  const auto identity = agent::read_identity(files, paths);
  if (!identity) return report(identity.error());
  const bool running = !agent::lock_state(files, paths);
  const auto text = agent::describe_status(files, paths, *identity, running);
  if (!text) return report(text.error());
  fmt::print("{}", *text);
  return exit_good;
}

}  // namespace

int main(int argc, char** argv) {
  ledger::keep_memory_secret();
  CLI::App app("Yunjian agent: seals this host's usage and logs and ships them to the collector");
  app.set_version_flag("--version", std::string(version));
  app.require_subcommand(1);
  EnrolArguments enrolment{.options = {}, .token_file = {}, .collector = {}, .proxy = {}};
  enrolment.options.host = host_name();
  CLI::App* enrol_command =
      app.add_subcommand("enrol", "make this host known to a collector; repeatable");
  enrol_command->add_option("--collector", enrolment.collector, "api URL: https://host:8444")
      ->required();
  auto* token_file = enrol_command->add_option("--token-file", enrolment.token_file,
                                               "file with the token that yunjian-collector "
                                               "enrol-token printed; - is standard input");
  auto* token =
      enrol_command->add_option("--token", enrolment.options.token,
                                "the token itself; whoever lists processes sees it there");
  token_file->excludes(token);
  enrol_command->callback([token, token_file] {
    if (token->count() + token_file->count() == 0) throw CLI::RequiredError("--token-file");
  });
  enrol_command
      ->add_option("--ca-fingerprint", enrolment.options.ca_fingerprint,
                   "SHA-256 of the collector's CA certificate, hex")
      ->required();
  enrol_command->add_option("--state", enrolment.options.state, "state directory, made if absent")
      ->required();
  enrol_command->add_option("--host", enrolment.options.host, "this host's name in all reports")
      ->capture_default_str();
  enrol_command->add_option("--proxy", enrolment.proxy, "proxy URL, if one is needed");
  enrol_command->add_option("--suite", enrolment.options.suite, "insist on this suite of the log");

  std::string config;
  CLI::App* run_command = app.add_subcommand("run", "run until SIGTERM");
  CLI::App* check_command =
      app.add_subcommand("check", "check the configuration and say what it does");
  CLI::App* status_command = app.add_subcommand("status", "what the agent has sealed and shipped");
  for (CLI::App* command : {run_command, check_command, status_command}) {
    command->add_option("--config", config, "agent.toml")->required();
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& problem) {
    return app.exit(problem) == 0 ? exit_good : exit_usage;
  }
  if (*enrol_command) return enrol(enrolment);
  if (*run_command) return run(config);
  if (*check_command) return check(config);
  return status(config);
}
