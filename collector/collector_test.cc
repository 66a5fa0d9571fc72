#include "collector/collector.h"

#include <doctest/doctest.h>
#include <rapidjson/document.h>
#include <sys/stat.h>

#include "collector/api/json.h"
#include "collector/backup_plan.h"
#include "collector/http/testing/test_server.h"
#include "collector/init.h"
#include "ledger/archive/tiles.h"
#include "ledger/checkpoint.h"
#include "ledger/posix/posix_file_system.h"
#include "ledger/report_manifest.h"
#include "ledger/statement_leaves.h"
#include "ledger/successor.h"
#include "ledger/testing/memory_file_system.h"
#include "ledger/testing/temporary_directory.h"
#include "ledger/wire.h"

namespace yunjian::collector {
namespace {

using namespace std::chrono_literals;
using testing::ClientResponse;
using testing::request_text;
using testing::TlsClient;

rapidjson::Document parse(const std::string& text) {
  CAPTURE(text);
  rapidjson::Document document;
  document.Parse(text.c_str());
  REQUIRE_FALSE(document.HasParseError());
  return document;
}

// A collector on the real file system, with real TLS, SQLite and clock.
struct Fixture {
  ledger::testing::TemporaryDirectory directory;
  ledger::PosixFileSystem files;
  ledger::SystemClock clock;
  ledger::SystemRandom random;
  const OwnStream::Tools tools{.files = files, .clock = clock, .random = random};
  InitResult made;
  std::unique_ptr<Collector> collector;
  int fatal = 0;

  std::string data() const { return directory.path() + "/data"; }
  InitOptions init_options() const {
    return {.data = data(),
            .origin = "log.test/yunjian",
            .anchor = directory.path() + "/anchor",
            .names = {"localhost", "127.0.0.1"},
            .suite = &ledger::default_suite()};
  }
  CollectorConfig config() const {
    CollectorConfig config;
    config.data = data();
    config.anchor = directory.path() + "/anchor";
    config.ingest_listen = {.address = "127.0.0.1", .port = 0};
    config.api_listen = {.address = "127.0.0.1", .port = 0};
    config.ingest_urls = {"https://127.0.0.1:1"};
    return config;
  }
  void init() {
    auto result = init_collector(tools, init_options());
    REQUIRE_MESSAGE(result.has_value(), result.error().message);
    made = *result;
  }
  ledger::Result<std::unique_ptr<Collector>> open() {
    return Collector::open(tools, {.config = config(),
                                   .boot_id = "00000000-0000-0000-0000-000000000000",
                                   .on_fatal = [this](const ledger::Error&) { ++fatal; }});
  }
  void serve() {
    auto opened = open();
    REQUIRE_MESSAGE(opened.has_value(), opened.error().message);
    collector = std::move(*opened);
    const auto served = collector->serve();
    REQUIRE_MESSAGE(served.has_value(), served.error().message);
  }
  void restart() {
    REQUIRE(collector->stop());
    collector.reset();
    serve();
  }
  std::string ca() { return *files.read_file(data() + "/tls/ca.crt"); }
  std::string token() {
    std::string text = *files.read_file(data() + "/token");
    return text.substr(0, text.size() - 1);
  }
  ClientResponse exchange(const std::string& request) {
    auto client = TlsClient::connect({.port = collector->api_port(), .ca_pem = ca()});
    REQUIRE_MESSAGE(client.has_value(), client.error().message);
    auto response = client->exchange(request);
    REQUIRE_MESSAGE(response.has_value(), response.error().message);
    return *response;
  }
  ClientResponse get(const std::string& target, const std::string& bearer) {
    return exchange(request_text("GET", target, "", "Authorization: Bearer " + bearer + "\r\n"));
  }
  std::string ask(const AdminRequest& request) {
    auto answer = ask_admin(data() + "/admin.sock", request);
    REQUIRE_MESSAGE(answer.has_value(), answer.error().message);
    REQUIRE(answer->has_value());
    std::string out = (*answer)->out;
    if (out.ends_with('\n')) out.pop_back();
    return out;
  }
  std::string problem(const AdminRequest& request) {
    auto answer = ask_admin(data() + "/admin.sock", request);
    REQUIRE_FALSE(answer.has_value());
    return answer.error().message;
  }
  void import_unit() {
    ask({.command = "unit import", .fields = {{"csv", "id,name,county\ntax,税务局,east\n"}}});
  }
};

// A host that enrols over the network and then ships batches, as its agent would.
struct Host {
  Fixture& fixture;
  const ledger::Suite& suite = ledger::default_suite();
  std::unique_ptr<ledger::PrivateKey> key = *suite.generate(fixture.random);
  testing::KeyAndRequest tls = testing::make_csr();
  CertificatePair identity = {};
  ledger::Hash leaf = {};
  ledger::testing::MemoryFileSystem files = {};
  std::optional<ledger::Ratchet> ratchet = {};

