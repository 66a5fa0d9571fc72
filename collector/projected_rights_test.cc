#include "collector/projected_rights.h"

#include <algorithm>

#include "collector/api/testing/api_kit.h"
#include "collector/projection.h"

namespace yunjian::collector {
namespace {

using testing::ApiKit;

// The acts are made by the office, as behind the API; then an older copy of the catalog takes the
// place of the one that knows them.
struct ProjectedRightsFixture : ApiKit {
  ProjectedRightsFixture() { project(); }

  Projected project() {
    auto done = project_acts(*catalog, *log);
    REQUIRE_MESSAGE(done, done.error().message);
    return *done;
  }
  std::string copy() {
    std::string path = directory.path() + "/copy.sqlite";
    REQUIRE(catalog->copy_to(path));
    return path;
  }
  void put_back(const std::string& path) {
    catalog = std::move(*Catalog::open(path));
    project();
  }
  Doer doer(const std::string& who) { return doer_of(credential(who), "192.0.2.9"); }
  bool is_good(const std::string& who) {
    auto found = catalog->credential(secret(who), log.clock.wall());
    REQUIRE(found);
    return found->has_value();
  }
  // Reads messages of tax's, until somebody revokes it.
  std::string let_read() {
    const auto given =
        office->propose(doer("tax"), {.kind = GrantKind::messages,
                                      .to = credential("provider").id,
                                      .units = {"tax"},
                                      .reason = "incident",
                                      .until = log.clock.wall() + std::chrono::days(2)});
    REQUIRE(given);
    return given->id;
  }
  bool reads_messages() { return credential("provider").scope.allows_messages("tax"); }
};

TEST_CASE_FIXTURE(ProjectedRightsFixture,
                  "what was revoked since stays revoked in an older copy of the catalog") {
  let_read();
  const std::string enrol_token = *catalog->add_enrol_token(
      "enrol-secret", {.unit = "tax", .expires = log.clock.wall() + std::chrono::days(1)},
      log.clock.wall());
  const std::string older = copy();
  REQUIRE(office->revoke_token(doer("security"), credential("police").id));
  REQUIRE(office->close_account(doer("security"), "audit"));
  REQUIRE(office->revoke_grant(doer("tax"), catalog->grants()->back().id));
  // As the operator's commands say it: `token revoke`, `enrol-token revoke`.
  Act ended(log.clock.wall(), "revoke");
  ended.text("who", "uid 0 (root)").text("credential", credential("east").id);
  REQUIRE(log->commit(testing::only(OwnRecord{ended.line()})));
  Act used(log.clock.wall(), "enrol-token");
  used.text("step", "revoke").text("token", enrol_token);
  REQUIRE(log->commit(testing::only(OwnRecord{used.line()})));
  SUBCASE("sealed") { seal(); }
  SUBCASE("not yet sealed") {}
  put_back(older);
  for (const char* gone : {"police", "audit", "east"}) {
    CAPTURE(gone);
    CHECK_FALSE(is_good(gone));
  }
  CHECK_FALSE(reads_messages());
  CHECK(catalog->enrol_tokens()->back().revoked);
  for (const char* kept : {"tax", "authority", "security", "provider"}) {
    CAPTURE(kept);
    CHECK(is_good(kept));
  }
}

TEST_CASE_FIXTURE(ProjectedRightsFixture,
                  "accounts and grants that an older copy does not know come back") {
  const std::string older = copy();
  REQUIRE(office->add_account(doer("security"), "zhao", "赵"));
  const auto wish =
      office->propose(doer("security"), {.to = "zhao",
                                         .role = Role::unit,
                                         .units = {"tax", "police"},
                                         .reason = "works there",
                                         .until = log.clock.wall() + std::chrono::days(9)});
  REQUIRE(wish);
  REQUIRE(office->approve(doer("guard"), wish->id));
  let_read();
  const auto before = *catalog->grants();
  put_back(older);
  CHECK(reads_messages());
  const auto accounts = *catalog->accounts();
  const auto zhao = std::ranges::find(accounts, "zhao", &Account::id);
  REQUIRE(zhao != accounts.end());
  CHECK(zhao->name == "赵");
  const auto after = *catalog->grants();
  REQUIRE(after.size() == before.size());
  for (std::size_t i = 0; i < after.size(); ++i) {
    CAPTURE(before[i].id);
    CHECK(after[i].id == before[i].id);
    CHECK(after[i].to == before[i].to);
    CHECK(after[i].role == before[i].role);
    CHECK(after[i].units == before[i].units);
    CHECK(after[i].until == before[i].until);
    CHECK(after[i].proposed == before[i].proposed);
    CHECK(after[i].proposed_by == before[i].proposed_by);
    CHECK(after[i].approved_by == before[i].approved_by);
    CHECK(after[i].approved == before[i].approved);
  }
}

TEST_CASE_FIXTURE(ProjectedRightsFixture,
                  "a catalog that was lost knows accounts and grants again, and no token") {
  const auto before = *catalog->grants();
  put_back(directory.path() + "/anew.sqlite");
  CHECK(catalog->accounts()->size() == 4);
  CHECK(catalog->grants()->size() == before.size());
  CHECK(catalog->tokens()->empty());
  CHECK_FALSE(is_good("security"));
}

TEST_CASE_FIXTURE(ProjectedRightsFixture,
                  "acts whose rows are there change nothing; a revoked grant stays so") {
  const std::string grant = let_read();
  REQUIRE(office->revoke_grant(doer("tax"), grant));
  REQUIRE(catalog->set_projected_acts(0));
  CHECK(project().rights == 0);
  CHECK_FALSE(reads_messages());
}

TEST_CASE_FIXTURE(ProjectedRightsFixture,
                  "an act that names a token's maker revokes what it names and not him") {
  // Over the API `credential` is who revoked it.
  REQUIRE(office->revoke_token(doer("security"), credential("police").id));
  REQUIRE(catalog->set_projected_acts(0));
  project();
  CHECK(is_good("security"));
  CHECK_FALSE(is_good("police"));
}

}  // namespace
}  // namespace yunjian::collector
