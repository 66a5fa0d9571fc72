#include <doctest/doctest.h>

#include "collector/catalog/catalog.h"
#include "ledger/testing/temporary_directory.h"

namespace yunjian::collector {
namespace {

const ledger::Time start = ledger::parse_time("2026-11-22T08:00:00.000000Z").value();

TEST_CASE("a hold stays until it is lifted, and is told to whom it concerns") {
  const ledger::testing::TemporaryDirectory directory;
  const std::string path = directory.path() + "/catalog.sqlite";
  {
    auto catalog = Catalog::open(path);
    REQUIRE(catalog);
    REQUIRE((*catalog)->put_hold({.id = "a1",
                                  .unit = "tax",
                                  .host = "web-01",
                                  .first_day = 20000,
                                  .last_day = 20030,
                                  .reason = "案件 17",
                                  .who = "uid 0",
                                  .since = start}));
    REQUIRE((*catalog)->put_hold(
        {.id = "b2", .last_day = 9, .reason = "all", .who = "uid 0", .since = start}));
    CHECK_FALSE((*catalog)->put_hold({.id = "a1", .reason = "again", .since = start}));
  }
  auto catalog = Catalog::open(path);
  REQUIRE(catalog);
  auto all = (*catalog)->holds(Scope::all());
  REQUIRE(all);
  REQUIRE(all->size() == 2);
  CHECK((*all)[0].unit == "tax");
  CHECK((*all)[0].host == "web-01");
  CHECK((*all)[0].first_day == 20000);
  CHECK((*all)[0].last_day == 20030);
  CHECK((*all)[0].reason == "案件 17");
  CHECK((*all)[0].since == start);
  CHECK_FALSE((*all)[0].lifted.has_value());
  CHECK((*catalog)->holds(Scope::units({"water"}))->size() == 1);
  REQUIRE((*catalog)->lift_hold("a1", start + std::chrono::hours(1)));
  CHECK_FALSE((*catalog)->lift_hold("a1", start));
  CHECK_FALSE((*catalog)->lift_hold("none", start));
  CHECK((*catalog)->holds(Scope::all())->front().lifted == start + std::chrono::hours(1));
}

TEST_CASE("a copy of the catalog is as it was, whatever is written later") {
  const ledger::testing::TemporaryDirectory directory;
  auto catalog = Catalog::open(directory.path() + "/catalog.sqlite");
  REQUIRE(catalog);
  REQUIRE((*catalog)->put_units({{"tax", "税务局", "east"}}));
  const std::string path = directory.path() + "/copy.sqlite";
  REQUIRE((*catalog)->copy_to(path));
  REQUIRE((*catalog)->put_units({{"water", "水务局", "east"}}));
  CHECK_FALSE((*catalog)->copy_to(path));  // never over another file
  auto copy = Catalog::open(path);
  REQUIRE(copy);
  CHECK((*copy)->units(Scope::all())->size() == 1);
}

}  // namespace
}  // namespace yunjian::collector