  std::string post(const std::map<std::string, std::string>& members) {
    Json json;
    json.begin_object();
    for (const auto& [name, value] : members) json.member(name, std::string_view(value));
    json.end_object();
    const auto response = fixture.exchange(
        request_text("POST", "/enrol/v1", json.take(), "Content-Type: application/json\r\n"));
    CAPTURE(response.body);
    REQUIRE(response.status == 200);
    return response.body;
  }

  void enrol(const std::string& token) {
    std::map<std::string, std::string> members = {{"token", token},
                                                  {"host", "web-01"},
                                                  {"suite", std::string(suite.name())},
                                                  {"key", ledger::to_base64(key->public_key())},
                                                  {"csr", tls.csr}};
    const std::string text = parse(post(members))["text"].GetString();
    const auto enrolment = *ledger::parse_enrolment(text);
    const ledger::Verifier name(suite, ledger::agent_key_name(enrolment.origin, enrolment.agent),
                                key->public_key());
    members.erase("host");
    members.erase("suite");
    members["signature"] =
        ledger::format_note(text, {*ledger::sign_line(name, *key, text)}).substr(text.size() + 1);
    const auto done = parse(post(members));
    identity = {.certificate = done["certificate"].GetString(), .private_key = tls.private_key};
    leaf = suite.hasher()->leaf(done["leaf"].GetString());
    auto created = ledger::Ratchet::create(files, "/ratchet",
                                           {.origin = enrolment.origin,
                                            .agent = enrolment.agent,
                                            .incarnation = enrolment.incarnation,
                                            .enrolment_leaf = leaf},
                                           *key);
    REQUIRE(created);
    ratchet.emplace(std::move(*created));
  }

  std::string stream() const {
    return ledger::stream_id(ratchet->identity().agent, ratchet->identity().incarnation);
  }

