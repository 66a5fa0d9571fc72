#include <fmt/format.h>
#include <signal.h>
#include <sys/stat.h>

#include <cstdio>
#include <cstdlib>

#include "collector/catalog/registry.h"
#include "collector/collector.h"
#include "collector/command_line.h"
#include "collector/init.h"
#include "collector/tokens.h"
#include "collector/upkeep.h"
#include "ledger/base/bytes.h"
#include "ledger/posix/posix_file_system.h"
#include "ledger/posix/secrecy.h"
#include "ledger/posix/service_manager.h"
#include "ledger/posix/system_clock.h"

namespace {

using namespace yunjian;
using collector::add_command;
using collector::add_field;
using collector::add_request;
using collector::AdminRequest;
using collector::CommandLine;

constexpr int exit_good = 0;
constexpr int exit_failed = 1;
constexpr int exit_usage = 64;

void say(std::string_view line) { fmt::print(stderr, "yunjian-collector: {}\n", line); }

int report(const ledger::Error& error) {
  say(error.message);
  return exit_failed;
}

// The real file system, clock and random source, as every command uses them.
struct System {
  ledger::PosixFileSystem files;
  ledger::SystemClock clock;
  ledger::SystemRandom random;
  collector::OwnStream::Tools tools() { return {.files = files, .clock = clock, .random = random}; }
};

ledger::Result<collector::CollectorConfig> load_config(System& system, const std::string& path) {
  auto text = system.files.read_file(path);
  if (!text) return ledger::failure(text, "reading the configuration");
  return collector::parse_config(*text, path);
}

ledger::Result<std::unique_ptr<collector::Collector>> open_collector(
    System& system, const collector::CollectorConfig& config) {
  return collector::Collector::open(
      system.tools(),
      {.config = config,
       .boot_id = ledger::read_boot_id(),
       .on_fatal = [](const ledger::Error& error) {
         say(fmt::format("fatal, nothing is acknowledged any more: {}", error.message));
         // Other threads may be stuck in the same fault: nothing is unwound.
         std::_Exit(exit_failed);
       }});
}

// ---- init, check, serve

// Goes on as the owner of the data, whose secrets nobody else may read: not in files, not in
// memory.
ledger::Result<void> enter_data(const std::string& data) {
  if (auto became = ledger::become_owner(data); !became) return became;
  ledger::keep_memory_secret();
  return ledger::check_secret_files(collector::DataDirectory{data}.secrets());
}

int check(const std::string& config_path) {
  System system;
  const auto config = load_config(system, config_path);
  if (!config) return report(config.error());
  if (auto entered = enter_data(config->data); !entered) return report(entered.error());
  const collector::DataDirectory directory{config->data};
  auto facts = collector::read_log_facts(system.files, directory.log_facts());
  if (!facts) return report(facts.error());
  auto key = collector::read_log_key(system.files, directory, *facts);
  if (!key) return report(key.error());
  auto anchor = system.files.exists(config->anchor);
  if (!anchor) return report(anchor.error());
  if (!*anchor) {
    say(
        fmt::format("anchor {} is not there: without it nobody knows whether the log went back in "
                    "time; bring it back, serve will not start without it",
                    config->anchor));
    return exit_failed;
  }
  auto pair = collector::load_pair(system.files, {directory.tls(), "server"});
  if (!pair) return report(pair.error());
  if (config->ingest_urls.empty()) {
    say("note: [ingest] urls is not set; agents get https://NAME:PORT by the server's first name");
  }
  fmt::print("good: log {} in {}\n", facts->origin, config->data);
  return exit_good;
}

// Steps until a signal asks to stop. Errors of a step are told once each.
int run_until_signal(collector::Collector& collector, ledger::ServiceManager& service,
                     const sigset_t& signals) {
  const ledger::SystemClock clock;
  std::string told;
  for (;;) {
    service.alive(clock.boot());
    const timespec second{.tv_sec = 1, .tv_nsec = 0};
    const int signal = ::sigtimedwait(&signals, nullptr, &second);
    if (signal > 0) {
      say(fmt::format("stopping ({})", signal == SIGTERM ? "SIGTERM" : "SIGINT"));
      return exit_good;
    }
    const auto stepped = collector.step();
    if (stepped) continue;
    if (stepped.error().kind == ledger::ErrorKind::fatal) return report(stepped.error());
    if (stepped.error().message != told) say(told = stepped.error().message);
  }
}

int serve(const std::string& config_path, const sigset_t& signals) {
  System system;
  const auto config = load_config(system, config_path);
  if (!config) return report(config.error());
  if (auto entered = enter_data(config->data); !entered) return report(entered.error());
  auto collector = open_collector(system, *config);
  if (!collector) return report(collector.error());
  for (const auto& line : (*collector)->recovered()) say(line);
  if (auto served = (*collector)->serve(); !served) return report(served.error());
  say(fmt::format("log {} of {} leaves; ingest on {}:{}, api on {}:{}; CA fingerprint {}",
                  (*collector)->log().verifier().name(), (*collector)->log().size(),
                  config->ingest_listen.address, (*collector)->ingest_port(),
                  config->api_listen.address, (*collector)->api_port(),
                  (*collector)->authority().fingerprint()));
  auto service = ledger::ServiceManager::from_environment();
  service.ready();
  const int ended = run_until_signal(**collector, service, signals);
  service.stopping();
  if (auto stopped = (*collector)->stop(); !stopped) return report(stopped.error());
  say("stopped");
  return ended;
}

// ---- commands that go to the running collector, or to its data

// The directories that `name` stands in below `directory`.
ledger::Result<void> make_parents(System& system, const std::string& directory,
                                  const std::string& name) {
  for (auto slash = name.find('/'); slash != std::string::npos; slash = name.find('/', slash + 1)) {
    const std::string path = ledger::join_path(directory, name.substr(0, slash));
    if (auto made = system.files.make_directory(path, 0755); !made) return made;
  }
  return {};
}

ledger::Result<void> write_answer_file(System& system, const std::string& directory,
                                       const std::string& name, const std::string& bytes) {
  if (auto made = system.files.make_directory(directory, 0755); !made) return made;
  if (auto made = make_parents(system, directory, name); !made) return made;
  return ledger::replace_file(system.files, ledger::join_path(directory, name), bytes, 0644);
}

int print_answer(System& system, const collector::AdminAnswer& answer, const std::string& out) {
  const std::string directory = out.empty() ? "." : out;
  for (const auto& [name, bytes] : answer.files) {
    if (auto wrote = write_answer_file(system, directory, name, bytes); !wrote) {
      return report(wrote.error());
    }
    say("wrote " + ledger::join_path(directory, name));
  }
  for (const auto& [name, path] : answer.copies) {
    auto bytes = system.files.read_file(path);
    if (!bytes) return report(bytes.error());
    if (auto wrote = write_answer_file(system, directory, name, *bytes); !wrote) {
      return report(wrote.error());
    }
    say("wrote " + ledger::join_path(directory, name));
  }
  fmt::print("{}", answer.out);
  std::fflush(stdout);
  fmt::print(stderr, "{}", answer.note);
  return exit_good;
}

int run_here(System& system, const collector::CollectorConfig& config, AdminRequest request) {
  request.who = collector::local_operator();
  if (auto entered = enter_data(config.data); !entered) return report(entered.error());
  auto collector = open_collector(system, config);
  if (!collector) return report(collector.error());
  for (const auto& line : (*collector)->recovered()) say(line);
  const auto answer = (*collector)->admin().run(request);
  if (auto stopped = (*collector)->stop(); !stopped) return report(stopped.error());
  if (!answer) return report(answer.error());
  return print_answer(system, *answer, request.field("out"));
}

int run_command(const std::string& config_path, const AdminRequest& request) {
  System system;
  const auto config = load_config(system, config_path);
  if (!config) return report(config.error());
  auto answer =
      collector::ask_admin(collector::DataDirectory{config->data}.admin_socket(), request);
  if (!answer) return report(answer.error());
  if (*answer) return print_answer(system, **answer, request.field("out"));
  return run_here(system, *config, request);
}

int import_list(const std::string& config_path, AdminRequest request) {
  System system;
  auto text = system.files.read_file(request.field("file"));
  if (!text) return report(text.error());
  request.fields["sha256"] = ledger::to_hex(ledger::as_view(ledger::sha256(*text)));
  request.fields["csv"] = std::move(*text);
  return run_command(config_path, request);
}

// ---- the files themselves

// Runs a command of upkeep.h as the owner of the data, and prints what `tell` makes of its result.
template <typename Work, typename Tell>
int look_after(const std::string& config_path, const Work& work, const Tell& tell) {
  System system;
  const auto config = load_config(system, config_path);
  if (!config) return report(config.error());
  if (auto became = ledger::become_owner(config->data); !became) return report(became.error());
  const auto tools = system.tools();
  const auto done =
      work(collector::UpkeepTools{.system = tools,
                                  .config = *config,
                                  .open = [&] { return open_collector(system, *config); },
                                  .say = say});
  if (!done) return report(done.error());
  tell(*done);
  return exit_good;
}

int back_up(const std::string& config_path, const AdminRequest& request) {
  const auto work = [&](const auto& tools) { return collector::back_up(tools, request); };
  return look_after(config_path, work, [](const auto& done) {
    fmt::print("{}\n", done.path);
    say(collector::told(done));
  });
}

int repair(const std::string& config_path, const AdminRequest& request) {
  const auto work = [&](const auto& tools) { return collector::repair_store(tools, request); };
  return look_after(config_path, work,
                    [](const auto& done) { fmt::print("{}\n", collector::told(done)); });
}

// ---- the command line

int init(const CommandLine& line) {
  const collector::InitOptions& options = line.init;
  System system;
  auto suite = ledger::find_suite(line.suite);
  if (!suite) return report(suite.error());
  auto with_suite = options;
  with_suite.suite = *suite;
  if (!line.successor_of.empty()) {
    auto checkpoint = system.files.read_file(line.successor_of);
    if (!checkpoint) return report(checkpoint.error());
    with_suite.successor_of = std::move(*checkpoint);
  }
  while (with_suite.data.size() > 1 && with_suite.data.ends_with('/')) with_suite.data.pop_back();
  if (auto became = ledger::become_owner(with_suite.data); !became) return report(became.error());
  const auto made = collector::init_collector(system.tools(), with_suite);
  if (!made) return report(made.error());
  fmt::print(
      "data            {}\n"
      "anchor          {}\n"
      "origin          {}\n"
      "suite           {}\n"
      "vkey            {}\n"
      "ca fingerprint  {}\n"
      "server names    {}\n"
      "first token     {} (authority, {} days)\n",
      options.data, options.anchor, options.origin, line.suite, made->vkey, made->ca_fingerprint,
      fmt::join(made->names, " "), made->token_path, collector::token_days_default);
  say("give the vkey to the authority out of band, and the CA fingerprint to whoever enrols hosts");
  return exit_good;
}

int run_as(CommandLine& line) {
  if (!line.token_file.empty()) {
    System system;
    auto secret = system.files.read_file(line.token_file);
    if (!secret) return report(secret.error());
    while (secret->ends_with('\n')) secret->pop_back();
    line.request.fields["as-token"] = *secret;
  }
  if (!line.csr_file.empty()) {
    System system;
    auto csr = system.files.read_file(line.csr_file);
    if (!csr) return report(csr.error());
    line.request.fields["csr"] = *csr;
  }
  return run_command(line.config, line.request);
}

void add_init(CLI::App& app, CommandLine& line) {
  auto* init_command = app.add_subcommand(
      "init", "Make the data directory of a new log: keys, CA, server certificate, first token");
  init_command->add_option("--data", line.init.data, "directory to be made")->required();
  init_command
      ->add_option("--origin", line.init.origin,
                   "name of the log, such as log.example.gov.cn/yunjian; for ever")
      ->required();
  init_command
      ->add_option("--anchor", line.init.anchor,
                   "file outside the data directory, best on another disk, that remembers the "
                   "newest checkpoint")
      ->required();
  init_command
      ->add_option("--name", line.init.names,
                   "DNS name or IP address under which the collector is reached; may be "
                   "given several times (default: this host's name and the loopback)")
      ->take_all();
  init_command->add_option("--successor-of", line.successor_of,
                           "file with the newest checkpoint known of a log that lost signed "
                           "leaves: the new log goes on for it; needs --ca-from");
  init_command->add_option("--ca-from", line.init.ca_from,
                           "that log's data directory, or a backup of it with tls/ and log.json");
  init_command->add_option("--suite", line.suite, "algorithms of the log")->capture_default_str();
  init_command->callback([&line] { line.act = [&line] { return init(line); }; });
}

CLI::App* add_import(CLI::App& parent, CommandLine& line, const std::string& help) {
  auto* command = add_request(parent, line, "import", help);
  add_field(command, line, "file", "CSV or JSON file")->required();
  const std::string full = parent.get_name() + " import";
  command->callback([&line, full] {
    line.request.command = full;
    line.act = [&line] { return import_list(line.config, line.request); };
  });
  return command;
}

void add_dry_run(CLI::App& import, CommandLine& line) {
  import.add_flag_callback(
      "--dry-run", [&line] { line.request.fields["dry-run"] = "yes";
},
      "Only check the file and say what would change");
}  // namespace

void add_inventory(CLI::App& app, CommandLine& line) {
  auto* inventory = app.add_subcommand(
      "inventory",
      "Systems, sizes, agreements, exemptions, incidents, drills … (--kind says which)");
  inventory->require_subcommand(1);
  std::string kinds;
  for (const auto& kind : collector::registry_kinds()) {
    kinds += fmt::format("{}{}", kinds.empty() ? "" : ", ", kind.key);
  }
  auto* import =
      add_import(*inventory, line,
                 "Import entries of one kind from CSV or JSON; a later one with the same "
                 "id takes the place of the earlier");
  add_field(import, line, "--kind", kinds)->required();
  add_dry_run(*import, line);
  auto* out = add_request(*inventory, line, "export", "Print all entries of one kind");
  add_field(out, line, "--kind", kinds)->required();
  add_field(out, line, "--format", "csv (default) or json");
}

// `unit` or `host`, with import and export.
CLI::App* add_list(CLI::App& app, CommandLine& line, const std::string& name,
                   const std::string& fields) {
  const bool units = name == "unit";
  auto* list = app.add_subcommand(name, units ? "Units (使用单位)" : "Hosts (云主机)");
  list->require_subcommand(1);
  const std::string what = units ? "units" : "hosts";
  auto* import = add_import(*list, line,
                            fmt::format("Import {} from CSV with the header {}, or from JSON with "
                                        "these fields",
                                        what, fields));
  add_dry_run(*import, line);
  auto* out = add_request(*list, line, "export", fmt::format("Print all {}", what));
  add_field(out, line, "--format", "csv (default) or json");
  return list;
}

void add_lists_and_reports(CLI::App& app, CommandLine& line) {
  add_list(app, line, "unit", "id,name,county");
  auto* host = add_list(app, line, "host", "id,unit,system,name,vcpus,memory_gb,purpose,address");
  auto* retire = add_request(*host, line, "retire",
                             "Say in the log that a host is gone and its silence is meant");
  add_field(retire, line, "--agent", "its agent id, as /v1/hosts shows it")->required();
  auto* hold = app.add_subcommand("hold", "Legal holds: records that retention keeps");
  hold->require_subcommand(1);
  auto* set =
      add_request(*hold, line, "set", "Keep records until the hold is lifted; prints its id");
  add_field(set, line, "--unit", "of this unit (default: of all)");
  add_field(set, line, "--host", "of this host (default: of all)");
  add_field(set, line, "--from", "committed on this day (UTC) or later, YYYY-MM-DD");
  add_field(set, line, "--to", "committed on this day or earlier");
  add_field(set, line, "--reason", "why; it becomes a record")->required();
  add_request(*hold, line, "list", "List holds, lifted ones too");
  auto* lift = add_request(*hold, line, "lift", "End a hold; what is due goes with the next purge");
  add_field(lift, line, "id", "id as `hold list` shows it")->required();
  add_field(lift, line, "--reason", "why; it becomes a record")->required();
  auto* reports = app.add_subcommand("report", "Monthly reports");
  reports->require_subcommand(1);
  auto* build = add_request(
      *reports, line, "build",
      "Build the monthly pack: 云资源利用情况表, 优化建议, 运行维护报告, 安全报告 as XLSX, "
      "PDF, HTML, JSON and CSV; judges the month when it is over");
  add_field(build, line, "--month", "YYYY-MM, in +08:00")->required();
  add_field(build, line, "--out",
            "directory for the files (default: none is copied; the pack of a month that is over "
            "stays in reports/MONTH of the data directory)");
  add_field(build, line, "--lang",
            "zh (default), or en: English files are made and signed too, and copied");
  build->add_flag_callback(
      "--all", [&line] { line.request.fields["all"] = "yes"; },
      "Also a pack for each county and each unit, in directories of their own");
}

void add_service(CLI::App& app, CommandLine& line, const sigset_t& signals) {
  auto* serve_command =
      add_command(app, line, "serve", "Run the collector until SIGTERM or SIGINT");
  serve_command->callback(
      [&line, &signals] { line.act = [&line, &signals] { return serve(line.config, signals); }; });
  auto* check_command =
      add_command(app, line, "check", "Check configuration, keys and anchor without starting");
  check_command->callback([&line] { line.act = [&line] { return check(line.config); }; });
  auto* backup = add_request(app, line, "backup",
                             "Copy the data directory as it is at this moment, also while `serve` "
                             "runs; what the copy before has takes no room again");
  add_field(backup, line, "--to", "directory of the copies (default: [backup] directory)");
  add_field(backup, line, "--keep", "how many copies stay (default: [backup] keep, 7)");
  backup->callback([&line] { line.act = [&line] { return back_up(line.config, line.request); }; });
  add_request(app, line, "status", "Show the log, its streams and what is missing");
  auto* verify =
      add_request(app, line, "verify",
                  "Read everything again and compare; the authority uses `yunjian-audit verify`");
  verify->add_flag_callback(
      "--repair", [&line] { line.request.fields["repair"] = "yes"; },
      "Mend damaged files while no `serve` runs: indexes and columns from the bodies; what was "
      "damaged is kept in quarantine/");
  add_field(verify, line, "--from", "a backup that files may be taken from")->needs("--repair");
  verify->callback([&line] {
    const bool mends = !line.request.field("repair").empty();
    line.request.command = "verify";
    line.act = [&line, mends] {
      return mends ? repair(line.config, line.request) : run_command(line.config, line.request);
    };
  });
}

int run(int argc, char** argv, const sigset_t& signals) {
  CLI::App app(
      "Yunjian collector: takes sealed batches of agents, keeps them as evidence, answers the "
      "audit "
      "API and builds the monthly reports.\nWhile `serve` runs, the other commands reach it "
      "through "
      "admin.sock in its data directory; otherwise they work on the data themselves.",
      "yunjian-collector");
  app.require_subcommand(1);
  app.set_version_flag("--version", std::string(YUNJIAN_VERSION));
  app.footer("Exit codes: 0 done, 1 failed, 64 wrong usage.");
  CommandLine line;
  line.send = run_command;
  line.send_as = run_as;
  add_init(app, line);
  add_service(app, line, signals);
  collector::add_tokens(app, line);
  collector::add_agents(app, line);
  collector::add_accounts(app, line);
  add_lists_and_reports(app, line);
  add_inventory(app, line);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? exit_good : exit_usage;
  }
  return line.act();
}

}  // namespace

int main(int argc, char** argv) {
  ::umask(0077);
  ledger::keep_memory_secret();
  // Blocked before any thread begins, so that only sigtimedwait() takes them.
  sigset_t signals;
  ::sigemptyset(&signals);
  ::sigaddset(&signals, SIGTERM);
  ::sigaddset(&signals, SIGINT);
  ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
  try {
    return run(argc, argv, signals);
  } catch (const std::exception& error) {
    say(error.what());
    return exit_failed;
  }
}
