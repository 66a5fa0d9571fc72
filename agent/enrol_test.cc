#include "agent/enrol.h"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <sstream>

#include "agent/json_object.h"
#include "agent/ship/tls_identity.h"
#include "agent/token_file.h"
#include "ledger/leaves.h"
#include "ledger/posix/posix_file_system.h"
#include "ledger/testing/manual_clock.h"
#include "ledger/testing/memory_file_system.h"
#include "ledger/testing/seeded_random.h"
#include "ledger/testing/temporary_directory.h"

namespace yunjian::agent {
namespace {

using ledger::Result;
using ledger::testing::MemoryFileSystem;

// Any certificate: only its fingerprint matters before the last step.
constexpr const char* ca_pem = R"(-----BEGIN CERTIFICATE-----
MIIBdDCCARmgAwIBAgIUUZ1E4sC5/EfOcybdl4Po5nYCZiUwCgYIKoZIzj0EAwIw
DzENMAsGA1UEAwwEdGVzdDAeFw0yNjExMjIxMDM1MzRaFw0zNjExMTkxMDM1MzRa
MA8xDTALBgNVBAMMBHRlc3QwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAASSfai4
8q7GU7heu9gtq6mwU3EVb3ObwTd8PxwFNUPKcLwHqzu6Pp3qaXKJO7NmWrcL42XK
9Flr5sRT/h//jx22o1MwUTAdBgNVHQ4EFgQUklXr7/WQPhPTbGZm0WWPkuDsGkYw
HwYDVR0jBBgwFoAUklXr7/WQPhPTbGZm0WWPkuDsGkYwDwYDVR0TAQH/BAUwAwEB
/zAKBggqhkjOPQQDAgNJADBGAiEA3MDKt/bwXZi2IlPSJr7fVU7EfeRgi2/1/wVS
XQxNfKQCIQDXk3QT2KQ9TgLtg6ZlZFlgL/HOcgoy4fMHTKbDx2XkfA==
-----END CERTIFICATE-----
)";

class FakeServer : public EnrolServer {
 public:
  Result<HttpAnswer> fetch_ca() override {
    return HttpAnswer{.status = 200, .body = ca_pem, .clock_offset = clock_offset};
  }
  Result<HttpAnswer> post(const std::string& json, const std::string&) override {
    posts.push_back(json);
    return answer(*JsonObject::parse(json));
  }

