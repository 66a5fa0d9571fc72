// fleet_seed --config collector.toml --hosts N --last YYYY-MM [--months K] --lists DIR
//
// Fills the log of a collector that does not run with the months of a fleet, as its agents would
// have sealed them: one batch a host and day with 24 usage_hour records, a few log records and one
// usage record that tells of file systems. (An agent that runs seals each minute; for months that
// are over the hours are what reports are made from.) Keys, chain, roots and signatures are those
// of the ledger; the collector's clock is put to the end of each day. DIR gets the lists to be
// imported, and planted.csv: what each host is.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdlib>
#include <map>
#include <set>

#include "collector/config.h"
#include "collector/data_directory.h"
#include "collector/init.h"
#include "collector/query/record_deriver.h"
#include "collector/store/evidence_log.h"
#include "ledger/leaves.h"
#include "ledger/posix/posix_file_system.h"
#include "ledger/posix/system_clock.h"
#include "ledger/ratchet.h"
#include "ledger/testing/memory_file_system.h"
#include "ledger/testing/seeded_random.h"
#include "tests/bench/fleet/fleet_plan.h"
#include "tests/bench/fleet/hour_pool.h"

namespace yunjian::fleet {
namespace {

using collector::EvidenceLog;
using ledger::require;
using ledger::Time;

constexpr std::size_t commit_entries = 256;
constexpr const char* boot_id = "0f8fad5b-d9cb-469f-a165-70867728950e";

template <typename T>
T must(ledger::Result<T> result, const char* what) {
  if (result) return std::move(*result);
  fmt::print(stderr, "fleet_seed: {}: {}\n", what, result.error().message);
  std::exit(1);
}
void must(const ledger::Result<void>& result, const char* what) {
  if (result) return;
  fmt::print(stderr, "fleet_seed: {}: {}\n", what, result.error().message);
  std::exit(1);
}

class SetClock : public ledger::Clock {
 public:
  Time wall() const override { return now; }
  std::chrono::milliseconds boot() const override {
    return std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch());
  }
  Time now{};
};

struct Settings {
  std::string config;
  std::string lists;
  std::string last;
  std::string origin;  // of a new log; empty: there is one
  std::string suite = "ed25519-sha256";
  std::size_t hosts = 30;
  int months = 3;
};

// Hosts that hardly do anything, or only as if.
Level quiet_level(Role role, bool day) {
  switch (role) {
    case Role::low:
    case Role::agreed:
    case Role::exempted:
      return {.cpu = day ? 110U : 40U,
              .cpu_spread = 40,
              .memory = 250,
              .net_in = 20'000,
              .net_out = 15'000,
              .disk_bytes = 9'000,
              .disk_iops = 8};
    case Role::faked:
      return {.cpu = 250,
              .cpu_spread = 12,
              .memory = 300,
              .net_in = 400,
              .net_out = 250,
              .disk_bytes = 900,
              .disk_iops = 1};
    case Role::wrong_shape:
      return {.cpu = day ? 90U : 40U,
              .cpu_spread = 35,
              .memory = 770,
              .net_in = 40'000,
              .net_out = 60'000,
              .disk_bytes = 30'000,
              .disk_iops = 20};
    default:
      return {.cpu = 14,
              .cpu_spread = 12,
              .memory = 180,
              .net_in = 300,
              .net_out = 160,
              .disk_bytes = 2'000,
              .disk_iops = 1};
  }
}

// The hour's level: `day` between 8 and 18 o'clock of a working weekday, `night` else.
Level level_of(Role role, rules::Date date, int hour, rules::Date last_day) {
  const auto weekday = std::chrono::weekday(std::chrono::sys_days(date)).iso_encoding();
  const bool day = weekday <= 5 && hour >= 8 && hour < 18;
  const bool end =
      std::chrono::sys_days(last_day) - std::chrono::sys_days(date) < std::chrono::days(3);
  const Level night{.cpu = 90,
                    .cpu_spread = 60,
                    .memory = 560,
                    .net_in = 20'000,
                    .net_out = 30'000,
                    .disk_bytes = 40'000,
                    .disk_iops = 12};
  Level busy = night;
  busy.cpu = 330;
  busy.cpu_spread = 110;
  busy.net_in = 400'000;
  busy.net_out = 900'000;
  busy.disk_iops = 60;
  switch (role) {
    case Role::month_end:
      if (day && end) busy.cpu = 760;
      return day ? busy : night;
    case Role::low:
    case Role::agreed:
    case Role::exempted:
    case Role::idle:
    case Role::standby:
    case Role::faked:
    case Role::wrong_shape:
      return quiet_level(role, day);
    case Role::starving:
      return {.cpu = day ? 850U : 520U,
              .cpu_spread = 40,
              .memory = 720,
              .net_in = 900'000,
              .net_out = 1'500'000,
              .disk_bytes = 800'000,
              .disk_iops = 180};
    case Role::severe:
      return {.cpu = day ? 960U : 700U,
              .cpu_spread = 30,
              .memory = 800,
              .net_in = 900'000,
              .net_out = 1'500'000,
              .disk_bytes = 800'000,
              .disk_iops = 240};
    default:
      return day ? busy : night;
  }
}

// People log in to hosts that are used.
bool has_logins(Role role) {
  return role != Role::idle && role != Role::standby && role != Role::faked && role != Role::off;
}

std::string event_line(Time time, std::string_view program, std::string_view message) {
  std::string line;
  ledger::RecordWriter writer(line, time, "event");
  writer.text("source", "journal").integer("severity", 6).text("process.name", program);
  writer.message(message).finish();
  return line;
}

// Its samples were not kept; it tells how full the file systems are.
std::string disks_line(Time time, double used) {
  std::string line;
  ledger::RecordWriter writer(line, time, "usage");
  writer.decimal("fs.used./", used).decimal("fs.used./boot", 23.4);
  writer.finish();
  return line;
}

class Seeder {
 public:
  Seeder(const Settings& settings, Plan plan)
      : settings_(settings), plan_(std::move(plan)), random_(4711) {}

