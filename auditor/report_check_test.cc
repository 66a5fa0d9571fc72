#include "auditor/report_check.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "auditor/directory_evidence.h"
#include "auditor/testing/sample_log.h"
#include "ledger/usage_hour.h"
#include "rules/month/hosts_csv.h"
#include "rules/month/table_json.h"
#include "rules/month/terms.h"

namespace yunjian::auditor {
namespace {

using namespace std::chrono_literals;
using ledger::HourFigure;
using ledger::Time;
using testing::SampleLog;

constexpr rules::Month november = 2026y / 11;
const Time first_hour = ledger::parse_time("2026-11-22T09:00:00.000000Z").value();

std::string register_line(Time time, const rules::RegistryEntry& entry) {
  std::string line;
  ledger::RecordWriter writer(line, time, "collector");
  std::vector<std::pair<std::string, std::string>> details = {
      {"what", "register"}, {"register", entry.kind}, {"entry", entry.id}, {"unit", entry.unit}};
  for (const auto& [name, value] : entry.fields) details.emplace_back("field." + name, value);
  std::sort(details.begin(), details.end(),
            [](const auto& a, const auto& b) { return ledger::record_key_less(a.first, b.first); });
  for (const auto& [key, value] : details) writer.text(key, value);
  writer.finish();
  return line;
}

ledger::UsageHour hour_at(int number, std::uint64_t cpu) {
  ledger::UsageHour hour;
  hour.from = first_hour + std::chrono::hours(number);
  hour.to = hour.from + 1h;
  hour.samples = 60;
  hour.interval_s = 60;
  hour.vcpus = 4;
  hour.memory_bytes = 8ULL << 30;
  for (int i = 0; i < 60; ++i) {
    const Time when = hour.from + std::chrono::minutes(i);
    hour.figure(HourFigure::cpu).add(cpu + static_cast<std::uint64_t>(i), when);
    hour.figure(HourFigure::memory).add(300, when);
  }
  return hour;
}

std::string optional_percent(const std::optional<rules::Hundredths>& value) {
  return value ? fmt::format("{}.{:02}", *value / 100, *value % 100) : "";
}

// As collector/report writes it: tables one after another.
std::string csv_of(const rules::UtilizationTable& table) {
  std::string csv =
      "\xef\xbb\xbf云资源利用情况表 2026-11\r\n统计范围,全市\r\n\r\n使用单位\r\n县（区）,"
      "使用单位\r\n,税务局\r\n\r\n云主机明细\r\n";
  for (const std::string_view column : rules::hosts_csv_columns())
    csv += fmt::format("{},", column);
  csv += "连续月数,标记\r\n";
  for (const auto& row : table.rows) {
    const auto memory = row.memory_bytes ? row.memory_bytes : row.host.memory_bytes;
    csv += fmt::format("{},{},{},{},{},{:.2f},{},{},{},{},{},{},{},{},{},1,\r\n", row.host.county,
                       row.host.unit_name, row.host.system, row.host.name, *row.vcpus,
                       static_cast<double>(*memory) / (1ULL << 30U),
                       optional_percent(rules::coverage(row.measured, row.expected)),
                       optional_percent(row.cpu.mean), optional_percent(row.cpu.p95),
                       optional_percent(row.cpu.p99), optional_percent(row.cpu.peak),
                       optional_percent(row.memory.mean), optional_percent(row.memory.p95),
                       optional_percent(row.memory.peak),
                       table.rules.verdicts.at(row.judgement.verdict).zh);
  }
  return csv + "\r\n其他资源\r\n使用单位\r\n";
}

// A collector that may lie in the pack it makes; the log is what the hosts sealed.
class Provider {
 public:
  explicit Provider(std::uint64_t seed = 1) : log(seed) {
    log.enrol("collector", "collector");
    record({.kind = "unit", .id = "tax", .unit = "tax", .fields = {{"name", "税务局"}}});
    record({.kind = "host",
            .id = "web-01",
            .unit = "tax",
            .fields = {{"unit", "tax"}, {"vcpus", "4"}}});
    for (const std::string host : {"web-01", "db-01"}) {
      hosts.push_back({host, {log.enrol("tax", host)}});
    }
  }

