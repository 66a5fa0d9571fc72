// yunjian-load fleet|ingest --collector URL --ca FILE --token-file FILE --dir DIR …
//
// The agents of tests/bench/run fleet and ingest: real identities, chains, connections and receipts
// in one process. Prints one JSON object a line; `{"step":…}` when a step is over. With --wait each
// step begins only when a line has come on standard input, so that whoever measures the collector
// knows when.
#include <fmt/format.h>
#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>
#include <mutex>
#include <thread>

#include "ledger/posix/posix_file_system.h"
#include "tests/bench/load/fleet_load.h"
#include "tests/bench/load/ingest_load.h"

namespace yunjian::load {
namespace {

struct Settings {
  Site site;
  std::string token_file;
  std::size_t agents = 4;
  std::size_t threads = 64;
  bool wait = false;
  int minutes = 10;
  int patience_s = 120;
  std::string corpus;
  std::uint64_t lines = 1'000'000;
  std::uint64_t batch = 1000;
};

void must(const ledger::Result<void>& result, std::string_view what) {
  if (result) return;
  fmt::print(stderr, "yunjian-load: {}: {}\n", what, result.error().message);
  std::exit(1);
}

template <typename T>
T must(ledger::Result<T> result, std::string_view what) {
  if (!result) must(ledger::Result<void>(failure(result)), what);
  return std::move(*result);
}

void emit(std::string_view metric, double value) {
  fmt::print("{{\"metric\":\"{}\",\"value\":{:.6}}}\n", metric, value);
}

void step_over(const Settings& settings, std::string_view step) {
  fmt::print("{{\"step\":\"{}\"}}\n", step);
  std::fflush(stdout);
  std::string line;
  if (settings.wait) std::getline(std::cin, line);
}

// Several at a time: the collector takes one after another, but the network and the keys need time.
std::vector<std::unique_ptr<LoadAgent>> enrol_all(const Settings& settings) {
  constexpr std::size_t at_a_time = 8;
  std::vector<std::unique_ptr<LoadAgent>> agents(settings.agents);
  std::atomic<std::size_t> next = 0;
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < at_a_time; ++i) {
    threads.emplace_back([&] {
      for (std::size_t mine = next++; mine < agents.size(); mine = next++) {
        agents[mine] = must(LoadAgent::enrol(settings.site, fmt::format("load-{:05}", mine)),
                            "an agent cannot enrol");
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  return agents;
}

double quantile(std::vector<double>& values, double share) {
  if (values.empty()) return 0;
  const auto at = static_cast<std::size_t>(share * static_cast<double>(values.size() - 1));
  std::ranges::nth_element(values, values.begin() + static_cast<std::ptrdiff_t>(at));
  return values[at];
}

double cpu_seconds() {
  rusage use{};
  getrusage(RUSAGE_SELF, &use);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  return seconds(use.ru_utime) + seconds(use.ru_stime);
}

void run_fleet(const Settings& settings) {
  FleetLoad load(enrol_all(settings), settings.threads);
  step_over(settings, "enrolled");
  const double before = cpu_seconds();
  FleetFigures figures = must(
      load.run(std::chrono::minutes(settings.minutes), std::chrono::seconds(settings.patience_s)),
      "the fleet stopped");
  emit("receipt_p50_s", quantile(figures.waited_s, 0.5));
  emit("receipt_p99_s", quantile(figures.waited_s, 0.99));
  emit("receipt_p999_s", quantile(figures.waited_s, 0.999));
  emit("receipt_max_s", quantile(figures.waited_s, 1));
  emit("begun_p99_s", quantile(figures.begun_s, 0.99));
  emit("batches", static_cast<double>(figures.sealed));
  emit("receipts", static_cast<double>(figures.waited_s.size()));
  emit("posts", static_cast<double>(figures.posts));
  emit("failed_posts", static_cast<double>(figures.failed_posts));
  emit("load_cpu_s", cpu_seconds() - before);
  for (const auto& [problem, count] : figures.problems) {
    fmt::print(stderr, "{} times: {}\n", count, problem);
  }
}

void run_ingest(const Settings& settings) {
  IngestLoad load(enrol_all(settings));
  must(load.seal(settings.corpus, settings.lines, settings.batch), "sealing");
  step_over(settings, "sealed");
  const auto begun = Steady::now();
  must(load.post(), "a batch was not taken");
  const std::chrono::duration<double> took = Steady::now() - begun;
  emit("wall_s", took.count());
  step_over(settings, "receipted");
}

void add_common(CLI::App& command, Settings& settings) {
  command.add_option("--collector", settings.site.url)->required();
  command.add_option("--ca", settings.site.ca_file)->required();
  command.add_option("--token-file", settings.token_file)->required();
  command.add_option("--dir", settings.site.directory, "for certificates and keys")->required();
  command.add_option("--agents", settings.agents)->check(CLI::PositiveNumber);
  command.add_flag("--wait", settings.wait);
}

int run(int argc, char** argv) {
  Settings settings;
  CLI::App app("the agents of a bench");
  app.require_subcommand(1);
  CLI::App* fleet = app.add_subcommand("fleet", "each a usage record a minute");
  add_common(*fleet, settings);
  fleet->add_option("--minutes", settings.minutes)->check(CLI::PositiveNumber);
  fleet->add_option("--threads", settings.threads)->check(CLI::PositiveNumber);
  fleet->add_option("--patience", settings.patience_s, "seconds for the last receipts");
  CLI::App* ingest = app.add_subcommand("ingest", "full batches, as fast as they are taken");
  add_common(*ingest, settings);
  ingest->add_option("--corpus", settings.corpus)->required();
  ingest->add_option("--lines", settings.lines)->check(CLI::PositiveNumber);
  ingest->add_option("--batch", settings.batch)->check(CLI::PositiveNumber);
  CLI11_PARSE(app, argc, argv);
  ledger::PosixFileSystem disk;
  const std::string token = must(disk.read_file(settings.token_file), "--token-file");
  settings.site.token = token.substr(0, token.find('\n'));
  settings.site.boot_id = ledger::read_boot_id();
  if (*fleet) run_fleet(settings);
  if (*ingest) run_ingest(settings);
  return 0;
}

}  // namespace
}  // namespace yunjian::load

int main(int argc, char** argv) { return yunjian::load::run(argc, argv); }
