#include "auditor/report_check.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "auditor/directory_evidence.h"
#include "auditor/testing/sample_acts.h"
#include "auditor/testing/sample_log.h"
#include "ledger/usage_hour.h"
#include "rules/month/month_findings.h"
#include "rules/month/table_json.h"
#include "rules/month/terms.h"

namespace yunjian::auditor {
namespace {

using namespace std::chrono_literals;
using ledger::HourFigure;
using ledger::Time;
using testing::advice_of;
using testing::csv_of;
using testing::optional_percent;
using testing::outcome_line;
using testing::register_line;
using testing::SampleLog;
using testing::step_line;

constexpr rules::Month november = 2026y / 11;
const Time first_hour = ledger::parse_time("2026-11-22T09:00:00.000000Z").value();

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
    const auto hashes = log.leaf_hashes();
    manifest.tree = {hashes.size(), ledger::merkle_root(*hasher, hashes)};
    raise();
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
  }
  // Behind the checkpoint: findings and outcomes as acts, and what the pack says of them.
  void raise() {
    for (auto& finding : rules::new_findings(table, findings, log.now())) {
      lie_about_finding(finding);
      if (finding.id.empty()) continue;
      log.seal(0, {step_line(finding, rules::flag_act, 0)});
      findings.push_back(finding);
      ++steps;
      if (invented.empty()) continue;
      finding.id = invented + finding.id.substr(finding.id.find(':'));
      finding.host = invented;
      log.seal(0, {step_line(finding, rules::flag_act, 0)});
      findings.push_back(finding);
      ++steps;
    }
    if (measured) {
      measured->changed = log.now();
      log.seal(0, {step_line(*measured, rules::measure_act, 1)});
      ++steps;
    }
    if (carried_out) findings.push_back(measured ? *measured : *carried_out);
    for (auto& outcome : rules::outcomes_of(table)) {
      lie_about_outcome(outcome);
      if (!outcome.host.empty()) log.seal(0, {outcome_line(log.now(), outcome)});
    }
    files["findings.list"] = rules::format_findings(steps, findings);
    files["advice.json"] = advice_of(findings);
  }
  // A month before, as it was judged then.
  void judge(const rules::StoredOutcome& outcome) {
    log.seal(0, {outcome_line(log.now(), outcome)});
    judged.push_back(outcome);
  }
  // db-01 was off: one month is enough for a flag.
  void power_off() {
    record({.kind = "power",
            .id = "P-1",
            .unit = "tax",
            .fields = {{"host", "db-01"}, {"month", "2026-11"}, {"off_days", "29"}}});
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

  ReportCheckResult check(unsigned threads = 2) {
    log.write();
    const auto hashes = log.leaf_hashes();
    DirectoryEvidence evidence(log.files(), "/data", log.verifier().suite());
    ReportCheck check(
        log.verifier(), {hashes.size(), ledger::merkle_root(*hasher, hashes)},
        [this](const std::string& path) -> ledger::Result<std::string> {
          const auto found = files.find(path);
          if (found != files.end()) return found->second;
          return ledger::fail(ledger::ErrorKind::reject, "it was not handed out");
        },
        threads);
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
  std::vector<rules::StoredFinding> findings;  // by id
  std::uint64_t steps = 0;
  std::vector<rules::StoredOutcome> judged;
  std::string invented;                             // a host that is flagged beside the right one
  std::optional<rules::StoredFinding> carried_out;  // before this month
  std::optional<rules::StoredFinding> measured;
  std::function<void(rules::StoredFinding&)> lie_about_finding = [](auto&) {};
  std::function<void(rules::StoredOutcome&)> lie_about_outcome = [](auto&) {};

 private:
  rules::Inventory source() const {
    return {.entries =
                [this](std::string_view kind) -> ledger::Result<std::vector<rules::RegistryEntry>> {
              std::vector<rules::RegistryEntry> found;
              const auto of_kind = inventory.find(std::string(kind));
              if (of_kind == inventory.end()) return found;
              for (const auto& [id, entry] : of_kind->second) found.push_back(entry);
              return found;
            },
            .outcomes = [this](const std::string&, const std::string&)
                -> ledger::Result<std::vector<rules::StoredOutcome>> { return judged; }};
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
         .calendar = &*calendar,
         .history = (*terms)->history()},
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
  CHECK(result.advices == 1);
  CHECK(result.files == 7);
  CHECK(result.standings == 2);
  CHECK(result.hash_only == 1);              // the PDF
  CHECK(result.records == 2 * 199 + 2 + 2);  // two entries and two outcomes
  CHECK(result.leaf == provider.log.leaf_hashes().size() - 1);
}

TEST_CASE("however many threads fold, the same is found") {
  Provider provider;
  for (int i = 0; i < 9; ++i) {
    provider.day(0, i, 50);
    provider.day(1, i, 700);
  }
  provider.deliver();
  auto& entries = provider.log.entries();
  entries[entries.size() - 5].body = entries[entries.size() - 7].body;
  entries[entries.size() - 6].body = entries[entries.size() - 8].body;
  const std::string one = told(provider.check(0));
  CHECK(one.find("its records do not give the root") != std::string::npos);
  for (const unsigned threads : {1U, 2U, 5U}) CHECK(told(provider.check(threads)) == one);
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

// db-01's October, as it was judged and sealed then.
rules::StoredOutcome october(const std::string& verdict) {
  return {.host = "db-01", .month = "2026-10", .size = "4x8", .verdict = verdict, .rules = "v"};
}

TEST_CASE("months before are what the log's outcome acts say, whatever the pack names") {
  Provider provider;
  provider.judge(october("low"));
  provider.whole_month();
  provider.build();
  std::string& list = provider.files["standings.list"];
  REQUIRE(list.find("2026-10/low/-/-") != std::string::npos);
  const auto delivered = [&] {
    provider.sign();
    provider.commit();
    return provider.check();
  };
  SUBCASE("as they are") {
    const auto result = delivered();
    CHECK_MESSAGE(result.findings.exit_code(true) == 0, told(result));
  }
  SUBCASE("another verdict") {
    list.replace(list.find("2026-10/low"), 11, "2026-10/off");
    CHECK_MESSAGE(tells(delivered(), "standings.list db-01: outcome and flag must be"), "");
  }
  SUBCASE("left out") {
    list.replace(list.find("2026-10/low/-/-"), 15, "-");
    CHECK(delivered().findings.exit_code(false) == 1);
  }
  SUBCASE("a month that the log does not know") {
    list.replace(list.find("2026-10/low"), 11, "2026-09/low/-/-;2026-10/low");
    const auto result = delivered();
    CHECK_MESSAGE(tells(result, "the log holds no outcomes of 2026-09"), told(result));
    CHECK(result.findings.count(FindingKind::cannot_tell) == 1);
    CHECK(result.findings.exit_code(false) != 0);
  }
}

TEST_CASE("what a month flags is raised as the figures give it, and a pack tells of it") {
  Provider provider;
  provider.power_off();
  provider.whole_month();
  SUBCASE("as it is") {
    provider.deliver();
    REQUIRE(provider.findings.size() == 1);
    const auto result = provider.check();
    CHECK_MESSAGE(result.findings.exit_code(true) == 0, told(result));
  }
  SUBCASE("not raised") {
    provider.lie_about_finding = [](auto& finding) { finding.id.clear(); };
    provider.deliver();
    CHECK(tells(provider.check(), "finding db-01:reclaim:2026-11: the refolded figures give it"));
  }
  SUBCASE("with another saving") {
    provider.lie_about_finding = [](auto& finding) { finding.details["saving_vcpus"] = "1"; };
    provider.deliver();
    CHECK(tells(provider.check(), "field.saving_vcpus must be '4', the log says '1'"));
  }
  SUBCASE("for another host too") {
    provider.invented = "web-01";
    provider.deliver();
    CHECK(tells(provider.check(), "finding web-01:reclaim:2026-11: it was raised or measured"));
  }
  SUBCASE("the list tells of another state") {
    provider.build();
    std::string& list = provider.files["findings.list"];
    list.replace(list.find("flagged"), 7, "withdrawn");
    provider.sign();
    provider.commit();
    CHECK(tells(provider.check(), "findings.list db-01:reclaim:2026-11: it must be"));
  }
  SUBCASE("the list tells of fewer steps than are sealed, or of more") {
    provider.build();
    std::string& list = provider.files["findings.list"];
    SUBCASE("fewer") { list = "steps 0\n"; }
    SUBCASE("more") { list.replace(0, 7, "steps 2"); }
    provider.sign();
    provider.commit();
    CHECK(provider.check().findings.exit_code(false) == 1);
  }
  SUBCASE("advice.json leaves it out") {
    provider.build();
    provider.files["advice.json"] = advice_of({});
    provider.sign();
    provider.commit();
    CHECK(tells(provider.check(), "db-01:reclaim:2026-11 reclaim.row: - -> there"));
  }
  SUBCASE("advice.json tells of another deadline") {
    provider.build();
    auto changed = provider.findings;
    changed[0].due = "2027-12-31";
    provider.files["advice.json"] = advice_of(changed);
    provider.sign();
    provider.commit();
    CHECK(tells(provider.check(), "db-01:reclaim:2026-11 reclaim.due: 2027-12-31 -> "));
  }
  SUBCASE("no list") {
    provider.build();
    provider.files.erase("findings.list");
    provider.sign();
    provider.commit();
    CHECK(provider.check().findings.exit_code(false) == 4);
  }
}

TEST_CASE("what was carried out is measured by the sizes of the table") {
  Provider provider;
  provider.whole_month();
  rules::StoredFinding done{.id = "db-01:reclaim:2026-09", .host = "db-01", .unit = "tax"};
  done.verdict = "low";
  done.month = "2026-09";
  done.state = "reclaimed";
  done.changed = first_hour - 30h * 24;
  done.details = {{"vcpus", "8"}, {"memory_gb", "16.00"}, {"why_en", "low"}};
  provider.log.seal(0, {step_line(done, rules::flag_act, 0)});
  provider.steps = 1;
  std::string saved = "4";
  SUBCASE("as it is") {}
  SUBCASE("more than it was") { saved = "8"; }
  SUBCASE("not at all") { saved.clear(); }
  provider.measured = done;
  provider.measured->details["actual_month"] = "2026-11";
  provider.measured->details["actual_vcpus"] = saved;
  provider.measured->details["actual_memory_gb"] = "8.00";
  if (saved.empty()) provider.measured = std::nullopt;
  provider.carried_out = done;
  provider.deliver();
  const auto result = provider.check();
  if (saved == "4") CHECK_MESSAGE(result.findings.exit_code(true) == 0, told(result));
  if (saved == "8") CHECK(tells(result, "field.actual_vcpus must be '4', the log says '8'"));
  if (saved.empty()) CHECK(tells(result, "finding db-01:reclaim:2026-09: the refolded figures"));
}

TEST_CASE("how a month was judged is sealed for the months that follow, as the figures give it") {
  Provider provider;
  provider.whole_month();
  SUBCASE("another verdict") {
    provider.lie_about_outcome = [](auto& outcome) { outcome.verdict = "normal"; };
    provider.deliver();
    CHECK(tells(provider.check(), "outcome db-01: the month's outcome must be sealed as"));
  }
  SUBCASE("left out") {
    provider.lie_about_outcome = [](auto& outcome) {
      if (outcome.host == "db-01") outcome.host.clear();
    };
    provider.deliver();
    CHECK(tells(provider.check(), "outcome db-01: "));
  }
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
  for (const std::uint64_t seed : {1U, 2U, 3U, 4U}) {
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
