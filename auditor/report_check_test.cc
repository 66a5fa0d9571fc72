#include "auditor/report_check.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "auditor/testing/lying_provider.h"
#include "rules/month/table_json.h"

namespace yunjian::auditor {
namespace {

using namespace std::chrono_literals;
using testing::advice_of;
using testing::first_hour;
using testing::hour_at;
using testing::optional_percent;
using testing::Provider;
using testing::register_line;
using testing::step_line;
using testing::tells;
using testing::told;

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

TEST_CASE("advice.json that sums more than there is to save is told") {
  Provider provider;
  provider.power_off();
  provider.whole_month();
  provider.build();
  std::string& advice = provider.files["advice.json"];
  const std::size_t at = advice.find(R"("saving_vcpus":4.00)");
  REQUIRE(at != advice.npos);
  advice.replace(at, 19, R"("saving_vcpus":9.00)");
  provider.sign();
  provider.commit();
  CHECK(tells(provider.check(), "city savings.saving_vcpus: 9.00 -> 4.00"));
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
