#include "collector/catalog/catalog.h"

#include <doctest/doctest.h>
#include <soci/soci.h>
#include <soci/sqlite3/soci-sqlite3.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

namespace yunjian::collector {
namespace {

using namespace std::chrono_literals;

const ledger::Time now = ledger::parse_time("2026-11-22T08:00:00.000000Z").value();

// A directory of its own, gone at the end.
class Directory {
 public:
  Directory() {
    std::string pattern = std::filesystem::temp_directory_path() / "catalog-test-XXXXXX";
    REQUIRE(::mkdtemp(pattern.data()) != nullptr);
    path_ = pattern;
  }
  Directory(const Directory&) = delete;
  Directory& operator=(const Directory&) = delete;
  ~Directory() { std::filesystem::remove_all(path_); }
  std::string file() const { return path_ / "catalog.sqlite"; }

 private:
  std::filesystem::path path_;
};

std::unique_ptr<Catalog> open_catalog(const Directory& directory) {
  auto catalog = Catalog::open(directory.file());
  REQUIRE_MESSAGE(catalog.has_value(), catalog.error().message);
  return std::move(*catalog);
}

void add_two_units(Catalog& catalog) {
  REQUIRE(catalog.put_units({{"finance", "财政局", "east"}, {"health", "卫健委", "west"}}));
  REQUIRE(catalog.put_hosts({{.id = "web-01", .unit = "finance", .name = "门户", .vcpus = 4},
                             {.id = "his-01", .unit = "health", .memory_bytes = 5ULL << 40U}}));
}

Scope only(const std::string& unit) { return Scope::units({unit}); }

TEST_CASE("The catalog's file can be read by its owner only, the journals beside it too") {
  const Directory directory;
  const auto catalog = open_catalog(directory);
  add_two_units(*catalog);
  for (const std::string suffix : {"", "-wal", "-shm"}) {
    struct stat status {};
    REQUIRE(::stat((directory.file() + suffix).c_str(), &status) == 0);
    CHECK((status.st_mode & 0777U) == 0600U);
  }
}

TEST_CASE("What was put into the catalog is there after it was closed and opened again") {
  const Directory directory;
  {
    const auto catalog = open_catalog(directory);
    add_two_units(*catalog);
    REQUIRE(catalog->put_agent({.id = std::string(32, 'a'),
                                .incarnation = 3,
                                .host = "web-01",
                                .unit = "finance",
                                .certificate_sha256 = "00ff",
                                .enrolled = now}));
  }
  const auto catalog = open_catalog(directory);
  CHECK(catalog->units(Scope::all()).value().at(1).name == "卫健委");
  const auto host = catalog->host(Scope::all(), "his-01").value();
  REQUIRE(host.has_value());
  CHECK(host->memory_bytes == 5ULL << 40U);
  const auto agent = catalog->agent(Scope::all(), std::string(32, 'a')).value();
  REQUIRE(agent.has_value());
  CHECK(agent->incarnation == 3);
  CHECK(agent->enrolled == now);
}

TEST_CASE("A scope sees its own units, hosts and agents and nothing of others") {
  const Directory directory;
  const auto catalog = open_catalog(directory);
  add_two_units(*catalog);
  REQUIRE(catalog->put_agent({.id = "a1", .host = "his-01", .unit = "health"}));
  CHECK(catalog->units(only("finance")).value().size() == 1);
  CHECK(catalog->hosts(only("finance")).value().at(0).id == "web-01");
  CHECK(catalog->host(only("finance"), "web-01").value().has_value());
  CHECK_FALSE(catalog->host(only("finance"), "his-01").value().has_value());
  CHECK_FALSE(catalog->agent(only("finance"), "a1").value().has_value());
  CHECK(catalog->agents(only("finance")).value().empty());
  CHECK(catalog->agents(only("health")).value().size() == 1);
}

TEST_CASE("A list with one bad row changes nothing") {
  const Directory directory;
  const auto catalog = open_catalog(directory);
  CHECK_FALSE(catalog->put_units({{"good", "好", ""}, {"Bad Id", "坏", ""}}));
  CHECK(catalog->units(Scope::all()).value().empty());
  add_two_units(*catalog);
  const auto put = catalog->put_hosts(
      {{.id = "new-01", .unit = "finance"}, {.id = "new-02", .unit = "no-such-unit"}});
  REQUIRE_FALSE(put);
  CHECK(put.error().kind == ledger::ErrorKind::reject);
  CHECK(put.error().message.find("no-such-unit") != std::string::npos);
  CHECK(catalog->hosts(Scope::all()).value().size() == 2);
}

TEST_CASE("Putting a unit or host again replaces it and keeps one row") {
  const Directory directory;
  const auto catalog = open_catalog(directory);
  add_two_units(*catalog);
  REQUIRE(catalog->put_units({{"finance", "市财政局", "north"}}));
  REQUIRE(catalog->put_hosts({{.id = "web-01", .unit = "finance", .vcpus = 8}}));
  CHECK(catalog->units(Scope::all()).value().at(0).name == "市财政局");
  CHECK(catalog->host(Scope::all(), "web-01").value()->vcpus == 8);
  CHECK(catalog->hosts(Scope::all()).value().size() == 2);
}

TEST_CASE("A token gives its role and scope until it expires or is revoked") {
  const Directory directory;
  const auto catalog = open_catalog(directory);
  add_two_units(*catalog);
  const auto id = catalog->add_token(
      "secret-1", {.name = "张三", .role = Role::unit, .units = {"finance"}, .expires = now + 24h},
      now);
  REQUIRE(id.has_value());
  const auto good = catalog->credential("secret-1", now).value();
  REQUIRE(good.has_value());
  CHECK(good->id == *id);
  CHECK(good->name == "张三");
  CHECK(good->role == Role::unit);
  CHECK(good->scope.allows("finance"));
  CHECK_FALSE(good->scope.allows("health"));
  CHECK_FALSE(catalog->credential("secret-2", now).value().has_value());
  CHECK_FALSE(catalog->credential("", now).value().has_value());
  CHECK_FALSE(catalog->credential("secret-1", now + 24h).value().has_value());
  CHECK(catalog->revoke_token(*id).value());
  CHECK_FALSE(catalog->credential("secret-1", now).value().has_value());
  CHECK_FALSE(catalog->revoke_token("no-such-id").value());
  CHECK(catalog->tokens().value().at(0).revoked);
}

TEST_CASE("A county's token covers the units that are in the county now") {
  const Directory directory;
  const auto catalog = open_catalog(directory);
  add_two_units(*catalog);
  REQUIRE(catalog->add_token(
      "c", {.name = "east", .role = Role::county, .county = "east", .expires = now + 24h}, now));
  CHECK(catalog->credential("c", now).value()->scope.allows("finance"));
  CHECK_FALSE(catalog->credential("c", now).value()->scope.allows("health"));
  REQUIRE(catalog->put_units({{"health", "卫健委", "east"}}));
  CHECK(catalog->credential("c", now).value()->scope.allows("health"));
}

TEST_CASE("No token's secret is in the file") {
  const Directory directory;
  const auto catalog = open_catalog(directory);
  REQUIRE(catalog->add_token("very-secret-text", {.name = "a", .expires = now + 1h}, now));
  REQUIRE(catalog->add_enrol_token("enrol-secret-text", {.unit = "u", .expires = now + 1h}, now));
  std::string bytes;
  for (const std::string suffix : {"", "-wal"}) {
    std::ifstream file(directory.file() + suffix, std::ios::binary);
    bytes.append(std::istreambuf_iterator<char>(file), {});
  }
  CHECK(bytes.size() > 1000);
  CHECK(bytes.find("secret-text") == std::string::npos);
}

Reservation reservation_of(const std::string& key, const std::string& agent) {
  return {.first_key = key, .agent = agent, .unit = "finance", .host = "web-01", .text = "text\n"};
}

TEST_CASE("An enrol token is good for its uses, and for a repeat by the same key") {
  const Directory directory;
  const auto catalog = open_catalog(directory);
  const std::string key_one("\x00\xff one", 6);
  REQUIRE(catalog->add_enrol_token("t", {.unit = "finance", .expires = now + 1h}, now));
  CHECK(catalog->enrol_token("t", key_one, now).value().unit == "finance");
  CHECK_FALSE(catalog->reservation("t", key_one).value().has_value());
  REQUIRE(catalog->reserve("t", reservation_of(key_one, "a1")));
  REQUIRE(catalog->reserve("t", reservation_of(key_one, "a2")));
  CHECK(catalog->reservation("t", key_one).value()->agent == "a1");
  CHECK(catalog->reservation("t", key_one).value()->first_key == key_one);
  CHECK(catalog->enrol_token("t", key_one, now).has_value());
  CHECK(catalog->enrol_token("t", key_one, now + 2h).has_value());
  CHECK(catalog->enrol_token("t", "key-two", now).error().message.find("used up") !=
        std::string::npos);
  CHECK_FALSE(catalog->reserve("t", reservation_of("key-two", "a2")));
  CHECK_FALSE(catalog->enrol_token("other", key_one, now));
}

TEST_CASE("A finished enrolment gives its certificate and leaf again") {
  const Directory directory;
  const auto catalog = open_catalog(directory);
  REQUIRE(catalog->add_enrol_token("t", {.unit = "finance", .expires = now + 1h}, now));
  auto reservation = reservation_of("key", "a1");
  CHECK_FALSE(catalog->finish("t", reservation));
  REQUIRE(catalog->reserve("t", reservation));
  reservation.certificate = "PEM";
  reservation.leaf = "yunjian/enrolment/v1\n…\n";
  REQUIRE(catalog->finish("t", reservation));
  CHECK(catalog->reservation("t", "key").value()->certificate == "PEM");
  CHECK(catalog->reservation("t", "key").value()->leaf == reservation.leaf);
}

TEST_CASE("An expired enrol token says so") {
  const Directory directory;
  const auto catalog = open_catalog(directory);
  REQUIRE(catalog->add_enrol_token("t", {.unit = "u", .expires = now}, now - 1h));
  CHECK(catalog->enrol_token("t", "k", now).error().message.find("expired") != std::string::npos);
}

TEST_CASE("Many threads may use one catalog; each use of a token is counted") {
  const Directory directory;
  const auto catalog = open_catalog(directory);
  REQUIRE(catalog->add_enrol_token("t", {.unit = "u", .uses = 5, .expires = now + 1h}, now));
  std::atomic<int> reserved = 0;
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&, t] {
        for (int i = 0; i < 4; ++i) {
          const auto key = std::to_string(t * 10 + i);
          if (catalog->reserve("t", reservation_of(key, "a" + key))) ++reserved;
        }
      });
    }
  }
  CHECK(reserved == 5);
}

TEST_CASE("A file of another version or that is no catalog is refused and left alone") {
  const Directory directory;
  { const auto catalog = open_catalog(directory); }
  {
    soci::session sql(soci::sqlite3, "dbname=" + directory.file());
    sql << "UPDATE schema_version SET version = 99";
  }
  const auto opened = Catalog::open(directory.file());
  REQUIRE_FALSE(opened.has_value());
  CHECK(opened.error().message.find("version 99") != std::string::npos);
  {
    std::ofstream file(directory.file(), std::ios::binary | std::ios::trunc);
    file << std::string(8192, 'x');
  }
  const auto garbage = Catalog::open(directory.file());
  REQUIRE_FALSE(garbage.has_value());
  CHECK(garbage.error().kind == ledger::ErrorKind::corrupt);
}

}  // namespace
}  // namespace yunjian::collector