  void run() {
    if (!settings_.origin.empty()) init();
    open();
    clock_.now = rules::month_begin(plan_.first) - std::chrono::days(40);
    for (const PlannedHost& host : plan_.hosts) {
      if (host.role != Role::fresh) enrol(host);
    }
    flush();
    for (auto month = plan_.first; month <= plan_.last; month += std::chrono::months(1)) {
      seal_month(month);
    }
    while (must(log_->file_step(), "filing")) {
    }
    log_.reset();
    for (const auto& [name, text] : plan_files(plan_)) {
      must(ledger::replace_file(files_, ledger::join_path(settings_.lists, name), text, 0644),
           "list");
    }
    fmt::print(
        "{{\"hosts\":{},\"batches\":{},\"hours\":{},\"mean_hour_bytes\":{},"
        "\"mean_cpu_bins\":{}}}\n",
        plan_.hosts.size(), batches_, hours_, mean(hour_bytes_), mean(cpu_bins_));
  }

 private:
  std::uint64_t mean(std::uint64_t of_hours) const { return hours_ == 0 ? 0 : of_hours / hours_; }

  struct Agent {
    std::unique_ptr<ledger::Ratchet> ratchet;
    std::size_t number = 0;
  };

  collector::CollectorConfig config() {
    const std::string text = must(files_.read_file(settings_.config), "configuration");
    return must(collector::parse_config(text, settings_.config), "configuration");
  }

  // A log that begins before its hosts do: times of a log do not go back.
  void init() {
    ledger::SystemClock now;
    ledger::SystemRandom keys;
    clock_.now = rules::month_begin(plan_.first) - std::chrono::days(42);
    const auto collector = config();
    const ledger::Suite* suite = must(ledger::find_suite(settings_.suite), "--suite");
    must(collector::init_collector({files_, clock_, keys}, {.data = collector.data,
                                                            .origin = settings_.origin,
                                                            .anchor = collector.anchor,
                                                            .names = {"localhost", "127.0.0.1"},
                                                            .suite = suite,
                                                            .issued = now.wall()}),
         "init");
  }

