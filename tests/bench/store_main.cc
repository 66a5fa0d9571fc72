// The store alone, without the network: seals the lines of a corpus as the agents of many hosts
// would, verifies, commits, files and joins them, then asks. tests/bench/run store calls it.
#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>

#include "collector/query/plan.h"
#include "collector/query/record_deriver.h"
#include "collector/store/filing_thread.h"
#include "collector/store/log_record_store.h"
#include "collector/store/testing/log_kit.h"
#include "collector/verify/batch_verifier.h"
#include "ledger/archive/tokens.h"
#include "ledger/base/bytes.h"
#include "ledger/posix/posix_file_system.h"
#include "ledger/posix/system_clock.h"
#include "tests/bench/corpus_record.h"

namespace yunjian {
namespace {

using collector::EvidenceLog;
using collector::testing::TestAgent;
using ledger::Time;
using Steady = std::chrono::steady_clock;

constexpr std::size_t batch_lines = 1000;
constexpr std::size_t post_batches = 4;
constexpr std::chrono::microseconds span_of_times = std::chrono::hours(24 * 30);
constexpr std::string_view rare_word = "needle4711";
constexpr std::string_view asked_pattern = R"(port\s2[0-9]22\sssh2)";
const Time first_time = ledger::parse_time("2026-02-28T16:00:00.000000Z").value();

struct Settings {
  std::string corpus;
  std::string directory;
  std::size_t lines = 0;
  std::size_t hosts = 50;
  int runs = 5;
  bool classify = true;
};

// As a collector derives, or not at all.
const collector::Deriver* deriver_of(const Settings& settings) {
  static const collector::Deriver deriver = collector::make_deriver(rules::Classifier::builtin());
  return settings.classify ? &deriver : nullptr;
}

double cpu_seconds() {
  rusage use{};
  getrusage(RUSAGE_SELF, &use);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  return seconds(use.ru_utime) + seconds(use.ru_stime);
}

double peak_mib() {
  rusage use{};
  getrusage(RUSAGE_SELF, &use);
  return static_cast<double>(use.ru_maxrss) / 1024;
}

void emit(std::string_view name, std::string_view metric, double value) {
  fmt::print("{{\"case\":\"{}\",\"metric\":\"{}\",\"value\":{:.6}}}\n", name, metric, value);
  std::fflush(stdout);
}

std::uint64_t bytes_below(const std::string& directory, std::string_view folder = "") {
  std::uint64_t bytes = 0;
  for (const auto& entry :
       std::filesystem::recursive_directory_iterator(directory + std::string(folder))) {
    if (entry.is_regular_file()) bytes += entry.file_size();
  }
  return bytes;
}

// The posts of one host, one file after another.
struct Host {
  TestAgent agent;
  std::string name;
  std::string enrolment;
  std::vector<std::string> waiting;
  std::string post;
  std::size_t frames = 0;
  std::vector<std::string> posts;
};

void seal(Host& host) {
  if (host.waiting.empty()) return;
  const ledger::Frame frame = host.agent.seal(host.waiting);
  ledger::append_frame(host.post, frame.header, frame.body);
  host.waiting.clear();
  if (++host.frames % post_batches != 0) return;
  host.posts.push_back(std::move(host.post));
  host.post.clear();
}

std::uint64_t make_posts(const Settings& settings, std::vector<Host>& hosts) {
  std::ifstream corpus(settings.corpus);
  std::string text;
  std::uint64_t plain = 0;
  for (std::size_t i = 0; i < settings.lines && std::getline(corpus, text); ++i) {
    if (i % (settings.lines / 20 + 1) == 7) text += " " + std::string(rare_word);
    plain += text.size() + 1;
    Host& host = hosts[(i / 20) % hosts.size()];
    const Time time =
        first_time + span_of_times / static_cast<long>(settings.lines) * static_cast<long>(i);
    std::string line;
    bench::write_record(line, time, text);
    host.waiting.push_back(std::move(line));
    if (host.waiting.size() == batch_lines) seal(host);
  }
  for (Host& host : hosts) {
    seal(host);
    if (!host.post.empty()) host.posts.push_back(std::move(host.post));
  }
  return plain;
}

std::vector<Host> make_hosts(std::size_t count) {
  std::vector<Host> hosts;
  for (std::size_t i = 0; i < count; ++i) {
    TestAgent agent(fmt::format("{:032x}", i + 1), 1, i + 1);
    const std::string name = fmt::format("web-{:03}", i);
    std::string enrolment = agent.enrol("unit-" + std::to_string(i % 5), name);
    hosts.push_back({std::move(agent), name, std::move(enrolment), {}, {}, 0, {}});
  }
  return hosts;
}

void must(bool good, std::string_view what) {
  if (good) return;
  std::cerr << what << '\n';
  std::exit(1);
}

EvidenceLog::Options options_of(const Settings& settings) {
  EvidenceLog::Options options;
  options.directory = settings.directory + "/data";
  options.anchor_path = settings.directory + "/anchor";
  options.origin = collector::testing::test_origin;
  options.suite = &ledger::default_suite();
  options.deriver = deriver_of(settings);
  options.idle_delay = std::chrono::milliseconds(200);
  options.idle_segment_bytes = 4096;
  options.on_fatal = [](const ledger::Error& error) { must(false, error.message); };
  return options;
}

void load(EvidenceLog& log, std::vector<Host>& hosts) {
  const ledger::SystemClock clock;
  collector::BatchVerifier verifier(log, clock);
  for (Host& host : hosts) {
    must(log.commit(collector::testing::only(collector::LeafEntry{host.enrolment})).has_value(),
         "an enrolment was refused");
  }
  for (std::size_t round = 0;; ++round) {
    bool any = false;
    for (Host& host : hosts) {
      if (round >= host.posts.size()) continue;
      any = true;
      const auto frames = ledger::split_frames(host.posts[round]);
      must(frames.has_value(), "a post is not whole");
      const auto answers = verifier.answer(*frames, host.agent.id());
      must(answers.has_value(), "a post was not answered");
      for (const ledger::Answer& answer : *answers) {
        must(answer.verdict == ledger::Verdict::accepted, answer.problem);
      }
    }
    if (!any) return;
  }
}

void drain(EvidenceLog& log) {
  const auto limit = Steady::now() + std::chrono::minutes(30);
  for (;;) {
    const auto done = log.file_step();
    must(done.has_value(), done ? "" : done.error().message);
    const auto stats = log.stats();
    if (!*done && stats.rows == 0 && stats.segments_to_file == 0) return;
    must(Steady::now() < limit, "filing does not end");
    if (!*done) std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
}

double median_of(int runs, const std::function<void()>& question) {
  std::vector<double> times;
  for (int i = 0; i < runs; ++i) {
    const auto begun = Steady::now();
    question();
    times.push_back(std::chrono::duration<double>(Steady::now() - begun).count());
  }
  std::ranges::sort(times);
  return times[times.size() / 2];
}

bool drop_caches() {
  std::ofstream file("/proc/sys/vm/drop_caches");
  return static_cast<bool>(file << "3" << std::flush);
}

void ask(std::string_view name, const Settings& settings, const std::function<void()>& question) {
  question();
  emit(name, "warm_s", median_of(settings.runs, question));
  if (!drop_caches()) return;
  emit(name, "cold_s", median_of(1, question));
}

// What one question found, as any other store would have to find it: its lines in an order of
// their own, hashed. A line is a message, or a count with day and value.
class Answer {
 public:
  void add(std::string line) { lines_.push_back(std::move(line)); }
  std::size_t size() const { return lines_.size(); }
  void emit(std::string_view name) {
    std::ranges::sort(lines_);
    std::string joined;
    for (const std::string& line : lines_) joined += line + "\n";
    const auto hash = ledger::sha256(joined);
    fmt::print("{{\"case\":\"{}\",\"metric\":\"answer\",\"value\":\"{}\"}}\n", name,
               ledger::to_hex(ledger::as_view(hash)));
  }

 private:
  std::vector<std::string> lines_;
};

// The questions of the bench, each of one store.
class Questions {
 public:
  Questions(EvidenceLog& log, const Settings& settings)
      : settings_(settings), store_(log, deriver_of(settings)) {
    newest_.to = first_time + 2 * span_of_times;
  }

  void ask_all() {
    ask_scan("rare", word(std::string(rare_word)), 20);
    ask_scan("cjk", word("审核"), 100);
    ask_scan("last", newest_, 100);
    collector::ScanQuery hour = newest_;
    hour.filter.hosts = {"web-007"};
    hour.from = first_time + std::chrono::hours(24 * 15);
    hour.to = hour.from + std::chrono::hours(1);
    hour.limit = 1000;
    ask_scan("hour", hour, 0);
    ask_pattern("regex", std::string(asked_pattern));
    ask_count();
  }

 private:
  collector::ScanQuery word(const std::string& word) const {
    collector::ScanQuery query = newest_;
    for (const std::string& token : ledger::needed_tokens(word, false)) {
      query.filter.words.push_back({token});
    }
    query.matches = [word](const ledger::ParsedRecord*, const collector::StoredRecord& record) {
      return record.line.find(word) != std::string_view::npos;
    };
    return query;
  }

  // As a person asks: `message: /…/` within one day, through the query language.
  void ask_pattern(std::string_view name, const std::string& pattern) {
    const auto query = collector::Query::parse("message: /" + pattern + "/");
    must(query.has_value(), query ? "" : query.error().message);
    collector::ScanQuery day = newest_;
    day.from = first_time + std::chrono::hours(24 * 15);
    day.to = day.from + std::chrono::hours(24);
    day.limit = settings_.lines;
    must(collector::apply_plan(*query, collector::plan_query(*query, {}), day), "nothing to ask");
    ask_scan(name, day, 0);
  }

  void ask_scan(std::string_view name, const collector::ScanQuery& query, std::size_t expected) {
    Answer answer;
    const auto scan = [&](const std::function<void(const collector::StoredRecord&)>& take) {
      const auto stats = store_.scan(collector::Scope::all(), query, take);
      must(stats.has_value(), stats ? "" : stats.error().message);
    };
    scan([&](const collector::StoredRecord& record) {
      const auto parsed = ledger::parse_record(record.line);
      must(parsed.has_value(), "a record that was found cannot be read");
      answer.add(std::string((*parsed)->find("message").value_or("")));
    });
    must(expected == 0 || answer.size() == expected,
         fmt::format("{}: {} records found, {} expected", name, answer.size(), expected));
    answer.emit(name);
    ask(name, settings_, [&] {
      std::size_t found = 0;
      scan([&](const collector::StoredRecord&) { ++found; });
      must(found == answer.size(), "another number of records the second time");
    });
  }

  void ask_count() {
    collector::AggregateQuery count;
    count.to = newest_.to;
    count.step = std::chrono::hours(24);
    count.field = "process.name";
    Answer answer;
    const auto once = [&](bool keep) {
      const auto counted = store_.aggregate(collector::Scope::all(), count);
      must(counted.has_value() && counted->counts.size() > 30, "counting gave nothing");
      for (const auto& [group, found] : counted->counts) {
        if (!keep) return;
        answer.add(fmt::format("{} {} {}", ledger::format_time(group.step).substr(0, 10),
                               group.value.value_or(""), found));
      }
    };
    once(true);
    answer.emit("count");
    ask("count", settings_, [&] { once(false); });
  }

  const Settings& settings_;
  collector::LogRecordStore store_;
  collector::ScanQuery newest_;
};

void report_disk(EvidenceLog& log, const Settings& settings, std::uint64_t plain) {
  const std::uint64_t bytes = bytes_below(settings.directory, "/data");
  emit("disk", "ratio", static_cast<double>(plain) / static_cast<double>(bytes));
  emit("disk", "total_mb", static_cast<double>(bytes) / 1e6);
  std::uint64_t index = 0;
  std::uint64_t headers = 0;
  std::uint64_t lines = 0;
  const auto view = log.view([](const collector::BatchRow&) { return false; });
  for (const auto& part : view->parts->parts()) {
    index += part->footer().index_bytes;
    headers += part->footer().header_bytes;
    for (const auto& lane : part->footer().lanes) lines += lane.stored_bytes;
  }
  emit("disk", "index_mb", static_cast<double>(index) / 1e6);
  emit("disk", "header_mb", static_cast<double>(headers) / 1e6);
  emit("disk", "lines_mb", static_cast<double>(lines) / 1e6);
}

int run(const Settings& settings) {
  ledger::PosixFileSystem files;
  ledger::SystemClock clock;
  std::filesystem::create_directories(settings.directory + "/data");
  std::vector<Host> hosts = make_hosts(settings.hosts);
  const std::uint64_t plain = make_posts(settings, hosts);
  TestAgent own(std::string(32, '0'), 1, 1000);
  const auto key = collector::testing::log_key();
  const std::string leaf0 = own.enrol("collector", "collector");
  const auto created = EvidenceLog::create(files, clock, options_of(settings), {*key, leaf0});
  must(created.has_value(), created ? "" : created.error().message);
  auto log = EvidenceLog::open(files, clock, options_of(settings), collector::testing::log_key());
  must(log.has_value(), log ? "" : log.error().message);
  const double before = cpu_seconds();
  const auto begun = Steady::now();
  load(**log, hosts);
  const double loaded = cpu_seconds() - before;
  hosts.clear();
  drain(**log);
  const double drained = cpu_seconds() - before;
  const auto lines = static_cast<double>(settings.lines);
  emit("load", "records_per_cpu_s", lines / drained);
  emit("load", "accepted_per_cpu_s", lines / loaded);
  emit("load", "wall_s", std::chrono::duration<double>(Steady::now() - begun).count());
  report_disk(**log, settings, plain);
  Questions(**log, settings).ask_all();
  emit("memory", "peak_mib", peak_mib());
  return 0;
}

}  // namespace
}  // namespace yunjian

int main(int argc, char** argv) {
  if (argc < 4) {
    std::cerr << "yunjian-store-bench CORPUS LINES DIRECTORY [HOSTS] [RUNS] [plain]\n";
    return 64;
  }
  yunjian::Settings settings;
  settings.corpus = argv[1];
  settings.lines = std::strtoull(argv[2], nullptr, 10);
  settings.directory = argv[3];
  if (argc > 4) settings.hosts = std::strtoull(argv[4], nullptr, 10);
  if (argc > 5) settings.runs = static_cast<int>(std::strtol(argv[5], nullptr, 10));
  settings.classify = argc <= 6 || std::string_view(argv[6]) != "plain";
  return yunjian::run(settings);
}
