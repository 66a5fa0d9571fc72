// Every role, with every scope, on every address, with ids that are its own, somebody else's or
// nobody's: nobody gets what is not his, is told apart what is foreign from what is absent, or
// meets an error of the collector's.
#include <algorithm>
#include <random>
#include <set>

#include "collector/api/testing/api_kit.h"

namespace yunjian::collector {
namespace {

using testing::ApiKit;
using testing::Parameters;

enum class Whose { tax, police, nobodys };

struct Fixture : ApiKit {
  std::string tax_grant, police_grant;
  // Who asks, and which unit's data may be in an answer.
  struct Asker {
    std::string who;
    std::set<std::string> units;
    bool messages = true;
  };
  const std::vector<Asker> askers = {{"authority", {"tax", "police"}},
                                     {"provider", {"tax", "police"}, false},
                                     {"tax", {"tax"}},
                                     {"police", {"police"}},
                                     {"east", {"tax"}},
                                     {"system", {"tax", "police"}, false},
                                     {"security", {}},
                                     {"audit", {}},
                                     {"nobody", {}},
                                     {"revoked", {}},
                                     {"", {}}};

  Fixture() {
    const TokenSpec spec{.name = "revoked",
                         .role = Role::authority,
                         .county = "",
                         .expires = log.clock.wall() + std::chrono::days(1)};
    REQUIRE(catalog->revoke_token(*catalog->add_token("revoked-secret", spec, log.clock.wall())));
    tax_grant = asked_for("tax");
    police_grant = asked_for("police");
    // Looks of others are among what may leak.
    get("tax", "/v1/search", {{"q", "tax-question"}});
    get("police", "/v1/search", {{"q", "police-question"}});
    seal();
    ApiContext quiet = context();
    quiet.commit_act = [](const std::string&) { return ledger::Result<void>(); };
    api = std::make_unique<ApiHandler>(std::move(quiet));
  }

  // A grant of messages that waits for its unit.
  std::string asked_for(const std::string& unit) {
    const auto grant = office->propose(doer_of(credential("provider"), ""),
                                       {.kind = GrantKind::messages,
                                        .to = credential("provider").id,
                                        .units = {unit},
                                        .reason = unit + "-reason",
                                        .until = log.clock.wall() + std::chrono::days(1)});
    REQUIRE(grant);
    return grant->id;
  }

  std::string stream_of(Whose whose) {
    if (whose == Whose::nobodys) return std::string(32, 'f') + ".1";
    return whose == Whose::tax ? tax.stream() : police.stream();
  }
  std::string pick(Whose whose, const std::string& of_tax, const std::string& of_police,
                   const std::string& absent) {
    if (whose == Whose::nobodys) return absent;
    return whose == Whose::tax ? of_tax : of_police;
  }