  // Seals and ships lines; the answer.
  ledger::Answer ship(const std::vector<std::string>& lines) {
    const auto hasher = suite.hasher();
    ledger::BatchBody body(*hasher);
    for (const auto& line : lines) REQUIRE(body.add(line));
    std::string encoded;
    ledger::BodyEncoder encoder;
    REQUIRE(encoder.encode(body.lines(), encoded));
    auto header = ratchet->prepare(fixture.random,
                                   {.root = body.root(),
                                    .records = body.records(),
                                    .sealed = fixture.clock.wall(),
                                    .boot_id = "00000000-0000-0000-0000-000000000000",
                                    .boot_ms = 1,
                                    .flags = {}},
                                   {});
    REQUIRE(header);
    REQUIRE(ratchet->commit());
    std::string post_body;
    ledger::append_frame(post_body, *header, encoded);
    auto client = TlsClient::connect(
        {.port = fixture.collector->ingest_port(), .ca_pem = fixture.ca(), .identity = &identity});
    REQUIRE_MESSAGE(client.has_value(), client.error().message);
    auto response = client->exchange(request_text("POST", "/ingest/v1/batches", post_body,
                                                  "Content-Type: application/octet-stream\r\n"));
    REQUIRE(response);
    CAPTURE(response->body);
    REQUIRE(response->status == 200);
    return ledger::parse_answers(response->body)->at(0);
  }
};

std::string event(ledger::Time time, std::string_view message) {
  std::string line;
  ledger::RecordWriter writer(line, time, "event");
  writer.text("source", "file").text("log", "/var/log/auth.log").message(message);
  writer.finish();
  return line;
}

TEST_CASE_FIXTURE(Fixture, "a successor names the dead log in leaf 1 and keeps its CA") {
  init();
  InitOptions options = init_options();
  options.data = directory.path() + "/data2";
  options.anchor = directory.path() + "/anchor2";
  options.ca_from = data();
  options.successor_of = *files.read_file(data() + "/checkpoint");
  const auto problem = [&] {
    const auto result = init_collector(tools, options);
    return result ? std::string() : result.error().message;
  };
  CHECK(problem().find("new origin") != std::string::npos);
  options.origin = "log.test/yunjian-2";
  options.ca_from.clear();
  CHECK(problem().find("go together") != std::string::npos);
  options.ca_from = data();
  std::string checkpoint = options.successor_of;
  options.successor_of.replace(options.successor_of.find("yunjian"), 7, "another");
  CHECK_FALSE(problem().empty());
  CHECK_FALSE(*files.exists(options.data));
  options.successor_of = checkpoint;

  const auto second = init_collector(tools, options);
  REQUIRE_MESSAGE(second.has_value(), second.error().message);
  CHECK(second->ca_fingerprint == made.ca_fingerprint);
  CHECK(second->vkey != made.vkey);
  CollectorConfig next = config();
  next.data = options.data;
  next.anchor = options.anchor;
  const auto opened = Collector::open(
      tools,
      {.config = next, .boot_id = "00000000-0000-0000-0000-000000000000", .on_fatal = nullptr});
  REQUIRE_MESSAGE(opened.has_value(), opened.error().message);
  const EvidenceLog& log = (*opened)->log();
  const auto leaf = ledger::verify_successor(*log.leaf(1), log.verifier());
  REQUIRE_MESSAGE(leaf.has_value(), leaf.error().message);
  CHECK(leaf->previous == made.vkey);
  CHECK(leaf->checkpoint == checkpoint);
}

TEST_CASE_FIXTURE(Fixture,
                  "init makes everything, keeps secrets to the owner, and never overwrites") {
  init();
  CHECK(made.vkey.starts_with("log.test/yunjian+"));
  CHECK(made.ca_fingerprint == read_certificate(ca())->sha256);
  for (const std::string path : {"/keys/log.key", "/keys/cursor.key", "/tls/ca.key", "/token",
                                 "/tls/server.key", "/catalog.sqlite", "/stream.state"}) {
    CAPTURE(path);
    struct stat status {};
    REQUIRE(::stat((data() + path).c_str(), &status) == 0);
    CHECK((status.st_mode & 0777U) == 0600U);
  }
  const std::string key = *files.read_file(data() + "/keys/log.key");
  const auto again = init_collector(tools, init_options());
  REQUIRE_FALSE(again.has_value());
  CHECK(again.error().message.find("never overwrites") != std::string::npos);
  CHECK(*files.read_file(data() + "/keys/log.key") == key);
  auto elsewhere = init_options();
  elsewhere.data = directory.path() + "/other";
  CHECK_FALSE(init_collector(tools, elsewhere));  // the anchor belongs to the first
  elsewhere.anchor = elsewhere.data + "/anchor";
  CHECK_FALSE(init_collector(tools, elsewhere));
  CHECK_FALSE(*files.exists(elsewhere.data));
}

TEST_CASE_FIXTURE(
    Fixture,
    "a host enrols, its records are receipted, found, proven and served again after a restart") {
  init();
  serve();
  import_unit();
  const std::string enrol_token = ask({.command = "enrol-token", .fields = {{"unit", "tax"}}});
  Host host{.fixture = *this};
  host.enrol(enrol_token);

  const auto answer = host.ship({event(clock.wall(), "Failed password for root from 10.0.0.7"),
                                 event(clock.wall(), "用户登录成功")});
  CHECK(answer.verdict == ledger::Verdict::accepted);
  const ledger::Verifier log = *ledger::Verifier::from_vkey(made.vkey);
  const auto stored = collector->log().batch(host.stream(), 0);
  REQUIRE(stored);
  const auto leaf = ledger::default_suite().hasher()->leaf(stored->frame.header);
  CHECK(ledger::verify_receipt(answer.receipt, log, leaf).has_value());

  for (int run = 0; run < 2; ++run) {
    const auto found =
        parse(get("/v1/search?q=%E7%99%BB%E5%BD%95%20and%20host:web-01", token()).body);
    REQUIRE(found["items"].Size() == 1);
    CHECK(std::string(found["items"][0]["unit"].GetString()) == "tax");
    CHECK(std::string(found["items"][0]["stream"].GetString()) == host.stream());
    const auto checkpoint = get("/checkpoint", token());
    CHECK(ledger::open_checkpoint(checkpoint.body, log)->tree.size == collector->log().size());
    restart();
  }
  CHECK(host.ship({}).verdict == ledger::Verdict::accepted);
  CHECK(ask({.command = "verify"}).starts_with("good: "));
  CHECK(fatal == 0);
}

TEST_CASE_FIXTURE(Fixture, "an agent that is revoked or retired ships no more; lists say so") {
  init();
  serve();
  import_unit();
  const auto enrol_token = [&] {
    return ask({.command = "enrol-token", .fields = {{"unit", "tax"}}});
  };
  const auto listed = [&](const std::string& state) {
    const std::string list = ask({.command = "agent list"});
    const std::string hosts = get("/v1/hosts", token()).body;
    return list.find(' ' + state + ' ') != std::string::npos &&
           hosts.find("\"state\":\"" + state + "\"") != std::string::npos;
  };
  const std::string spare = enrol_token();
  Host host{.fixture = *this};
  host.enrol(enrol_token());
  CHECK(listed("never"));
  CHECK(host.ship({event(clock.wall(), "one")}).verdict == ledger::Verdict::accepted);
  CHECK(listed("live"));
  const std::string end =
      ledger::format_time(read_certificate(host.identity.certificate)->not_after);
  CHECK(ask({.command = "agent list"}).find(end) != std::string::npos);
  const std::string agent = host.ratchet->identity().agent;
  auto open_one = TlsClient::connect(
      {.port = collector->ingest_port(), .ca_pem = ca(), .identity = &host.identity});
  REQUIRE(open_one);
  const auto status = [&] {
    return open_one
        ->exchange(request_text("POST", "/ingest/v1/batches", "x",
                                "Content-Type: application/octet-stream\r\n"))
        ->status;
  };
  CHECK(status() == 400);
  CHECK(problem({.command = "agent revoke", .fields = {{"id", agent}}}).find("--reason") !=
        std::string::npos);
  ask({.command = "agent revoke", .fields = {{"id", host.stream()}, {"reason", "stolen"}}});
  CHECK(status() == 403);
  CHECK(listed("revoked"));
  CHECK(problem({.command = "agent revoke", .fields = {{"id", agent}, {"reason", "x"}}})
            .find("already") != std::string::npos);
  CHECK(get("/v1/access?what=agent", token()).body.find(R"(\"reason\":\"stolen\")") !=
        std::string::npos);
  // Enrolled anew it is live again; retired it is refused like that too.
  Host anew{.fixture = *this};
  anew.enrol(ask({.command = "enrol-token", .fields = {{"agent", agent}}}));
  CHECK(anew.ship({event(clock.wall(), "two")}).verdict == ledger::Verdict::accepted);
  CHECK(listed("live"));
  open_one = TlsClient::connect(
      {.port = collector->ingest_port(), .ca_pem = ca(), .identity = &anew.identity});
  REQUIRE(open_one);
  CHECK(status() == 400);
  ask({.command = "host retire", .fields = {{"agent", agent}}});
  CHECK(status() == 403);
  CHECK(listed("retired"));
  // Tokens that lie about.
  CHECK(ask({.command = "enrol-token list"}).find(token_id(spare) + "  valid") !=
        std::string::npos);
  ask({.command = "enrol-token revoke", .fields = {{"id", token_id(spare)}}});
  CHECK(ask({.command = "enrol-token list"}).find(token_id(spare) + "  revoked") !=
        std::string::npos);
}

TEST_CASE_FIXTURE(Fixture, "every change by a command is a record that the authority finds") {
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

TEST_CASE_FIXTURE(Fixture, "tokens work from the moment they are made until they are revoked") {
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

TEST_CASE_FIXTURE(Fixture, "mistakes in commands are told and change nothing") {
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

TEST_CASE_FIXTURE(Fixture, "entries are imported once each is sealed, and come back as they were") {
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

TEST_CASE_FIXTURE(Fixture, "a hold is set, listed and lifted, and says why each time") {
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

TEST_CASE_FIXTURE(Fixture, "holds of configuration and catalog count; an unknown state holds all") {
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

TEST_CASE_FIXTURE(Fixture, "a backup is asked for while serving, and ends with its hold") {
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

// The answer of `report build` for a month that is over.
AdminAnswer built(Fixture& fixture, const std::string& all = "", const std::string& lang = "") {
  auto answer =
      ask_admin(fixture.data() + "/admin.sock",
                {.command = "report build",
                 .fields = {{"month", "2026-01"}, {"all", all}, {"lang", lang}, {"out", "packs"}}});
  REQUIRE_MESSAGE(answer, answer.error().message);
  return **answer;
}

TEST_CASE_FIXTURE(Fixture, "a report of a month that is over is kept, signed and in the log") {
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

TEST_CASE_FIXTURE(Fixture, "in English what has languages is handed out in English") {
  init();
  serve();
  const AdminAnswer english = built(*this, "", "en");
  CHECK((english.copies.contains("utilization.xlsx") && !english.copies.contains("advice.html")));
  CHECK(get("/v1/reports/2026-01/advice.html?lang=en", token()).body ==
        *files.read_file(english.copies.at("en/advice.html")));
}

TEST_CASE_FIXTURE(Fixture, "without --out nothing is copied, and it is told where the pack is") {
  init();
  serve();
  const auto answer = ask_admin(data() + "/admin.sock",
                                {.command = "report build", .fields = {{"month", "2026-01"}}});
  REQUIRE(answer);
  CHECK(((*answer)->files.empty() && (*answer)->copies.empty()));
  CHECK((*answer)->out.find("kept in " + data() + "/reports/2026-01/r1;") != std::string::npos);
}

TEST_CASE_FIXTURE(Fixture,
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
    Fixture, "a revision that a crash kept out of the log gets its leaf, not a second number") {
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

TEST_CASE_FIXTURE(Fixture, "what was left of a build that a crash ended does no harm") {
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

TEST_CASE_FIXTURE(Fixture, "one process holds the data; the admin socket is its owner's only") {
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

TEST_CASE_FIXTURE(Fixture, "a socket left behind by a killed process does not hinder the next") {
  init();
  serve();
  collector.reset();  // without stop(): the socket's file stays
  REQUIRE(*files.exists(data() + "/admin.sock"));
  serve();
  CHECK(ask({.command = "status"}).find("log.test/yunjian") != std::string::npos);
}

TEST_CASE_FIXTURE(Fixture, "without the anchor nothing is served") {
  init();
  REQUIRE(files.remove(directory.path() + "/anchor"));
  const auto opened = open();
  REQUIRE_FALSE(opened.has_value());
  CHECK(opened.error().kind == ledger::ErrorKind::fatal);
}

TEST_CASE_FIXTURE(Fixture, "the server certificate is issued anew when other names are wanted") {
  init();
  serve();
  const std::string before = *files.read_file(data() + "/tls/server.crt");
  restart();
  CHECK(*files.read_file(data() + "/tls/server.crt") == before);
  REQUIRE(collector->stop());
  collector.reset();
  auto renamed = config();
  renamed.names = {"localhost", "127.0.0.1", "audit.test"};
  collector = std::move(*Collector::open(
      tools, {.config = renamed, .boot_id = "b", .on_fatal = [](const ledger::Error&) {}}));
  REQUIRE(collector->serve());
  CHECK(*files.read_file(data() + "/tls/server.crt") != before);
  CHECK(get("/v1/log", token()).status == 200);
}

TEST_CASE_FIXTURE(Fixture,
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

TEST_CASE_FIXTURE(Fixture, "who may revoke the administrators does not make tokens alone by that") {
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