  void open() {
    const auto collector = config();
    const collector::DataDirectory directory{collector.data};
    const auto facts =
        must(collector::read_log_facts(files_, directory.log_facts()), "data directory");
    lock_ = must(files_.lock(directory.lock()), "the collector must not run");
    origin_ = facts.origin;
    suite_ = facts.suite;
    must(memory_.make_directory("/state", 0700), "state");
    clock_.now = rules::month_begin(plan_.first) - std::chrono::days(41);
    log_ = must(EvidenceLog::open(files_, clock_,
                                  {.directory = directory.root,
                                   .anchor_path = collector.anchor,
                                   .origin = facts.origin,
                                   .suite = facts.suite,
                                   .deriver = &deriver_,
                                   .on_fatal =
                                       [](const ledger::Error& error) {
                                         fmt::print(stderr, "fleet_seed: {}\n", error.message);
                                         std::exit(1);
                                       }},
                                  must(collector::read_log_key(files_, directory, facts), "key")),
                "log");
    hasher_ = suite_->hasher();
    must(files_.make_directory(settings_.lists, 0755), "lists");
  }

  void enrol(const PlannedHost& host) {
    std::string id(16, '\0');
    random_.fill(std::span(reinterpret_cast<std::uint8_t*>(id.data()), id.size()));
    const auto first = must(suite_->generate(random_), "key");
    ledger::Enrolment enrolment{.origin = origin_, .agent = ledger::to_hex(id)};
    enrolment.unit = host.unit;
    enrolment.host = host.id;
    enrolment.suite = suite_->name();
    enrolment.first_key = first->public_key();
    enrolment.enrolled = clock_.now;
    const std::string text = ledger::format_enrolment(enrolment);
    const ledger::Verifier agent(*suite_, ledger::agent_key_name(origin_, enrolment.agent),
                                 first->public_key());
    const std::string leaf =
        ledger::format_note(text, {must(log_->sign(text), "signature"),
                                   must(ledger::sign_line(agent, *first, text), "signature")});
    auto ratchet = ledger::Ratchet::create(
        memory_, "/state/" + host.id, {origin_, enrolment.agent, 1, hasher_->leaf(leaf)}, *first);
    agents_[host.id] = {std::make_unique<ledger::Ratchet>(must(std::move(ratchet), "ratchet")),
                        agents_.size()};
    entries_.emplace_back(collector::LeafEntry{leaf});
    if (entries_.size() >= commit_entries) flush();
  }

  void seal_month(rules::Month month) {
    const auto days = static_cast<unsigned>((month / std::chrono::last).day());
    for (unsigned day = 1; day <= days; ++day) {
      const rules::Date date = month / std::chrono::day(day);
      clock_.now = rules::day_begin(rules::next_day(date));
      for (const PlannedHost& host : plan_.hosts) {
        if (month == plan_.last && day == 15 && host.role == Role::fresh) {
          clock_.now = rules::day_begin(date);
          enrol(host);
          flush();
          clock_.now = rules::day_begin(rules::next_day(date));
        }
        if (speaks(host, month, day)) seal_day(host, date);
      }
      flush();
    }
    fmt::print(stderr, "{} is sealed\n", rules::format_month(month));
  }

  bool speaks(const PlannedHost& host, rules::Month month, unsigned day) const {
    if (host.role == Role::off) return false;
    if (host.role == Role::silent) return day < 20;
    return host.role != Role::fresh || (month == plan_.last && day >= 15);
  }

  const HourPool& pool_of(const PlannedHost& host, const Level& level, bool doubled) {
    const unsigned factor = doubled ? 2 : 1;
    const auto key = std::tuple(level, host.vcpus * factor, host.memory_gb * factor);
    const auto found = pools_.find(key);
    if (found != pools_.end()) return found->second;
    return pools_.emplace(key, HourPool(level, host.vcpus * factor, host.memory_gb * factor))
        .first->second;
  }