  std::optional<std::chrono::milliseconds> clock_offset;
  std::vector<std::string> posts;
  std::function<Result<HttpAnswer>(const JsonObject&)> answer;
};

struct Enrolling {
  MemoryFileSystem files;
  ledger::testing::SeededRandom random{5};
  ledger::testing::ManualClock clock{ledger::Time(std::chrono::seconds(1'795'334'400))};
  FakeServer server;
  EnrolOptions options{
      .token = "secret",
      .ca_fingerprint = ledger::to_hex(ledger::as_view(*certificate_fingerprint(ca_pem))),
      .state = "/state",
      .host = "web-01"};

  std::string problem() {
    const auto identity =
        enrol(options, {.files = &files, .random = &random, .clock = &clock, .server = &server});
    return identity ? "none" : identity.error().message;
  }
  // Answers the first post with an enrolment text that `change` may spoil.
  void reserve(const std::function<void(ledger::Enrolment&)>& change) {
    server.answer = [change](const JsonObject& asked) -> Result<HttpAnswer> {
      if (!asked.text("signature").empty()) return HttpAnswer{.status = 500, .body = "{}"};
      ledger::Enrolment enrolment{.origin = "log.example",
                                  .agent = "00112233445566778899aabbccddeeff",
                                  .incarnation = 1,
                                  .unit = "health",
                                  .host = asked.text("host"),
                                  .suite = asked.text("suite"),
                                  .first_key = *ledger::from_base64(asked.text("key")),
                                  .previous = std::nullopt,
                                  .enrolled = ledger::Time(std::chrono::seconds(1'795'334'400))};
      change(enrolment);
      return HttpAnswer{
          .status = 200,
          .body = format_json({{"agent", std::string("00112233445566778899aabbccddeeff")},
                               {"incarnation", std::uint64_t{1}},
                               {"origin", std::string("log.example")},
                               {"text", format_enrolment(enrolment)}})};
    };
  }
};

TEST_CASE("With another CA fingerprint nothing is sent, the token least of all") {
  Enrolling enrolling;
  enrolling.options.ca_fingerprint = std::string(64, 'a');
  CHECK(enrolling.problem().find("nothing was sent") != std::string::npos);
  CHECK(enrolling.server.posts.empty());
}

TEST_CASE("A fingerprint may be written with colons and in capitals") {
  std::string shouted;
  const std::string hex(64, 'b');
  for (std::size_t i = 0; i < 64; i += 2) shouted += (i == 0 ? "" : ":") + std::string("BB");
  CHECK(*parse_fingerprint(shouted) == *parse_fingerprint(hex));
  CHECK(!parse_fingerprint("bb"));
}

TEST_CASE("The keys are durable before the first post and the same in each repeat") {
  Enrolling enrolling;
  enrolling.server.answer = [&](const JsonObject&) -> Result<HttpAnswer> {
    enrolling.files.crash();
    return ledger::fail(ledger::ErrorKind::retry, "cut off");
  };
  CHECK(enrolling.problem().find("cut off") != std::string::npos);
  CHECK(enrolling.problem().find("cut off") != std::string::npos);
  REQUIRE(enrolling.server.posts.size() == 2);
  const auto key = [&](std::size_t i) {
    return JsonObject::parse(enrolling.server.posts[i])->text("key");
  };
  CHECK(key(0) == key(1));
  CHECK(!key(0).empty());
  SUBCASE("but another token begins anew") {
    enrolling.options.token = "another";
    CHECK(enrolling.problem().find("cut off") != std::string::npos);
    CHECK(key(2) != key(0));
  }
}

TEST_CASE("A text that names another key, host or suite is not signed") {
  using Change = std::function<void(ledger::Enrolment&)>;
  const std::vector<Change> changes = {
      [](ledger::Enrolment& e) { e.host = "web-02"; },
      [](ledger::Enrolment& e) { e.first_key = std::string(32, 'k'); },
      [](ledger::Enrolment& e) { e.incarnation = 2; },
      [](ledger::Enrolment& e) { e.agent = std::string(32, 'a'); },
      [](ledger::Enrolment& e) { e.origin = "other.example"; },
  };
  for (std::size_t i = 0; i < changes.size(); ++i) {
    CAPTURE(i);
    Enrolling enrolling;
    enrolling.reserve(changes[i]);
    const std::string problem = enrolling.problem();
    CAPTURE(problem);
    CHECK(enrolling.server.posts.size() == 1);
    CHECK(problem != "none");
  }
  Enrolling enrolling;
  enrolling.reserve([](ledger::Enrolment&) {});
  enrolling.problem();
  CHECK(enrolling.server.posts.size() == 2);
}

TEST_CASE("A refusal is told in the collector's words with what to do") {
  Enrolling enrolling;
  enrolling.server.answer = [](const JsonObject&) -> Result<HttpAnswer> {
    return HttpAnswer{.status = 403, .body = R"({"title":"token","detail":"the token was used"})"};
  };
  const std::string problem = enrolling.problem();
  CHECK(problem.find("the token was used") != std::string::npos);
  CHECK(problem.find("enrol-token") != std::string::npos);
}

TEST_CASE("a wrong clock is named by both times, also where it spoils the certificate") {
  Enrolling enrolling;
  enrolling.server.clock_offset = std::chrono::hours(-25);
  CHECK(enrolling.problem() ==
        "this host's clock says 2026-11-22T08:00:00.000000Z, the collector's "
        "2026-11-23T09:00:00.000000Z: set the wrong one (NTP) and enrol again; nothing was sent");
  CHECK(enrolling.server.posts.empty());

  enrolling.server.clock_offset = std::chrono::hours(2);
  enrolling.server.answer = [](const JsonObject&) -> Result<HttpAnswer> {
    return ledger::fail(ledger::ErrorKind::retry, "the server's certificate does not fit");
  };
  CHECK(enrolling.problem().find("the collector's 2026-11-22T06:00:00") != std::string::npos);
  enrolling.server.clock_offset = std::chrono::seconds(2);
  CHECK(enrolling.problem() == "cannot enrol: the server's certificate does not fit");
}

TEST_CASE("A host name that no report could show is refused before anything happens") {
  Enrolling enrolling;
  enrolling.options.host = "Web 01";
  CHECK(enrolling.problem().find("--host") != std::string::npos);
  CHECK(enrolling.server.posts.empty());
}

TEST_CASE("the log's suite is learned from the collector's answer") {
  Enrolling host;
  host.server.answer = [](const JsonObject& asked) -> Result<HttpAnswer> {
    if (asked.text("suite") == "sm2-sm3") {
      return HttpAnswer{.status = 409, .body = R"({"detail":"this host is known"})"};
    }
    return HttpAnswer{.status = 409,
                      .body = R"({"type":"urn:yunjian:problem:suite-mismatch","detail":"no"})"};
  };
  CHECK(host.problem().find("this host is known") != std::string::npos);
  REQUIRE(host.server.posts.size() == 2);
  const auto second = JsonObject::parse(host.server.posts[1]);
  CHECK(ledger::from_base64(second->text("key"))->size() == 65);

  host.options.suite = "ed25519-sha256";
  host.server.posts.clear();
  CHECK(host.problem().find("refused to enrol") != std::string::npos);
  CHECK(host.server.posts.size() == 1);
}

TEST_CASE("a token comes from standard input or a file that is nobody else's to read") {
  ledger::PosixFileSystem files;
  const ledger::testing::TemporaryDirectory directory;
  const std::string path = directory.path() + "/token";
  const auto of_input = [&](const std::string& text) {
    std::istringstream input(text);
    const auto token = read_token(files, "-", input);
    return token ? *token : "refused";
  };
  CHECK(of_input("secret\n") == "secret");
  CHECK(of_input("secret") == "secret");
  CHECK(of_input(std::string(token_bytes_max, 's') + "\n") == std::string(token_bytes_max, 's'));
  for (const std::string& text :
       {std::string(), std::string("\n"), std::string("one\ntwo\n"), std::string("one two"),
        std::string(token_bytes_max + 1, 's'), std::string(1'000'000, 's')}) {
    CHECK(of_input(text) == "refused");
  }
  std::istringstream none;
  CHECK_FALSE(read_token(files, path, none));
  REQUIRE(ledger::replace_file(files, path, "secret\n", 0644));
  const auto open_to_all = read_token(files, path, none);
  REQUIRE_FALSE(open_to_all);
  CHECK(open_to_all.error().message.find("chmod 600") != std::string::npos);
  REQUIRE(::chmod(path.c_str(), 0600) == 0);
  CHECK(read_token(files, path, none).value() == "secret");
}

}  // namespace
}  // namespace yunjian::agent
