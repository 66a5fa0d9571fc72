#include "collector/admin_socket.h"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include "collector/admin_protocol.h"
#include "collector/backup_plan.h"
#include "collector/testing/served_collector.h"

namespace yunjian::collector {
namespace {

using testing::parse;
using testing::request_text;
using testing::ServedCollector;
using testing::TlsClient;

TEST_CASE_FIXTURE(ServedCollector,
                  "every change by a command is a record that the authority finds") {
  init();
  serve();
  import_unit();
  ask({.command = "token create",
       .fields = {{"role", "unit"}, {"name", "监察"}, {"unit", "tax"}, {"days", "2"}}});
  ask({.command = "enrol-token", .fields = {{"unit", "tax"}}});
  CHECK(collector->stop());
  collector.reset();
  serve();
  for (const std::string what : {"init", "start", "stop", "import", "grant", "enrol-token"}) {
    CAPTURE(what);
    const auto found = parse(get("/v1/search?q=kind:collector%20and%20what:" + what, token()).body);
    CHECK(found["items"].Size() >= 1);
  }
}

TEST_CASE_FIXTURE(ServedCollector,
                  "tokens work from the moment they are made until they are revoked") {
  init();
  serve();
  import_unit();
  const std::string unit_token =
      ask({.command = "token create",
           .fields = {{"role", "unit"}, {"name", "tax office"}, {"unit", "tax"}}});
  CHECK(get("/v1/streams", unit_token).status == 200);
  const std::string list = ask({.command = "token list"});
  CHECK(list.find("tax office") != std::string::npos);
  CHECK(list.find(unit_token) == std::string::npos);
  ask({.command = "token revoke", .fields = {{"id", token_id(unit_token)}}});
  CHECK(get("/v1/streams", unit_token).status == 401);
}

TEST_CASE_FIXTURE(ServedCollector, "mistakes in commands are told and change nothing") {
  init();
  serve();
  import_unit();
  const auto size_before = collector->log().unsealed_own_count();
  using Fields = std::map<std::string, std::string>;
  const std::vector<std::pair<std::string, Fields>> wrong = {
      {"token create", {{"role", "king"}, {"name", "x"}}},
      {"token create", {{"role", "unit"}, {"name", "x"}}},
      {"token create", {{"role", "unit"}, {"name", "x"}, {"unit", "nowhere"}}},
      {"token create", {{"role", "county"}, {"name", "x"}, {"county", "nowhere"}}},
      {"token create", {{"role", "authority"}, {"name", "x"}, {"unit", "tax"}}},
      {"token create", {{"role", "authority"}, {"name", "x"}, {"days", "0"}}},
      {"token create", {{"role", "authority"}, {"name", ""}}},
      {"token revoke", {{"id", "none"}}},
      {"enrol-token", {}},
      {"enrol-token", {{"unit", "nowhere"}}},
      {"enrol-token", {{"agent", std::string(32, 'a')}}},
      {"enrol-token", {{"unit", "tax"}, {"uses", "0"}}},
      {"unit import", {{"csv", "id,name\n"}}},
      {"host import",
       {{"csv", "id,unit,system,name,vcpus,memory_gb,purpose,address\nh,x,,,,,,\n"}}},
      {"inventory import", {{"kind", "nothing"}, {"csv", "id\n"}}},
      {"inventory import", {{"kind", "system"}, {"csv", "id,unit,name\np,nowhere,x\n"}}},
      {"inventory export", {{"kind", "system"}, {"format", "xml"}}},
      {"report build", {{"month", "2026-13"}}},
      {"report build", {{"month", "2999-01"}, {"out", "packs"}}},
      {"report build", {{"month", "2999-01"}}},  // not kept: it needs --out
      {"no such command", {}},
  };
  for (const auto& [command, fields] : wrong) {
    CAPTURE(command);
    CHECK_FALSE(problem({.command = command, .fields = fields}).empty());
  }
  CHECK(collector->log().unsealed_own_count() == size_before);
}

TEST_CASE_FIXTURE(ServedCollector,
                  "entries are imported once each is sealed, and come back as they were") {
  init();
  serve();
  import_unit();
  const std::string csv = "id,unit,name,mlps_level\nportal,tax,门户,3\nfiling,tax,申报,2\n";
  const auto import = [&](std::map<std::string, std::string> fields) {
    fields["kind"] = "system";
    fields["csv"] = csv;
    return ask({.command = "inventory import", .fields = fields});
  };
  const auto before = collector->log().unsealed_own_count();
  CHECK(import({{"dry-run", "yes"}}) ==
        "system: 2 new, 0 changed, 0 as they were; nothing was changed (--dry-run)");
  CHECK(collector->log().unsealed_own_count() == before);
  CHECK(import({}) == "system: 2 new, 0 changed, 0 as they were");
  CHECK(import({}) == "system: 0 new, 0 changed, 2 as they were");
  const auto records = collector->log().unsealed_own_records();
  REQUIRE(records.size() == before + 2);
  const std::string& sealed = records[before];
  CHECK(sealed.find(R"("what":"register","command":"inventory import","entry":"portal")") !=
        std::string::npos);
  CHECK(sealed.find(R"("field.name":"门户")") != std::string::npos);
  CHECK(ask({.command = "inventory export", .fields = {{"kind", "system"}}}) ==
        "id,unit,name,mlps_level,zone,public\nfiling,tax,申报,2,,\nportal,tax,门户,3,,");
}

TEST_CASE_FIXTURE(ServedCollector, "a hold is set, listed and lifted, and says why each time") {
  init();
  serve();
  import_unit();
  CHECK(problem({.command = "hold set", .fields = {{"unit", "tax"}}}).find("--reason") !=
        std::string::npos);
  CHECK(problem({.command = "hold set", .fields = {{"unit", "none"}, {"reason", "x"}}})
            .find("catalog") != std::string::npos);
  CHECK(problem({.command = "hold set", .fields = {{"from", "2026-13-01"}, {"reason", "x"}}})
            .find("--from") != std::string::npos);
  const std::string id = ask(
      {.command = "hold set",
       .fields = {
           {"unit", "tax"}, {"from", "2026-01-01"}, {"to", "2026-03-31"}, {"reason", "case 17"}}});
  CHECK(id.size() == 12);
  const std::string listed = ask({.command = "hold list"});
  CHECK(listed.find(id) != std::string::npos);
  CHECK(listed.find("tax  *  2026-01-01  2026-03-31") != std::string::npos);
  restart();
  CHECK(ask({.command = "hold list"}).find("counts") != std::string::npos);
  CHECK(ask({.command = "hold lift", .fields = {{"id", id}, {"reason", "closed"}}}) ==
        "hold " + id + " is lifted");
  CHECK(ask({.command = "hold list"}).find("lifted") != std::string::npos);
  CHECK(problem({.command = "hold lift", .fields = {{"id", id}, {"reason", "again"}}})
            .find("no hold") != std::string::npos);
  restart();
  const auto found = get("/v1/search?q=what:%20hold", token());
  CHECK(found.body.find("case 17") != std::string::npos);
  CHECK(found.body.find("closed") != std::string::npos);
}

TEST_CASE_FIXTURE(ServedCollector,
                  "holds of configuration and catalog count; an unknown state holds all") {
  init();
  const auto catalog = Catalog::open(data() + "/catalog.sqlite");
  REQUIRE(catalog);
  LegalHold configured;
  configured.host = "web-09";
  configured.last_day = last_day_ever;
  Holds holds(**catalog, {configured});
  CHECK(holds.held("any", "any", 1));  // nothing was read yet
  REQUIRE(holds.refresh());
  CHECK_FALSE(holds.held("tax", "web-01", 20000));
  CHECK(holds.held("tax", "web-09", 20000));
  const std::uint64_t before = holds.mark();
  REQUIRE((*catalog)->put_hold(
      {.id = "a1", .unit = "tax", .first_day = 20000, .last_day = 20001, .reason = "x"}));
  REQUIRE(holds.refresh());
  CHECK(holds.held("tax", "web-01", 20001));
  CHECK_FALSE(holds.held("tax", "web-01", 20002));
  CHECK_FALSE(holds.held("water", "web-01", 20001));
  CHECK(holds.mark() != before);
  REQUIRE((*catalog)->lift_hold("a1", clock.wall()));
  REQUIRE(holds.refresh());
  CHECK(holds.mark() == before);
}

TEST_CASE_FIXTURE(ServedCollector, "a backup is asked for while serving, and ends with its hold") {
  init();
  serve();
  import_unit();
  const auto begun = ask_admin(data() + "/admin.sock", {.command = "backup begin"});
  REQUIRE(begun);
  REQUIRE(*begun);
  const auto plan = read_backup_plan(**begun);
  REQUIRE(plan);
  CHECK(plan->leaves == collector->log().size());
  CHECK(plan->contents.contains("stream.state"));
  CHECK(plan->last_segment.starts_with("wal/"));
  const auto copy = Catalog::open(data() + "/" + plan->catalog);
  REQUIRE(copy);
  CHECK((*copy)->units(Scope::all())->size() == 1);
  ask({.command = "backup end"});
  CHECK_FALSE(files.exists(data() + "/" + plan->catalog).value());
  CHECK(problem({.command = "backup end"}).find("run it again") != std::string::npos);
}

TEST_CASE_FIXTURE(ServedCollector,
                  "one process holds the data; the admin socket is its owner's only") {
  init();
  serve();
  const auto second = open();
  REQUIRE_FALSE(second.has_value());
  CHECK(second.error().kind == ledger::ErrorKind::retry);
  struct stat status {};
  REQUIRE(::stat((data() + "/admin.sock").c_str(), &status) == 0);
  CHECK((status.st_mode & 0777U) == 0600U);
  REQUIRE(collector->stop());
  CHECK_FALSE(ask_admin(data() + "/admin.sock", {.command = "status"})->has_value());
  collector.reset();
  CHECK(open().has_value());
}

TEST_CASE_FIXTURE(ServedCollector,
                  "a socket left behind by a killed process does not hinder the next") {
  init();
  serve();
  collector.reset();  // without stop(): the socket's file stays
  REQUIRE(*files.exists(data() + "/admin.sock"));
  serve();
  CHECK(ask({.command = "status"}).find("log.test/yunjian") != std::string::npos);
}

TEST_CASE_FIXTURE(ServedCollector,
                  "an account is made by two people and comes in with token or certificate") {
  init();
  serve();
  import_unit();
  const auto as = [&](const std::string& command, std::map<std::string, std::string> fields) {
    return ask({.command = command, .fields = std::move(fields)});
  };
  const std::string first = token();
  as("account add", {{"id", "li"}, {"name", "李"}});
  const std::string grant =
      as("account grant", {{"id", "li"}, {"role", "security"}, {"reason", "takes office"}});
  CHECK(problem({.command = "account approve", .fields = {{"id", grant}}}).find("operator") !=
        std::string::npos);
  as("account approve", {{"id", grant}, {"as-token", first}});
  const std::string secret = as("account token", {{"id", "li"}});
  CHECK(get("/v1/me", secret).status == 401);
  const auto waiting = parse(get("/v1/grants", first).body);
  for (const auto& each : waiting["items"].GetArray()) {
    if (std::string(each["kind"].GetString()) != "token") continue;
    as("account approve", {{"id", each["id"].GetString()}, {"as-token", first}});
  }
  CHECK(get("/v1/me", secret).status == 200);
  CHECK(get("/v1/search", secret).status == 403);
  // From now on tokens are made for accounts alone.
  CHECK(problem({.command = "token create", .fields = {{"role", "authority"}, {"name", "x"}}})
            .find("two people") != std::string::npos);

  const auto request = testing::make_csr();
  CertificatePair identity{.private_key = request.private_key};
  identity.certificate =
      as("account certificate", {{"id", "li"}, {"csr", request.csr}, {"as-token", secret}}) + "\n";
  const auto status = [&](const std::string& header) {
    auto client =
        TlsClient::connect({.port = collector->api_port(), .ca_pem = ca(), .identity = &identity});
    REQUIRE_MESSAGE(client.has_value(), client.error().message);
    return client->exchange(request_text("GET", "/v1/me", "", header))->status;
  };
  CHECK(status("") == 200);
  CHECK(status("Authorization: Bearer nothing\r\n") == 401);
  const auto facts = read_certificate(identity.certificate);
  CHECK(facts->common_name == "li");
  // What it is known by is no secret, so it must not count as a token.
  CHECK(get("/v1/me", "certificate:" + facts->sha256).status == 401);
  // An open connection is worth nothing once its certificate is revoked.
  auto open_one =
      TlsClient::connect({.port = collector->api_port(), .ca_pem = ca(), .identity = &identity});
  REQUIRE(open_one);
  CHECK(open_one->exchange(request_text("GET", "/v1/me", ""))->status == 200);
  as("account revoke", {{"id", "li"}, {"as-token", first}});
  CHECK(open_one->exchange(request_text("GET", "/v1/me", ""))->status == 401);
  CHECK(get("/v1/me", secret).status == 401);
}

TEST_CASE_FIXTURE(ServedCollector,
                  "who may revoke the administrators does not make tokens alone by that") {
  init();
  serve();
  const std::string first = token();
  const auto create = [](const std::string& role) {
    return AdminRequest{.command = "token create", .fields = {{"role", role}, {"name", "x"}}};
  };
  ask({.command = "account add", .fields = {{"id", "li"}, {"name", "李"}}});
  const std::string grant =
      ask({.command = "account grant",
           .fields = {{"id", "li"}, {"role", "security"}, {"reason", "takes office"}}});
  CHECK(get("/v1/me", ask(create("provider"))).status == 200);  // proposed is not approved
  ask({.command = "account approve", .fields = {{"id", grant}, {"as-token", first}}});
  ask({.command = "account revoke", .fields = {{"id", grant}}});
  CHECK(problem(create("authority")).find("two people") != std::string::npos);
  // The way back, when the authority has nothing left to come in with.
  ask({.command = "token revoke", .fields = {{"id", token_id(first)}}});
  CHECK(problem(create("provider")).find("two people") != std::string::npos);
  const std::string recovered = ask(create("authority"));
  CHECK(get("/v1/access?what=grant", recovered).body.find(R"("step":"recovery")") !=
        std::string::npos);
  CHECK(problem(create("authority")).find("two people") != std::string::npos);
}

TEST_CASE("a request and an answer of the admin socket survive any text") {
  const AdminRequest request{.command = "token create",
                             .fields = {{"name", "引号\" \n\\"}, {"units", "a\nb"}}};
  const auto parsed = parse_request(format_request(request));
  REQUIRE(parsed);
  CHECK(parsed->command == request.command);
  CHECK(parsed->fields == request.fields);
  AdminAnswer answer{.out = "x\n", .note = "y"};
  answer.files["a.xlsx"] = std::string("\x00\xff", 2);
  CHECK(parse_answer(format_answer(answer))->files == answer.files);
  CHECK(parse_answer(format_answer(ledger::fail(ledger::ErrorKind::full, "no space")))
            .error()
            .message == "no space");
  const std::string deep(100'000, '[');
  for (const std::string_view wrong :
       {"", "[]", "{\"fields\":[]}", "{\"fields\":{\"a\":1}}", deep.c_str()}) {
    CHECK_FALSE(parse_request(wrong));
  }
  CHECK_FALSE(parse_answer(R"({"ok":true,"files":{"../a":""}})"));
}

}  // namespace
}  // namespace yunjian::collector