  void seal_day(const PlannedHost& host, rules::Date date) {
    Agent& agent = agents_.at(host.id);
    const rules::Month month = date.year() / date.month();
    const rules::Date last_day(std::chrono::sys_days(month / std::chrono::last));
    const bool doubled =
        host.role == Role::resized && month == plan_.last && static_cast<unsigned>(date.day()) >= 3;
    const Time begin = rules::day_begin(date);
    const auto day = static_cast<unsigned>(date.day());
    ledger::BatchBody body(*hasher_);
    const auto add = [&](const std::string& line) { require(body.add(line), "a day fits"); };
    add(event_line(begin + std::chrono::minutes(5), "CRON",
                   "(root) CMD (run-parts /etc/cron.daily)"));
    if (has_logins(host.role) && day % 3 == 1) {
      add(event_line(begin + std::chrono::hours(10), "sshd",
                     "Accepted publickey for ops from 10.9.0.7 port 50122 ssh2"));
    }
    std::string line;
    for (int hour = 0; hour < 24; ++hour) {
      Level level = level_of(host.role, date, hour, last_day);
      // No two neighbours look the same; no limit is crossed by that.
      if (level.cpu < 400) level.cpu += level.cpu / 40 * (agent.number % 5);
      level.memory += level.memory > 500 && level.memory < 700 ? 20 * (agent.number % 6) : 0;
      line.clear();
      const HourPool& pool = pool_of(host, level, doubled);
      pool.append(line, begin + std::chrono::hours(hour),
                  agent.number * 3 + day * 5 + static_cast<std::size_t>(hour));
      add(line);
      ++hours_;
      cpu_bins_ += pool.mean_cpu_bins();
      hour_bytes_ += line.size();
    }
    const double grown = host.role == Role::filling ? 66.0 + day : 41.5 + 0.05 * day;
    add(disks_line(begin + std::chrono::hours(24) - std::chrono::seconds(1), grown));
    commit_day(host, agent, body);
  }

  void commit_day(const PlannedHost& host, Agent& agent, const ledger::BatchBody& body) {
    ledger::Ratchet::Content content;
    content.root = body.root();
    content.records = body.records();
    content.sealed = clock_.now;
    content.boot_id = boot_id;
    content.boot_ms = static_cast<std::uint64_t>(clock_.boot().count());
    collector::BatchEntry entry{.unit = host.unit, .host = host.id};
    entry.header = must(agent.ratchet->prepare(random_, content, {}), "seal");
    must(agent.ratchet->commit(), "seal");
    must(encoder_.encode(body.lines(), entry.body), "body");
    entries_.emplace_back(std::move(entry));
    ++batches_;
    if (entries_.size() >= commit_entries) flush();
  }

  void flush() {
    if (entries_.empty()) return;
    must(log_->commit(std::move(entries_)), "commit");
    entries_.clear();
    // The WAL is filed as the collector would do it, so that it does not grow without end.
    while (log_->stats().segments_to_file > 1 && must(log_->file_step(), "filing")) {
    }
  }

  const Settings& settings_;
  const Plan plan_;
  ledger::PosixFileSystem files_;
  ledger::testing::MemoryFileSystem memory_;
  ledger::testing::SeededRandom random_;
  SetClock clock_;
  const collector::Deriver deriver_ = collector::make_deriver(rules::Classifier::builtin());
  std::unique_ptr<ledger::File> lock_;
  std::string origin_;
  const ledger::Suite* suite_ = nullptr;
  std::unique_ptr<EvidenceLog> log_;
  std::unique_ptr<ledger::Hasher> hasher_;
  ledger::BodyEncoder encoder_;
  std::map<std::string, Agent> agents_;
  std::map<std::tuple<Level, unsigned, unsigned>, HourPool> pools_;
  std::vector<collector::Entry> entries_;
  std::uint64_t batches_ = 0;
  std::uint64_t hours_ = 0;
  std::uint64_t hour_bytes_ = 0;
  std::uint64_t cpu_bins_ = 0;
};

int run(int argc, char** argv) {
  CLI::App app("Fills a collector's log with the months of a fleet", "fleet_seed");
  Settings settings;
  app.add_option("--config", settings.config, "configuration of a collector that does not run")
      ->required();
  app.add_option("--hosts", settings.hosts, "how many")->capture_default_str();
  app.add_option("--last", settings.last, "last month, YYYY-MM")->required();
  app.add_option("--months", settings.months, "how many months, up to and with the last")
      ->capture_default_str()
      ->check(CLI::Range(1, 36));
  app.add_option("--init", settings.origin, "make the log first, with this origin");
  app.add_option("--suite", settings.suite, "of the log that --init makes")->capture_default_str();
  app.add_option("--lists", settings.lists, "directory for the lists to import")->required();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 64;
  }
  const auto last = must(rules::parse_month(settings.last), "--last");
  Seeder(settings, make_plan(settings.hosts, last, settings.months)).run();
  return 0;
}

}  // namespace
}  // namespace yunjian::fleet

int main(int argc, char** argv) { return yunjian::fleet::run(argc, argv); }