  // The address of a route with ids of that unit; `turn` chooses among several.
  std::string address(const std::string& pattern, Whose whose, std::size_t turn = 0) {
    const std::string number = std::vector<std::string>{"0", "20", "7", "99"}[turn % 4];
    const auto filled = [&](std::vector<std::string> values) {
      std::string path;
      std::size_t next = 0;
      for (std::size_t i = 0; i < pattern.size(); ++i) {
        if (pattern.compare(i, 2, "{}") == 0) {
          path += values.at(next++);
          ++i;
        } else {
          path += pattern[i];
        }
      }
      return path;
    };
    if (pattern.starts_with("/v1/records/")) return filled({stream_of(whose), number});
    if (pattern.starts_with("/v1/streams/")) return filled({stream_of(whose), "0"});
    if (pattern.starts_with("/v1/hosts/")) {
      return filled({pick(whose, "web-01", "case-01", "nowhere")});
    }
    if (pattern.starts_with("/v1/grants/")) {
      return filled({pick(whose, tax_grant, police_grant, "000000000000")});
    }
    if (pattern.starts_with("/v1/tokens/")) {
      return filled({pick(whose, credential("tax").id, credential("police").id, "000000000000")});
    }
    if (pattern.starts_with("/v1/accounts/")) return filled({pick(whose, "guard", "audit", "x")});
    if (pattern == "/v1/operations/{}") return "/v1/operations/drill";
    if (pattern == "/v1/inventory/{}") return "/v1/inventory/system";
    if (pattern == "/v1/findings/{}") return filled({pick(whose, "web-01:x", "case-01:x", "y:x")});
    if (pattern == "/v1/reports/{}/pack/*") return "/v1/reports/2026-09/pack/manifest";
    if (pattern.starts_with("/v1/reports/")) {
      const std::vector<std::string> files = {"utilization.json", "advice.csv", "security.json",
                                              "operations.csv", "nothing.json"};
      return filled({whose == Whose::nobodys ? "2026-13" : "2026-09", files[turn % files.size()]});
    }
    if (pattern.starts_with("/v1/log/lists/")) return filled({whose == Whose::tax ? "1" : "999"});
    if (pattern == "/tile/*") return whose == Whose::nobodys ? "/tile/9/999" : "/tile/0/000.p/1";
    return pattern;
  }

  // What of a unit's data an answer would give away.
  std::vector<std::string> marks(const std::string& unit) const {
    if (unit == "tax") {
      return {"web-01",       "税务局",     "tax login",         "tax-host",
              "tax-question", "tax-reason", std::string(32, 'a')};
    }
    return {"case-01",         "公安局",        "police login",      "police-host",
            "police-question", "police-reason", std::string(32, 'b')};
  }
  // Headers and enrolments are every credential's to see: that is how a log is witnessed.
  static bool is_log(std::string_view pattern) {
    return pattern == "/checkpoint" || pattern.starts_with("/tile") ||
           pattern.starts_with("/v1/log");
  }

  std::string first_bytes(const Response& response) {
    if (!response.source) return response.body;
    std::string all;
    for (int i = 0; i < 4; ++i) {
      const auto piece = response.source->next();
      all += piece.bytes;
      if (piece.last || piece.broken) break;
    }
    return all;
  }

