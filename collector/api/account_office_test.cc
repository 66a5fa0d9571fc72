#include "collector/api/account_office.h"

#include <doctest/doctest.h>

#include "ledger/record.h"
#include "ledger/testing/manual_clock.h"
#include "ledger/testing/seeded_random.h"
#include "ledger/testing/temporary_directory.h"

namespace yunjian::collector {
namespace {

using namespace std::chrono_literals;

// Two units, an authority with a token of no account, an operator at the machine.
struct AccountOfficeFixture {
  ledger::testing::TemporaryDirectory directory;
  ledger::testing::ManualClock clock{ledger::Time(std::chrono::hours(24 * 20'000))};
  ledger::testing::SeededRandom random{1};
  std::unique_ptr<Catalog> catalog = std::move(*Catalog::open(directory.path() + "/c.sqlite"));
  std::vector<std::string> acts;
  bool acts_fail = false;
  AccountOffice office{{.catalog = *catalog,
                        .clock = clock,
                        .random = random,
                        .record = [this](std::string line) -> ledger::Result<void> {
                          if (acts_fail) return ledger::fail(ledger::ErrorKind::full, "no room");
                          acts.push_back(std::move(line));
                          return {};
                        }}};
  const Doer local{.who = "uid 0 (root)", .credential = {}};

  AccountOfficeFixture() {
    REQUIRE(catalog->put_units({{"tax", "税务局", "east"}, {"police", "公安局", "west"}}));
  }

  Doer plain(const std::string& name, Role role, std::vector<std::string> units = {}) {
    const std::string secret = name + "-secret";
    const TokenSpec spec{.name = name,
                         .role = role,
                         .units = std::move(units),
                         .county = "",
                         .expires = clock.wall() + 24h * 365};
    if (!*catalog->credential(secret, clock.wall())) {
      REQUIRE(catalog->add_token(secret, spec, clock.wall()));
    }
    return doer_of(**catalog->credential(secret, clock.wall()), "192.0.2.7");
  }
  Doer authority() { return plain("authority", Role::authority); }

  GrantWish wish(const std::string& to, Role role, std::vector<std::string> units = {}) {
    return {.to = to,
            .role = role,
            .units = std::move(units),
            .reason = "works there",
            .until = clock.wall() + 24h * 30};
  }
  std::string proposed(const Doer& doer, const GrantWish& wanted) {
    auto grant = office.propose(doer, wanted);
    REQUIRE_MESSAGE(grant.has_value(), grant.error().detail);
    return grant->id;
  }
  int status(const auto& outcome) { return outcome ? 200 : outcome.error().status; }

  // An account with a role and a token of its own, made the way the rules ask for.
  struct Couple {
    Doer first;
    Doer second;
  };
  Doer appointed(const GrantWish& wanted, const Couple& couple) {
    const auto& [first, second] = couple;
    const std::string& id = wanted.to;
    const Role role = wanted.role;
    REQUIRE(office.add_account(first, id, "the person " + id));
    REQUIRE(office.approve(second, proposed(first, wanted)));
    auto token = office.make_token(first, id, 30);
    REQUIRE(token);
    REQUIRE(!token->grant.empty());
    CHECK(!*catalog->credential(token->secret, clock.wall()));
    REQUIRE(office.approve(second, token->grant));
    auto credential = catalog->credential(token->secret, clock.wall());
    REQUIRE(credential);
    REQUIRE(*credential);
    CHECK((*credential)->account == id);
    CHECK((*credential)->role == role);
    return doer_of(**credential, "192.0.2.8");
  }
  Doer security(const std::string& id) {
    return appointed(wish(id, Role::security), {local, authority()});
  }
};

TEST_CASE("account ids are short, lower case, and never look like the id of a token") {
  for (const std::string good : {"a", "li.na", "ops-1", "deadbeef", "abcdefabcdeg"}) {
    CHECK(is_account_id(good));
  }
  for (const std::string bad :
       {"", "Li", "1a", ".a", "a b", "a/b", "abcdefabcdef", "a\n", "租户"}) {
    CHECK_FALSE(is_account_id(bad));
  }
  CHECK(is_account_id(std::string(64, 'x')));
  CHECK_FALSE(is_account_id(std::string(65, 'x')));
}

TEST_CASE_FIXTURE(AccountOfficeFixture,
                  "a role takes two people, and neither of them is who gets it") {
  const Doer li = security("li");
  const Doer wang = security("wang");
  REQUIRE(office.add_account(li, "zhao", "赵"));
  const std::string grant = proposed(li, wish("zhao", Role::audit));
  CHECK(status(office.approve(li, grant)) == 403);
  CHECK(status(office.approve(local, grant)) == 403);
  CHECK(status(office.approve(authority(), grant)) == 403);  // only for security
  CHECK(status(office.approve(plain("tax", Role::unit, {"tax"}), grant)) == 404);
  REQUIRE(office.approve(wang, grant));
  CHECK(status(office.approve(wang, grant)) == 409);
  // Nobody proposes for himself, nor approves what he gets.
  CHECK(status(office.propose(li, wish("li", Role::authority))) == 403);
  // The old role ends before a new one can be proposed.
  CHECK(status(office.propose(wang, wish("zhao", Role::system))) == 409);
  REQUIRE(office.revoke_grant(local, grant));
  CHECK(status(office.propose(wang, wish("zhao", Role::system))) == 200);
}

TEST_CASE_FIXTURE(AccountOfficeFixture,
                  "a person holds one role, and an administrator's shows no data") {
  const Doer li = security("li");
  const Doer wang = security("wang");
  CHECK(status(office.propose(wang, wish("li", Role::audit))) == 409);
  CHECK_FALSE(li.credential->scope.allows("tax"));
  const Doer zhao = appointed(wish("zhao", Role::system), {li, wang});
  CHECK(zhao.credential->scope.allows("tax"));
  CHECK_FALSE(zhao.credential->scope.allows_messages("tax"));
  CHECK(status(office.add_account(zhao, "friend", "friend")) == 403);
  CHECK(status(office.propose(zhao, wish("wang", Role::system))) == 403);
}

TEST_CASE_FIXTURE(AccountOfficeFixture, "two tokens of one name are one person's") {
  const Doer one = authority();
  const TokenSpec spec{
      .name = "authority", .role = Role::authority, .county = "", .expires = clock.wall() + 24h};
  REQUIRE(catalog->add_token("another-secret", spec, clock.wall()));
  const Doer other = doer_of(**catalog->credential("another-secret", clock.wall()), "");
  REQUIRE(office.add_account(one, "li", "李"));
  const std::string grant = proposed(one, wish("li", Role::security));
  CHECK(status(office.approve(one, grant)) == 403);
  CHECK(status(office.approve(other, grant)) == 403);
  CHECK(status(office.approve(plain("inspector", Role::authority), grant)) == 200);
}

TEST_CASE_FIXTURE(AccountOfficeFixture,
                  "what was revoked, closed or has ended is worth nothing at once") {
  const Doer li = security("li");
  const Doer wang = security("wang");
  const Doer zhao = appointed(wish("zhao", Role::unit, {"tax"}), {li, wang});
  const auto valid = [&] {
    return catalog->credential_of(zhao.credential->id, clock.wall())->has_value();
  };
  CHECK(zhao.credential->scope.allows("tax"));
  CHECK_FALSE(zhao.credential->scope.allows("police"));
  REQUIRE(valid());
  auto own = office.make_token(zhao, "zhao", 10);
  REQUIRE(own);
  CHECK(own->grant.empty());
  CHECK(catalog->credential(own->secret, clock.wall())->has_value());
  CHECK(status(office.revoke_token(plain("police", Role::unit, {"police"}), own->id)) == 404);
  REQUIRE(office.revoke_token(zhao, own->id));
  CHECK_FALSE(catalog->credential(own->secret, clock.wall())->has_value());
  REQUIRE(valid());
  SUBCASE("the account") { REQUIRE(office.close_account(li, "zhao")); }
  SUBCASE("the grant of its role") {
    const auto grants = catalog->grants();
    for (const Grant& grant : *grants) {
      if (grant.to == "zhao" && grant.kind == GrantKind::role) {
        REQUIRE(office.revoke_grant(li, grant.id));
      }
    }
  }
  SUBCASE("the grant of its token") {
    const auto grants = catalog->grants();
    for (const Grant& grant : *grants) {
      if (grant.token == zhao.credential->id) REQUIRE(office.revoke_grant(local, grant.id));
    }
  }
  SUBCASE("time") { clock.advance(24h * 31); }
  CHECK_FALSE(valid());
}

TEST_CASE_FIXTURE(AccountOfficeFixture,
                  "log messages are granted by their unit, for a time and a reason") {
  const Doer tax = plain("tax", Role::unit, {"tax"});
  const Doer police = plain("police", Role::unit, {"police"});
  const Doer provider = plain("operator", Role::provider);
  const auto messages = [&](const std::string& to, const std::string& unit) {
    return GrantWish{.kind = GrantKind::messages,
                     .to = to,
                     .units = {unit},
                     .reason = "incident 7",
                     .until = clock.wall() + 24h};
  };
  const auto sees = [&](const std::string& unit) {
    return (*catalog->credential_of(provider.who, clock.wall()))->scope.allows_messages(unit);
  };
  CHECK_FALSE(sees("tax"));
  // The operator asks; another unit, the authority and the machine's operator cannot say yes.
  const std::string asked = proposed(provider, messages(provider.who, "tax"));
  CHECK_FALSE(sees("tax"));
  CHECK(status(office.approve(police, asked)) == 404);
  CHECK(status(office.approve(authority(), asked)) == 403);
  CHECK(status(office.approve(local, asked)) == 403);
  CHECK(status(office.approve(provider, asked)) == 403);
  REQUIRE(office.approve(tax, asked));
  CHECK(sees("tax"));
  CHECK_FALSE(sees("police"));
  REQUIRE(office.revoke_grant(tax, asked));
  CHECK_FALSE(sees("tax"));
  // Or the unit gives it by itself, its own messages only, to a provider operator only.
  REQUIRE(office.propose(tax, messages(provider.who, "tax")));
  CHECK(sees("tax"));
  CHECK(status(office.propose(tax, messages(provider.who, "police"))) == 422);
  CHECK(status(office.propose(tax, messages(police.who, "tax"))) == 422);
  CHECK(status(office.propose(authority(), messages(provider.who, "tax"))) == 403);
  CHECK(status(office.propose(local, messages(provider.who, "tax"))) == 403);
  const auto foreign = office.propose(tax, messages(provider.who, "police"));
  const auto absent = office.propose(tax, messages(provider.who, "nowhere"));
  CHECK(foreign.error().title == absent.error().title);
  clock.advance(25h);
  CHECK_FALSE(sees("tax"));
}

TEST_CASE_FIXTURE(AccountOfficeFixture, "an act that cannot be sealed is not done") {
  REQUIRE(office.add_account(local, "li", "李"));
  const std::string grant = proposed(local, wish("li", Role::security));
  acts_fail = true;
  CHECK(status(office.add_account(local, "wang", "王")) == 503);
  CHECK(status(office.approve(authority(), grant)) == 503);
  CHECK(status(office.revoke_grant(local, grant)) == 503);
  CHECK(status(office.close_account(local, "li")) == 503);
  CHECK(status(office.make_token(local, "li", 1)) == 503);
  acts_fail = false;
  CHECK(catalog->accounts()->size() == 1);
  CHECK_FALSE(catalog->accounts()->front().closed);
  CHECK(catalog->grants()->size() == 1);
  CHECK(catalog->grants()->front().state(clock.wall()) == "proposed");
  CHECK(catalog->tokens()->size() == 1);  // the authority's
}

TEST_CASE_FIXTURE(AccountOfficeFixture, "every act says who did what to whom") {
  security("li");
  REQUIRE(acts.size() == 6);  // open, propose, approve, make a token, propose it, approve it
  std::vector<std::string> seen;
  for (const std::string& line : acts) {
    const auto record = ledger::parse_record(line);
    REQUIRE(record);
    const auto field = [&](const char* name) {
      return std::string((*record)->find(name).value_or("-"));
    };
    seen.push_back(field("what") + " " + field("step") + " " + field("who") + " " + field("to"));
  }
  const std::string who = authority().who;
  CHECK(seen ==
        std::vector<std::string>{"account add uid 0 (root) li", "grant propose uid 0 (root) li",
                                 "grant approve " + who + " li", "token make uid 0 (root) li",
                                 "grant propose uid 0 (root) li", "grant approve " + who + " li"});
}

TEST_CASE_FIXTURE(AccountOfficeFixture, "what is out of its limits is refused") {
  REQUIRE(office.add_account(local, "li", "李"));
  CHECK(status(office.add_account(local, "li", "again")) == 409);
  CHECK(status(office.add_account(local, "x y", "x")) == 422);
  CHECK(status(office.add_account(local, "x", "")) == 422);
  CHECK(status(office.add_account(local, "x", "\x1b[31mred")) == 422);
  CHECK(status(office.add_account(local, "x", std::string(257, 'n'))) == 422);
  CHECK(status(office.add_account(local, "x",
                                  "\xc2\x9b"
                                  "31mred")) == 422);
  CHECK(is_one_line(std::string(256, 'n')));
  GrantWish wanted = wish("li", Role::security);
  wanted.reason.clear();
  CHECK(status(office.propose(local, wanted)) == 422);
  wanted = wish("li", Role::security);
  wanted.until = clock.wall();
  CHECK(status(office.propose(local, wanted)) == 422);
  wanted.until = clock.wall() + 24h * 3654;
  CHECK(status(office.propose(local, wanted)) == 422);
  CHECK(status(office.propose(local, wish("nobody", Role::security))) == 422);
  CHECK(status(office.propose(local, wish("li", Role::unit))) == 422);
  CHECK(status(office.propose(local, wish("li", Role::unit, {"nowhere"}))) == 422);
  CHECK(status(office.propose(local, wish("li", Role::audit, {"tax"}))) == 422);
  CHECK(status(office.make_token(local, "li", 0)) == 422);
  CHECK(status(office.make_token(local, "li", 367)) == 422);
  CHECK(status(office.make_token(local, "nobody", 1)) == 422);
}

}  // namespace
}  // namespace yunjian::collector