  // A day of a host in one batch.
  void day(std::size_t host, int day, std::uint64_t cpu, std::size_t stream = 0) {
    Host& of = hosts[host];
    std::vector<std::string> lines;
    for (int i = 0; i < 24 && day * 24 + i < 199; ++i) {
      const ledger::UsageHour hour = hour_at(day * 24 + i, cpu);
      std::string line;
      ledger::write_usage_hour(line, hour);
      auto& next = of.next[of.streams[stream]];
      of.hours[log.stream_id(of.streams[stream])].emplace_back(next++, hour);
      lines.push_back(std::move(line));
    }
    log.seal(of.streams[stream], lines);
  }
  void whole_month() {
    for (int i = 0; i < 9; ++i) {
      day(0, i, 50);
      day(1, i, 700);
    }
  }
  void record(const rules::RegistryEntry& entry) {
    log.seal(0, {register_line(log.now(), entry)});
    inventory[entry.kind][entry.id] = entry;
  }

  // What the records give, and every file of the pack made from it; nothing is signed yet.
  void build() {
    for (const Host& host : hosts) {
      inventory["host"].try_emplace(
          host.name, rules::RegistryEntry{.kind = "host",
                                          .id = host.name,
                                          .unit = "tax",
                                          .fields = {{"name", host.name}, {"unit", "tax"}}});
    }
    table = made();
    files["utilization.json"] = rules::utilization_json(table);
    files["utilization.csv"] = csv_of(table);
    files["standings.list"] = rules::format_standings(table);
    files["utilization.pdf"] = "as people read it\n";
    std::vector<ledger::PackInput> inputs;
    for (const auto& row : table.rows) {
      for (const auto& input : row.inputs) {
        inputs.push_back({input.stream, input.first / 24, input.last / 24, input.first, input.last,
                          input.records});
      }
    }
    std::sort(inputs.begin(), inputs.end(),
              [](const auto& a, const auto& b) { return a.stream < b.stream; });
    files["inputs.list"] = ledger::format_inputs(inputs);
    const auto hashes = log.leaf_hashes();
    manifest.tree = {hashes.size(), ledger::merkle_root(*hasher, hashes)};
  }
  void sign() {
    manifest.origin = log.verifier().name();
    manifest.month = "2026-11";
    manifest.as_of = rules::month_end(november);
    manifest.rules = rule_set->version;
    manifest.rules_hash = hasher->plain(rules::default_rules_json());
    manifest.calendar = calendar->version();
    manifest.inventory = hasher->plain(*rules::inventory_text(source()));
    manifest.files.clear();
    for (const auto& [path, bytes] : files) {
      if (path != "manifest") manifest.files.push_back({path, bytes.size(), hasher->plain(bytes)});
    }
    const std::string text = ledger::format_report_manifest(manifest);
    files["manifest"] = ledger::format_note(text, {log.log_line(text)});
  }
  void commit() {
    log.add_leaf(ledger::format_report(
        {"2026-11", manifest.tree.size, hasher->plain(files["manifest"]), log.now()}));
  }
  void deliver() {
    build();
    sign();
    commit();
  }

  ReportCheckResult check() {
    log.write();
    const auto hashes = log.leaf_hashes();
    DirectoryEvidence evidence(log.files(), "/data", log.verifier().suite());
    ReportCheck check(log.verifier(), {hashes.size(), ledger::merkle_root(*hasher, hashes)},
                      [this](const std::string& path) -> ledger::Result<std::string> {
                        const auto found = files.find(path);
                        if (found != files.end()) return found->second;
                        return ledger::fail(ledger::ErrorKind::reject, "it was not handed out");
                      });
    auto result = check.run(evidence, "2026-11");
    REQUIRE_MESSAGE(result, result.error().message);
    return std::move(*result);
  }

  struct Host {
    std::string name;
    std::vector<std::size_t> streams;
    std::map<std::size_t, std::uint64_t> next = {};
    std::map<std::string, std::vector<std::pair<std::uint64_t, ledger::UsageHour>>> hours = {};
  };
  SampleLog log;
  std::vector<Host> hosts;
  std::map<std::string, std::map<std::string, rules::RegistryEntry>> inventory;
  rules::UtilizationTable table;
  ledger::ReportManifest manifest;
  std::map<std::string, std::string> files;

