#include "collector/report/month_types.h"

#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>

namespace yunjian::collector {
namespace {

using namespace std::chrono_literals;

struct TermsFixture {
  TermsFixture() {
    std::string pattern = std::filesystem::temp_directory_path() / "terms-test-XXXXXX";
    REQUIRE(::mkdtemp(pattern.data()) != nullptr);
    directory = pattern;
    auto opened = Catalog::open(directory / "catalog.sqlite");
    REQUIRE_MESSAGE(opened, opened.error().message);
    catalog = std::move(*opened);
    REQUIRE(catalog->put_units({{"tax", "税务局", "east"}, {"water", "水利局", ""}}));
    REQUIRE(
        catalog->put_hosts({{.id = "web-01", .unit = "tax"}, {.id = "db-01", .unit = "water"}}));
  }
  ~TermsFixture() { std::filesystem::remove_all(directory); }
  void put(const std::string& kind, const std::string& id,
           std::map<std::string, std::string, std::less<>> fields) {
    RegistryEntry entry{.kind = kind, .id = id, .fields = std::move(fields)};
    const auto checked = check_entry(entry, [&](std::string_view of, std::string_view which) {
      return catalog->owner(Scope::all(), of, which).value();
    });
    REQUIRE_MESSAGE(checked, checked.error().message);
    REQUIRE(catalog->put_entries({entry}));
  }
  std::unique_ptr<MonthTerms> terms(rules::Month month) {
    auto read = MonthTerms::read(inventory_of(*catalog), rules, month);
    REQUIRE_MESSAGE(read, read.error().message);
    return std::move(*read);
  }
  HostFacts facts(const std::string& id, const std::string& unit, rules::Month month) {
    HostFacts host{.id = id, .unit = unit, .county = unit == "tax" ? "east" : ""};
    kept = terms(month);
    kept->add_to(host);
    return host;
  }

  std::filesystem::path directory;
  std::unique_ptr<Catalog> catalog;
  rules::RuleSet rules = rules::default_rule_set().value();
  std::unique_ptr<MonthTerms> kept;
};

TEST_CASE_FIXTURE(TermsFixture,
                  "the narrowest agreement in force decides, and one that ended does not") {
  put("system", "portal", {{"unit", "tax"}, {"name", "门户"}, {"public", "yes"}});
  put("host_terms", "web-01", {{"host", "web-01"}, {"system", "portal"}});
  const auto agreement = [&](const std::string& id,
                             std::map<std::string, std::string, std::less<>> of,
                             const std::string& limit) {
    of.insert({{"unit", "tax"}, {"signed", "2026-01-01"}, {"from", "2026-01-01"}});
    of["limits"] = R"({"low":{"cpu_p95":)" + limit + "}}";
    put("agreement", id, of);
  };
  agreement("X-unit", {}, "19");
  CHECK(facts("web-01", "tax", 2026y / 10).rules->agreement == "X-unit");
  agreement("X-system", {{"system", "portal"}}, "18");
  CHECK(facts("web-01", "tax", 2026y / 10).rules->agreement == "X-system");
  agreement("X-host", {{"host", "web-01"}, {"until", "2026-09-30"}}, "17");
  CHECK(facts("web-01", "tax", 2026y / 9).rules->agreement == "X-host");
  CHECK(facts("web-01", "tax", 2026y / 10).rules->agreement == "X-system");
  CHECK(facts("db-01", "water", 2026y / 10).rules == nullptr);
  const HostFacts host = facts("web-01", "tax", 2026y / 10);
  CHECK(host.is_public);
  CHECK(host.system == "门户");
  CHECK(host.payer == "county");
  CHECK(facts("db-01", "water", 2026y / 10).payer == "city");
}

TEST_CASE_FIXTURE(TermsFixture, "sizes and prices are those in force at the month's end") {
  const auto spec = [&](const std::string& id, const std::string& from, const std::string& until,
                        const std::string& price) {
    put("spec", id,
        {{"name", id},
         {"vcpus", "4"},
         {"memory_gb", "8"},
         {"from", from},
         {"until", until},
         {"month_price", price}});
  };
  spec("s4-old", "2025-01-01", "2026-10-30", "100");
  spec("s4", "2026-10-31", "", "120.5");
  spec("s4-next", "2026-11-01", "", "140");
  put("host_terms", "web-01", {{"host", "web-01"}, {"spec", "s4"}});
  const auto october = terms(2026y / 10);
  REQUIRE(october->catalogue().size() == 1);
  CHECK(october->catalogue()[0].id == "s4");
  CHECK(october->catalogue()[0].memory_bytes == 8ULL << 30U);
  CHECK(october->catalogue()[0].month_fen == 12050);
  CHECK(facts("web-01", "tax", 2026y / 10).month_fen == 12050);
}

TEST_CASE_FIXTURE(TermsFixture, "exemptions, dates and power come with the host") {
  put("exemption", "HM-1",
      {{"host", "db-01"},
       {"type", "declared_cycle"},
       {"reason", "年终"},
       {"approver", "李"},
       {"from", "2026-10-01"},
       {"until", "2026-12-31"}});
  put("power", "db-01-10", {{"host", "db-01"}, {"month", "2026-10"}, {"off_days", "28.5"}});
  put("host_terms", "db-01",
      {{"host", "db-01"},
       {"state", "trial"},
       {"online_from", "2026-09-01"},
       {"retired_on", "2026-10-20"}});
  const HostFacts host = facts("db-01", "water", 2026y / 10);
  REQUIRE(host.terms.exemptions.size() == 1);
  CHECK(host.terms.exemptions[0].kind == rules::ExemptionKind::declared_cycle);
  CHECK(host.terms.state == rules::HostState::trial);
  CHECK(host.month.powered_off == std::chrono::seconds(28 * 86400 + 43200));
  CHECK(host.retired == ledger::parse_time("2026-10-19T16:00:00.000000Z").value());
  CHECK_FALSE(facts("db-01", "water", 2026y / 11).month.powered_off);
}

TEST_CASE_FIXTURE(TermsFixture, "the months before come back, and a resize begins anew") {
  REQUIRE(catalog->put_outcomes(
      {{.host = "web-01", .month = "2025-09", .size = "4x8", .verdict = "low"},
       {.host = "web-01", .month = "2026-06", .size = "8x16", .verdict = "low"},
       {.host = "web-01",
        .month = "2026-07",
        .size = "4x8",
        .verdict = "low",
        .clears = "high idle"},
       {.host = "web-01", .month = "2026-08", .size = "", .verdict = "insufficient_data"},
       {.host = "web-01", .month = "2026-09", .size = "4x8", .verdict = "low", .exempt = "trial"},
       {.host = "web-01", .month = "2026-10", .size = "4x8", .verdict = "high"}}));
  const auto october = terms(2026y / 10);
  const auto months = october->history()("web-01", "4x8");
  REQUIRE(months.size() == 2);
  CHECK(months[0].month == 2026y / 7);
  CHECK(months[0].clears.size() == 2);
  CHECK(months[1].exempt->kind == rules::ExemptionKind::trial);
  CHECK(october->history()("web-01", "8x16").empty());
  CHECK(october->history()("other", "4x8").empty());
}

}  // namespace
}  // namespace yunjian::collector
