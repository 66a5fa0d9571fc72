#include "collector/month_packs.h"

#include <doctest/doctest.h>

#include "collector/admin_protocol.h"
#include "collector/testing/served_collector.h"
#include "ledger/report_manifest.h"
#include "ledger/statement_leaves.h"

namespace yunjian::collector {
namespace {

using testing::ServedCollector;

// The answer of `report build` for a month that is over.
AdminAnswer built(ServedCollector& fixture, const std::string& all = "",
                  const std::string& lang = "") {
  auto answer =
      ask_admin(fixture.data() + "/admin.sock",
                {.command = "report build",
                 .fields = {{"month", "2026-01"}, {"all", all}, {"lang", lang}, {"out", "packs"}}});
  REQUIRE_MESSAGE(answer, answer.error().message);
  return **answer;
}

TEST_CASE_FIXTURE(ServedCollector,
                  "a report of a month that is over is kept, signed and in the log") {
  init();
  serve();
  import_unit();
  const std::uint64_t size = collector->log().size();
  const AdminAnswer answer = built(*this);
  CHECK(files.read_file(answer.copies.at("utilization.json"))->find("\"2026-01\"") !=
        std::string::npos);
  CHECK(files.read_file(answer.copies.at("utilization.xlsx"))->starts_with("PK"));
  CHECK(files.list(data() + "/scratch")->empty());
  const std::string note = *files.read_file(answer.copies.at("manifest"));
  const auto opened = ledger::open_note(note, {collector->log().verifier()});
  REQUIRE(opened);
  const auto manifest = ledger::parse_report_manifest(opened->text);
  REQUIRE_MESSAGE(manifest, manifest.error().message);
  const auto hasher = collector->log().suite().hasher();
  for (const auto& file : manifest->files) {
    CHECK(hasher->plain(*files.read_file(answer.copies.at(file.path))) == file.hash);
  }
  CHECK(manifest->tree.size == size + 1);  // what waited in the own stream was sealed first
  CHECK(*collector->log().root(manifest->tree.size) == manifest->tree.root);
  const auto leaf = ledger::parse_note(*collector->log().leaf(manifest->tree.size));
  REQUIRE(leaf);
  CHECK(ledger::parse_report(leaf->text)->manifest == hasher->plain(note));
}

TEST_CASE_FIXTURE(ServedCollector, "in English what has languages is handed out in English") {
  init();
  serve();
  const AdminAnswer english = built(*this, "", "en");
  CHECK((english.copies.contains("utilization.xlsx") && !english.copies.contains("advice.html")));
  CHECK(get("/v1/reports/2026-01/advice.html?lang=en", token()).body ==
        *files.read_file(english.copies.at("en/advice.html")));
}

TEST_CASE_FIXTURE(ServedCollector,
                  "without --out nothing is copied, and it is told where the pack is") {
  init();
  serve();
  const auto answer = ask_admin(data() + "/admin.sock",
                                {.command = "report build", .fields = {{"month", "2026-01"}}});
  REQUIRE(answer);
  CHECK(((*answer)->files.empty() && (*answer)->copies.empty()));
  CHECK((*answer)->out.find("kept in " + data() + "/reports/2026-01/r1;") != std::string::npos);
}

TEST_CASE_FIXTURE(ServedCollector,
                  "a month built again is the same revision, or a later one that says why") {
  init();
  serve();
  import_unit();
  const AdminAnswer first = built(*this);
  CHECK(first.out.find("revision 1, leaf ") != std::string::npos);
  const AdminAnswer again = built(*this);
  CHECK(again.out.find("revision 1 as it was") != std::string::npos);
  CHECK(again.copies == first.copies);
  const AdminAnswer all = built(*this, "yes");
  CHECK(all.out.find("revision 2, leaf ") != std::string::npos);
  CHECK(all.out.find("  new: unit/tax/utilization.json\n") != std::string::npos);
  CHECK(all.out.find("changed: utilization") == std::string::npos);
  CHECK(files.exists(all.copies.at("county/east/advice.html")));
  ask({.command = "inventory import",
       .fields = {{"kind", "drill"},
                  {"csv", "id,date,scenario,result\nD-1,2026-01-09,切换,成功\n"}}});
  const AdminAnswer changed = built(*this);  // what had units once has them again
  CHECK(changed.out.find("revision 3, leaf ") != std::string::npos);
  CHECK(changed.out.find("  changed: operations.csv\n") != std::string::npos);
  CHECK(changed.out.find("utilization") == std::string::npos);
  CHECK_FALSE(changed.copies.contains("unit/tax/utilization.json"));
}

TEST_CASE_FIXTURE(
    ServedCollector,
    "a revision that a crash kept out of the log gets its leaf, not a second number") {
  init();
  serve();
  const AdminAnswer first = built(*this);
  const std::string leaf = ledger::parent_directory(first.copies.at("manifest")) + "/leaf";
  REQUIRE(files.remove(leaf));
  restart();
  const AdminAnswer again = built(*this);
  CHECK(again.out.find("revision 1 as it was") != std::string::npos);
  CHECK(*files.exists(leaf));
}

TEST_CASE_FIXTURE(ServedCollector, "what was left of a build that a crash ended does no harm") {
  init();
  serve();
  REQUIRE(files.make_directory(data() + "/reports", 0700));
  REQUIRE(files.make_directory(data() + "/reports/2026-01", 0700));
  REQUIRE(files.make_directory(data() + "/reports/2026-01/making", 0700));
  REQUIRE(ledger::replace_file(files, data() + "/reports/2026-01/making/x.json", "{", 0600));
  const AdminAnswer answer = built(*this);
  CHECK(answer.out.find("revision 1, leaf ") != std::string::npos);
  CHECK_FALSE(answer.copies.contains("x.json"));
}

}  // namespace
}  // namespace yunjian::collector