 private:
  rules::Inventory source() const {
    return {
        .entries =
            [this](std::string_view kind) -> ledger::Result<std::vector<rules::RegistryEntry>> {
          std::vector<rules::RegistryEntry> found;
          const auto of_kind = inventory.find(std::string(kind));
          if (of_kind == inventory.end()) return found;
          for (const auto& [id, entry] : of_kind->second) found.push_back(entry);
          return found;
        },
        .outcomes = [](const std::string&,
                       const std::string&) -> ledger::Result<std::vector<rules::StoredOutcome>> {
          return std::vector<rules::StoredOutcome>();
        }};
  }
  rules::UtilizationTable made() const {
    std::map<std::string, Time, std::less<>> enrolled;
    for (const Host& host : hosts) enrolled[host.name] = first_hour - 1h;
    auto facts = rules::hosts_of_inventory(source(), enrolled);
    const auto terms = rules::MonthTerms::read(source(), *rule_set, november);
    for (auto& host : *facts) (*terms)->add_to(host);
    auto built = rules::build_utilization_table(
        {.month = november,
         .as_of = rules::month_end(november),
         .rules = &*rule_set,
         .calendar = &*calendar},
        *facts,
        [this](const rules::HostFacts& facts_of, Time, Time,
               const rules::HourSink& sink) -> ledger::Result<std::uint64_t> {
          for (const Host& host : hosts) {
            if (host.name != facts_of.id) continue;
            for (const auto& [stream, numbered] : host.hours) {
              for (const auto& [number, hour] : numbered) {
                if (auto taken = sink(hour, stream, number); !taken) return ledger::failure(taken);
              }
            }
          }
          return 0;
        });
    REQUIRE_MESSAGE(built, built.error().message);
    return std::move(*built);
  }