  // What somebody wrote may come back to him: an address in any answer, a parameter in a problem.
  static bool wrote_himself(const Request& asked, const std::string& body,
                            const std::string& mark) {
    if (asked.path.find(mark) != std::string::npos) return true;
    if (!body.starts_with(R"({"type":"urn:yunjian:problem:)")) return false;
    return std::ranges::any_of(asked.query, [&](const auto& parameter) {
      return parameter.second.find(mark) != std::string::npos;
    });
  }

  void check_no_leak(const Asker& asker, std::string_view pattern, const Request& asked,
                     const std::string& body) {
    if (is_log(pattern)) return;
    for (const std::string unit : {"tax", "police"}) {
      const bool sees_looks = pattern == "/v1/access" && asker.who == "audit";
      const bool keeps_accounts = pattern.starts_with("/v1/grants") &&
                                  (asker.who == "security" || asker.who == "audit" ||
                                   asker.who == "authority" || asker.who == "provider");
      const bool own_token = pattern.starts_with("/v1/tokens");
      if (sees_looks || keeps_accounts || own_token) continue;
      for (const std::string& mark : marks(unit)) {
        if (asker.units.contains(unit) && (asker.messages || mark != unit + " login")) continue;
        if (wrote_himself(asked, body, mark)) continue;
        CHECK_MESSAGE(body.find(mark) == std::string::npos, asker.who << " " << asked.method << " "
                                                                      << asked.path << " got "
                                                                      << mark << ": " << body);
      }
    }
  }

  std::size_t peers_ = 0;

  std::optional<Role> role_of(const Asker& asker) {
    auto found = catalog->credential(secret(asker.who), log.clock.wall());
    if (!found || !*found || asker.who.empty()) return std::nullopt;
    return (*found)->role;
  }

  // What holds for every request whatever it is.
  Response checked(const Asker& asker, const ApiHandler::Route& route, Request asked) {
    asked.peer = std::to_string(++peers_);  // a guess each, not a thousand from one address
    const Response response = api->handle(asked);
    const std::string body = first_bytes(response);
    CAPTURE(asker.who);
    CAPTURE(asked.method);
    CAPTURE(asked.path);
    CAPTURE(body);
    CHECK(response.status < 500);
    const auto role = role_of(asker);
    const bool known_method = std::ranges::any_of(api->route_table(), [&](const auto& other) {
      return other.pattern == route.pattern && other.method == asked.method;
    });
    if (!route.access.open && !role) CHECK(response.status == 401);
    if (role && known_method && !route.access.allows(*role)) CHECK(response.status == 403);
    if (role && !known_method) CHECK(response.status == 405);
    check_no_leak(asker, route.pattern, asked, body);
    Response whole = response;
    whole.body = body;
    return whole;
  }
};

// Changes of accounts are left to tests of their own: here they would change who is who.
bool changes(const ApiHandler::Route& route) {
  return route.method == "POST" && !route.pattern.starts_with("/v1/log/");
}

TEST_CASE_FIXTURE(Fixture, "role by route by id: nothing leaks, foreign answers as absent does") {
  std::size_t asked = 0;
  for (const Asker& asker : askers) {
    for (const auto& route : api->route_table()) {
      if (changes(route)) continue;
      const std::string pattern(route.pattern);
      for (std::size_t turn = 0; turn < 4; ++turn) {
        std::map<Whose, Response> answers;
        for (const Whose whose : {Whose::tax, Whose::police, Whose::nobodys}) {
          answers[whose] =
              checked(asker, route,
                      request(asker.who, std::string(route.method), address(pattern, whose, turn)));
          ++asked;
        }
        if (is_log(pattern) || pattern.starts_with("/v1/reports")) continue;
        for (const Whose whose : {Whose::tax, Whose::police}) {
          if (asker.units.contains(whose == Whose::tax ? "tax" : "police")) continue;
          if (answers[whose].status == 200) continue;  // a list, with nothing in it
          CAPTURE(asker.who);
          CAPTURE(pattern);
          CHECK(answers[whose].status == answers[Whose::nobodys].status);
          CHECK(answers[whose].body == answers[Whose::nobodys].body);
          CHECK(answers[whose].headers == answers[Whose::nobodys].headers);
        }
      }
    }
  }
  CHECK(asked > 3000);
}

TEST_CASE_FIXTURE(Fixture, "role by change by id: who may not, changes nothing") {
  const std::vector<std::string> bodies = {"", "{}", R"({"to":"police","reason":"x"})",
                                           R"({"id":"new-one","name":"n"})"};
  const auto state = [&] {
    std::string all;
    const auto grants = catalog->grants();
    for (const Grant& grant : *grants) {
      all += grant.id + grant.approved_by + grant.revoked_by + " ";
    }
    const auto tokens = catalog->tokens();
    for (const TokenInfo& token : *tokens) all += token.id + (token.revoked ? "r " : " ");
    const auto accounts = catalog->accounts();
    for (const Account& account : *accounts) all += account.id + (account.closed ? "c " : " ");
    return all;
  };
  // Those who may change nothing of it at all, whatever they send.
  for (const std::string who : {"police", "east", "system", "audit", "nobody", "revoked", ""}) {
    const auto asker = std::ranges::find(askers, who, &Asker::who);
    REQUIRE(asker != askers.end());
    for (const auto& route : api->route_table()) {
      if (!changes(route)) continue;
      const std::string pattern(route.pattern);
      // Whoever holds an account makes its next token.
      if (pattern == "/v1/tokens" && role_of(*asker) && is_administrator(*role_of(*asker)))
        continue;
      for (const std::string& body : bodies) {
        const std::string before = state();
        std::map<Whose, Response> answers;
        for (const Whose whose : {Whose::tax, Whose::nobodys}) {
          Request asked = request(who, "POST", address(pattern, whose));
          asked.body = body;
          answers[whose] = checked(*asker, route, std::move(asked));
        }
        CHECK(state() == before);
        if (who == "audit") continue;  // sees all grants and tokens
        CAPTURE(who);
        CAPTURE(pattern);
        CHECK(answers[Whose::tax].status == answers[Whose::nobodys].status);
        CHECK(answers[Whose::tax].body == answers[Whose::nobodys].body);
      }
    }
  }
}

// Random requests: a seed replays them.
struct Random {
  std::mt19937_64 engine;
  std::size_t below(std::size_t count) { return engine() % count; }
  template <typename T>
  const T& of(const std::vector<T>& from) {
    return from[below(from.size())];
  }
};

const std::vector<std::string> parameter_names = {
    "q",    "from",   "to",      "order", "limit",  "cursor", "explain", "step", "field",  "fields",
    "unit", "county", "seconds", "after", "format", "lang",   "who",     "what", "offset", "x"};
const std::vector<std::string> parameter_values = {"",
                                                   "login",
                                                   "host: case-01",
                                                   "host: web-01",
                                                   "unit: police",
                                                   "police or tax",
                                                   "2026-09-01",
                                                   "2027-01-01",
                                                   "asc",
                                                   "desc",
                                                   "1",
                                                   "5",
                                                   "10000",
                                                   "0",
                                                   "-1",
                                                   "1h",
                                                   "1d",
                                                   "minute",
                                                   "hour",
                                                   "true",
                                                   "host",
                                                   "message",
                                                   "kind,source",
                                                   "police",
                                                   "tax",
                                                   "west",
                                                   "east",
                                                   "ndjson",
                                                   "csv",
                                                   "zh",
                                                   "en",
                                                   "query",
                                                   "export",
                                                   "+08:00",
                                                   "AAAA",
                                                   "%00",
                                                   "\x1b[31m",
                                                   "' OR 1=1",
                                                   "../../etc",
                                                   "a*",
                                                   "/(a+)+$/",
                                                   "99999999999999999999",
                                                   "\xff\xfe",
                                                   "((((((((",
                                                   "not not",
                                                   "actor.user.name"};

void ask_at_random(Fixture& fixture, std::size_t count, std::uint64_t seed) {
  Random random{std::mt19937_64(seed)};
  const auto& routes = fixture.api->route_table();
  for (std::size_t i = 0; i < count; ++i) {
    const auto& asker = random.of(fixture.askers);
    const auto& route = routes[random.below(routes.size())];
    if (changes(route)) continue;
    const auto whose = static_cast<Whose>(random.below(3));
    Request asked =
        fixture.request(asker.who, random.below(20) == 0 ? "DELETE" : std::string(route.method),
                        fixture.address(std::string(route.pattern), whose, random.below(20)));
    for (std::size_t n = random.below(4); n > 0; --n) {
      asked.query.emplace(random.of(parameter_names), random.of(parameter_values));
    }
    if (random.below(4) == 0) asked.headers["accept"] = "application/x-ndjson";
    if (random.below(30) == 0) asked.headers["authorization"] = random.of(parameter_values);
    const bool spoiled = !asker.who.empty() &&
                         asked.headers["authorization"] != "Bearer " + fixture.secret(asker.who);
    fixture.checked(spoiled ? fixture.askers.back() : asker, route, std::move(asked));
  }
}

TEST_CASE_FIXTURE(Fixture, "random requests of all roles: no leak, no error of the collector's") {
  ask_at_random(*this, 4000, 20261127);
}

TEST_SUITE("exhaustive") {
  TEST_CASE_FIXTURE(Fixture, "100 000 random requests of all roles: no leak, no error") {
    ask_at_random(*this, 100'000, 9);
  }
}

}  // namespace
}  // namespace yunjian::collector