  std::unique_ptr<ledger::Hasher> hasher = ledger::default_suite().hasher();
  ledger::Result<rules::RuleSet> rule_set = rules::default_rule_set();
  ledger::Result<rules::Calendar> calendar = rules::cn_calendar();
};

std::string told(const ReportCheckResult& result) {
  std::string all;
  for (const Finding& finding : result.findings.kept()) {
    all += std::string(to_string(finding.kind)) + " " + finding.place + ": " + finding.en + "\n";
  }
  return all;
}

bool tells(const ReportCheckResult& result, std::string_view words) {
  return told(result).find(words) != std::string::npos;
}

TEST_CASE("a pack whose every figure is what was sealed is equal") {
  Provider provider;
  provider.whole_month();
  provider.deliver();
  const auto result = provider.check();
  CHECK_MESSAGE(result.findings.exit_code(true) == 0, told(result));
  CHECK(result.tables == 1);
  CHECK(result.csv_tables == 1);
  CHECK(result.hosts == 2);
  CHECK(result.files == 5);
  CHECK(result.standings == 2);
  CHECK(result.hash_only == 1);  // the PDF
  CHECK(result.records == 2 * 199 + 2);
  CHECK(result.leaf == provider.log.leaf_hashes().size() - 1);
}

TEST_CASE("one changed figure is named with host and cell, though all of it is signed and sealed") {
  Provider provider;
  provider.whole_month();
  provider.build();
  *provider.table.rows[1].cpu.p95 += 10;
  provider.files["utilization.json"] = rules::utilization_json(provider.table);
  provider.sign();
  provider.commit();
  const auto result = provider.check();
  CHECK(result.findings.exit_code(false) == 1);
  CHECK_MESSAGE(tells(result, provider.table.rows[1].host.id + " cpu.p95_percent: "), told(result));
  CHECK(result.findings.count(FindingKind::tampered) == 1);
}

TEST_CASE(
    "a figure that only the CSV lies about, in the first revision that was signed and sealed") {
  Provider provider;
  provider.whole_month();
  provider.build();
  std::string& csv = provider.files["utilization.csv"];
  const std::string figure = optional_percent(provider.table.rows[1].cpu.p95) + ",";
  const auto at = csv.rfind(figure);
  REQUIRE(at != std::string::npos);
  SUBCASE("a cell") {
    csv.replace(at, figure.size(), "12.34,");
    provider.sign();
    provider.commit();
    const auto result = provider.check();
    CHECK(result.manifest.revision == 1);
    CHECK(result.findings.exit_code(false) == 1);
    CHECK_MESSAGE(tells(result, "utilization.csv: it differs from what the sealed records give"),
                  told(result));
    CHECK(tells(result, provider.table.rows[1].host.id + " CPU P95: 12.34 -> "));
  }
  SUBCASE("a host that is left out") {
    const auto begin = csv.rfind('\n', at) + 1;
    csv.erase(begin, csv.find('\n', begin) + 1 - begin);
    provider.sign();
    provider.commit();
    const auto result = provider.check();
    CHECK(result.findings.exit_code(false) == 1);
    CHECK(tells(result, provider.table.rows[1].host.id + " row: - -> there"));
  }
  SUBCASE("the table under another name, and a second one that is right elsewhere") {
    csv += "云主机明细\r\n";
    provider.sign();
    provider.commit();
    CHECK(tells(provider.check(), "the table cannot be read: it holds two tables"));
  }
}

TEST_CASE("a flag that the figures and the months before do not give is named with its host") {
  Provider provider;
  provider.whole_month();
  provider.build();
  std::string& list = provider.files["standings.list"];
  const std::string before = list;
  const std::string host = list.substr(0, list.find(' '));
  SUBCASE("an outcome that was changed") {
    const auto at = list.find("insufficient_data");
    REQUIRE(at != std::string::npos);
    list.replace(at, std::string("insufficient_data").size(), "normal");
  }
  SUBCASE("a flag that was taken away, or invented") {
    const auto at = list.find(" - ");
    REQUIRE(at != std::string::npos);
    list.replace(at, 3, " low ");
  }
  SUBCASE("a host that was left out") { list.erase(0, list.find('\n') + 1); }
  SUBCASE("a list that cannot be read") { list.insert(list.find('\n'), " more"); }
  REQUIRE(list != before);
  provider.sign();
  provider.commit();
  const auto result = provider.check();
  CHECK(result.findings.exit_code(false) == 1);
  CHECK_MESSAGE(tells(result, "standings.list"), told(result));
  CHECK_MESSAGE(tells(result, host), told(result));
}

TEST_CASE("months before that a pack names lead to the flag that they give, and to no other") {
  Provider provider;
  provider.whole_month();
  provider.build();
  std::string& list = provider.files["standings.list"];
  REQUIRE(list.substr(list.find('\n') - 2, 2) == " -");
  // Other months before than the flag was made of.
  list.replace(list.find('\n') - 1, 1, "2026-08/low/-/-;2026-09/low/-/-;2026-10/low/-/-");
  provider.sign();
  provider.commit();
  const auto result = provider.check();
  CHECK_MESSAGE(tells(result, "standings.list"), told(result));
}

TEST_CASE("a pack without the list of flags is checked as far as it goes, and says so") {
  Provider provider;
  provider.whole_month();
  provider.build();
  provider.files.erase("standings.list");
  provider.sign();
  provider.commit();
  const auto result = provider.check();
  CHECK(result.findings.exit_code(false) == 0);
  CHECK_MESSAGE(tells(result, "flags were not computed again"), told(result));
}

TEST_CASE("one host's coverage raised by hand is found") {
  Provider provider;
  for (int i = 0; i < 9; ++i) {
    if (i != 4) provider.day(0, i, 50);
    provider.day(1, i, 700);
  }
  provider.build();
  for (auto& row : provider.table.rows) row.measured = row.expected;
  provider.files["utilization.json"] = rules::utilization_json(provider.table);
  provider.sign();
  provider.commit();
  const auto result = provider.check();
  CHECK(result.findings.exit_code(false) == 1);
  CHECK_MESSAGE(tells(result, "web-01 measured_s: "), told(result));
  CHECK(tells(result, "web-01 coverage_percent: 100.00 -> 87.50"));
}

TEST_CASE("a host that is left out is found, also when the pack is consistent without it") {
  Provider provider;
  provider.whole_month();
  auto hidden = provider.hosts.back();
  provider.hosts.pop_back();
  provider.build();
  provider.hosts.push_back(hidden);
  provider.sign();
  provider.commit();
  const auto result = provider.check();
  CHECK(result.findings.exit_code(false) == 1);
  CHECK_MESSAGE(tells(result, "db-01 row: - -> there"), told(result));
  CHECK(tells(result, "inputs.list stream " + provider.log.stream_id(hidden.streams[0])));
}

TEST_CASE("records that came before the pack and are not in its figures are found") {
  Provider provider;
  provider.whole_month();
  auto& hours = provider.hosts[0].hours.begin()->second;
  const auto all = hours;
  hours.resize(150);
  provider.build();
  provider.sign();
  provider.commit();
  const auto result = provider.check();
  CHECK(result.findings.exit_code(false) == 1);
  CHECK_MESSAGE(tells(result, "web-01 inputs[0].last: 149 -> 198"), told(result));
}

TEST_CASE("a changed report that is signed again is not the one in the log") {
  Provider provider;
  provider.whole_month();
  provider.deliver();
  const std::string honest = provider.files["manifest"];
  provider.files["utilization.pdf"] = "as people would like to read it\n";
  SUBCASE("without a new signature the file is not what the manifest says") {
    const auto result = provider.check();
    CHECK(result.findings.exit_code(false) == 1);
    CHECK(tells(result, "utilization.pdf: it is not what the manifest says"));
  }
  SUBCASE("with one, the log holds another manifest's hash") {
    provider.sign();
    CHECK(provider.files["manifest"] != honest);
    const auto result = provider.check();
    CHECK(result.findings.exit_code(false) == 1);
    CHECK(tells(result, "no report leaf of the log holds its hash (1 of the month are there)"));
  }
  SUBCASE("with a leaf too, it is a later revision, and whoever holds the first is told") {
    auto first = provider.files;
    provider.sign();
    provider.commit();
    provider.files = first;
    provider.files["manifest"] = honest;
    provider.files["utilization.pdf"] = "as people read it\n";
    const auto result = provider.check();
    CHECK_MESSAGE(result.findings.exit_code(false) == 0, told(result));
    CHECK(tells(result, "1 later revisions of this month"));
  }
}

TEST_CASE("limits that nobody registered, a name that was changed by hand: the inventory differs") {
  Provider provider;
  provider.whole_month();
  provider.inventory["agreement"]["A-1"] = {
      .kind = "agreement",
      .id = "A-1",
      .unit = "tax",
      .fields = {
          {"from", "2026-01-01"}, {"limits", R"({"high":{"cpu_p95":99}})"}, {"unit", "tax"}}};
  provider.deliver();
  const auto result = provider.check();
  CHECK(result.findings.exit_code(false) == 1);
  CHECK(tells(result, "the inventory (units, hosts"));
  CHECK_MESSAGE(tells(result, "judgement.agreement"), told(result));
}

TEST_CASE("registered limits count, and what comes behind the checkpoint does not") {
  Provider provider;
  provider.record(
      {.kind = "agreement",
       .id = "A-1",
       .unit = "tax",
       .fields = {
           {"from", "2026-01-01"}, {"limits", R"({"high":{"cpu_p95":99}})"}, {"unit", "tax"}}});
  provider.whole_month();
  provider.deliver();
  const rules::RegistryEntry late{.kind = "unit", .id = "tax", .unit = "tax"};
  provider.log.seal(0, {register_line(provider.log.now(), late)});
  std::string line;
  ledger::write_usage_hour(line, hour_at(12, 999));
  provider.log.seal(provider.hosts[0].streams[0], {line});
  const auto result = provider.check();
  CHECK_MESSAGE(result.findings.exit_code(true) == 0, told(result));
}

TEST_CASE("a host with two streams is folded as its streams are named, however they came") {
  for (const std::uint64_t seed : {1, 2, 3, 4}) {
    Provider provider(seed);
    auto& host = provider.hosts[0];
    host.streams.push_back(provider.log.enrol("tax", host.name));
    for (int i = 0; i < 9; ++i) provider.day(0, i, 50, i < 5 ? 0 : 1);
    for (int i = 0; i < 9; ++i) provider.day(1, i, 700);
    provider.deliver();
    const auto result = provider.check();
    CHECK_MESSAGE(result.findings.exit_code(true) == 0, told(result));
    CHECK(result.hosts == 2);
  }
}

TEST_CASE("a body of the month that is gone is missing; a damaged one is told") {
  Provider provider;
  provider.whole_month();
  provider.deliver();
  auto& entries = provider.log.entries();
  SUBCASE("gone") {
    entries[entries.size() - 3].body.clear();
    entries[entries.size() - 3].hollow = true;
    const auto result = provider.check();
    CHECK(result.findings.count(FindingKind::missing) == 1);
    CHECK(result.findings.exit_code(false) == 1);
  }
  SUBCASE("another day's") {
    entries[entries.size() - 3].body = entries[entries.size() - 5].body;
    const auto result = provider.check();
    CHECK(tells(result, "its records do not give the root in its header"));
  }
}

TEST_CASE("a manifest of another cut-off, another month or unknown rules is told") {
  Provider provider;
  provider.whole_month();
  provider.build();
  provider.sign();
  const auto resigned = [&](const std::function<void(ledger::ReportManifest&)>& change) {
    auto changed = provider.manifest;
    change(changed);
    const std::string text = ledger::format_report_manifest(changed);
    provider.files["manifest"] = ledger::format_note(text, {provider.log.log_line(text)});
    return provider.check();
  };
  CHECK(tells(resigned([](auto& m) { m.as_of -= 24h; }), "the cut-off is not the month's end"));
  CHECK(tells(resigned([](auto& m) { m.month = "2026-10"; }), "another log or month"));
  CHECK(resigned([](auto& m) { m.rules = "other"; }).findings.exit_code(false) == 4);
  CHECK(resigned([](auto& m) { m.tree.size = 9999; }).findings.exit_code(false) == 2);
  CHECK(tells(resigned([](auto& m) { m.tree.root = ledger::sha256("x"); }),
              "the manifest's checkpoint is not this log's"));
  provider.files["manifest"] = "no note";
  CHECK(tells(provider.check(), "it is not signed by the log's key"));
}

}  // namespace
}  // namespace yunjian::auditor
