#include "agent/sources/platform/platform_log.h"

#include <doctest/doctest.h>

#include <memory>

#include "agent/sources/testing/collecting_sink.h"
#include "ledger/base/bytes.h"

namespace yunjian::agent {
namespace {

using namespace std::chrono_literals;
using Texts = std::vector<std::string>;

// Keystone with notification_format = cadf and the driver log.
const std::string login =
    R"(2026-11-22 16:16:03.482 2211 INFO oslo.messaging.notification.identity.authenticate [-] )"
    R"({"message_id": "1c0f5a3e-7d8a-4cf7-9d2a-7c1f7d0e6b55", "publisher_id": )"
    R"("identity.controller01", "event_type": "identity.authenticate", "priority": "INFO", )"
    R"("payload": {"typeURI": "http://schemas.dmtf.org/cloud/audit/1.0/event", "eventType": )"
    R"("activity", "eventTime": "2026-11-22T08:16:03.482113+00:00", "id": )"
    R"("f0c4a5f5-3f3a-5b0b-8d53-2b1f8a5c6a10", "action": "authenticate", "outcome": "failure", )"
    R"("reason": {"reasonType": "HTTP", "reasonCode": "401"}, "initiator": {"id": )"
    R"("b1f6a0b9c41e4a7b8c2d", "typeURI": "service/security/account/user", "host": {"agent": )"
    R"("python-keystoneclient", "address": "10.20.0.31"}, "project_id": "水务局-生产"}, "target": )"
    R"({"id": "openstack:7a3d", "typeURI": "service/security/account/user"}, "observer": {"id": )"
    R"("openstack:3d4a", "typeURI": "service/security"}, "attachments": [{"name": "auth", )"
    R"("eventTime": "1999-01-01"}]}, "timestamp": "2026-11-22 08:16:04.001200"})";
// Nova, no CADF: the time is the notification's own.
const std::string stop_server =
    R"({"message_id": "5e9d", "publisher_id": "compute.node-07", "event_type": )"
    R"("compute.instance.power_off.end", "priority": "ERROR", "payload": {"instance_id": "8f3c", )"
    R"("state": "stopped", "eventTime": null}, "timestamp": "2026-11-22 08:17:00.5"})";
// The same as it lies in the message queue.
const std::string enveloped =
    R"({"oslo.version": "2.0", "oslo.message": "{\"publisher_id\": \"volume.block-01\", )"
    R"(\"priority\": \"WARN\", \"payload\": {}, \"timestamp\": \"2026-11-22 08:18:00.000000\"}"})";
// keystonemiddleware's audit filter: the event alone.
const std::string middleware =
    R"({"typeURI": "http://schemas.dmtf.org/cloud/audit/1.0/event", "eventTime": )"
    R"("2026-11-22T16:19:00.000000+0800", "action": "delete", "observer": {"name": "nova"}})";

struct Host {
  explicit Host(std::string_view form) { start(form); }
  void start(std::string_view form, const std::string& position = "") {
    PlatformOptions options;
    options.files.patterns = {directory / "*.log"};
    options.form = *find_platform_form(form);
    source = std::make_unique<PlatformLog>(options);
    source->restore(position);
  }
  bool poll(std::chrono::microseconds later = 1s) {
    now += later;
    return source->poll(now, sink);
  }

  testing::TemporaryDirectory directory;
  std::unique_ptr<PlatformLog> source;
  testing::CollectingSink sink;
  ledger::Time now{1795334400s};  // 2026-11-22T08:00:00Z
};

TEST_CASE("Operations of OpenStack keep their whole line, with time, priority and service beside") {
  Host host("openstack");
  const std::string path = host.directory / "notify.log";
  testing::append(path, login + "\n" + stop_server + "\n" + enveloped + "\n" + middleware + "\n");
  host.poll();
  CHECK(host.sink.messages() == Texts{login, stop_server, enveloped, middleware});
  CHECK(host.sink.values("source") == Texts(4, "platform"));
  CHECK(host.sink.values("log") == Texts(4, path));
  CHECK(host.sink.values("time") ==
        Texts{"2026-11-22T08:16:03.482113Z", "2026-11-22T08:17:00.500000Z",
              "2026-11-22T08:18:00.000000Z", "2026-11-22T08:19:00.000000Z"});
  CHECK(host.sink.values("severity") == Texts{"6", "3", "4"});
  CHECK(host.sink.values("process.name") ==
        Texts{"identity.controller01", "compute.node-07", "volume.block-01", "nova"});
}

TEST_CASE("Kubernetes' audit log and libvirt's logs are read by their own forms") {
  Host kubernetes("kubernetes");
  const std::string event =
      R"({"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","stage":)"
      R"("ResponseComplete","verb":"delete","user":{"username":"ops","groups":["a"]},"objectRef":)"
      R"({"resource":"pods","name":"web"},"requestReceivedTimestamp":)"
      R"("2026-11-22T07:59:59.123456Z","stageTimestamp":"2026-11-22T08:00:00.000001Z"})";
  testing::append(kubernetes.directory / "audit.log", event + "\n");
  kubernetes.poll();
  CHECK(kubernetes.sink.messages() == Texts{event});
  CHECK(kubernetes.sink.values("time") == Texts{"2026-11-22T07:59:59.123456Z"});
  CHECK(kubernetes.sink.values("severity").empty());

  Host libvirt("libvirt");
  const Texts lines = {
      "2026-11-22 08:00:00.123+0000: 12345: error : virNetSocketReadWire:1791 : End of file: x",
      "2026-11-22 16:00:01.000+0800: shutting down, reason=destroyed",
      "char device redirected to /dev/pts/0 (label charserial0)"};
  for (const auto& line : lines) testing::append(libvirt.directory / "vm.log", line + "\n");
  libvirt.poll();
  CHECK(libvirt.sink.messages() == lines);
  CHECK(libvirt.sink.values("severity") == Texts{"3"});
  CHECK(libvirt.sink.values("time") == Texts{"2026-11-22T08:00:00.123000Z",
                                             "2026-11-22T08:00:01.000000Z",
                                             "2026-11-22T08:00:01.000000Z"});
}

TEST_CASE("What is not as expected is kept all the same, at the time it was read") {
  const Texts lines = {
      "no JSON at all",
      "{",
      R"({"timestamp": "2026-11-22 08:00:00", "payload": {"eventTime": {"eventTime": "x"}}, bro)",
      R"({"timestamp": "in the morning"})",
      R"({"timestamp": "2126-11-22 08:00:00"})",  // a clock that is wrong
      R"({"timestamp": "1970-01-01 08:00:00"})",
      R"({"timestamp": ["2026-11-21 08:00:00"]})",
      std::string(100'000, '['),
      "{\"a\":" + std::string(5'000, '{'),
      std::string("{\"priority\": \"INFO\", \"publisher_id\": \"\xFF\"}"),
  };
  Host host("openstack");
  std::string wanted;
  for (const auto& line : lines) {
    testing::append(host.directory / "a.log", line + "\n");
    wanted += line;
  }
  host.poll();
  std::string joined;
  const auto escaped = host.sink.values("encoding").size();
  for (const auto& message : host.sink.messages()) joined += message;
  REQUIRE(escaped == 1);
  const auto last = ledger::unescape_bytes(host.sink.messages().back());
  REQUIRE(last.has_value());
  joined.resize(joined.size() - host.sink.messages().back().size());
  CHECK(joined + *last == wanted);
  const auto times = host.sink.values("time");
  CHECK(std::count(times.begin(), times.end(), "2026-11-22T08:00:01.000000Z") ==
        static_cast<long>(times.size()) - 1);
  CHECK(times[2] == "2026-11-22T08:00:00.000000Z");
  CHECK(host.sink.values("process.name").empty());
}

TEST_CASE("A sink that is full and a restart neither lose nor double an operation") {
  Host host("openstack");
  const std::string path = host.directory / "notify.log";
  testing::append(path, login + "\n" + stop_server + "\n");
  host.sink.limit = 1;
  CHECK(host.poll());
  const std::string position = host.source->position();
  std::filesystem::rename(path, path + ".1");
  testing::append(path, middleware + "\n");
  host.start("openstack", position);
  host.sink.limit = static_cast<std::size_t>(-1);
  for (int i = 0; i < 3; ++i) host.poll();
  CHECK(host.sink.messages() == Texts{login, stop_server, middleware});
  std::filesystem::remove(path);
  std::filesystem::remove(path + ".1");
  host.start("openstack", host.source->position());
  host.poll();
  CHECK(host.sink.values("what").size() == 1);  // FileTail's gap record: gone
}

TEST_CASE("Times of platforms are read in all their forms, and nothing else is") {
  struct Row {
    const char* text;
    const char* time;
  };
  const Row rows[] = {
      {"2014-02-14T01:20:47.932842+00:00", "2014-02-14T01:20:47.932842Z"},
      {"2014-02-14T01:20:47Z", "2014-02-14T01:20:47.000000Z"},
      {"2014-02-14 01:20:47,5", "2014-02-14T01:20:47.500000Z"},
      {"2014-02-14T09:20:47.123456789+0800", "2014-02-14T01:20:47.123456Z"},
      {"2014-02-13T20:50:47-04:30", "2014-02-14T01:20:47.000000Z"},
      {"2014-02-14T09:20:47+08", "2014-02-14T01:20:47.000000Z"},
      {"1392340847", "2014-02-14T01:20:47.000000Z"},
      {"1392340847.25", "2014-02-14T01:20:47.250000Z"},
      {"1392340847250", "2014-02-14T01:20:47.250000Z"},
      {"1392340847250001", "2014-02-14T01:20:47.250001Z"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    const auto time = read_platform_time(row.text);
    REQUIRE(time);
    CHECK(ledger::format_time(*time) == row.time);
  }
  for (const char* text : {"", "2014", "2014-13-01T00:00:00Z", "2014-02-30T00:00:00Z", "-5", "nan",
                           "2014-02-14T25:00:00Z", "2014-02-14T01:20:47 x", "1e400", "0", "inf",
                           "2014-02-14T01:20:47+99:00", "1999-12-31T23:59:59Z"}) {
    CAPTURE(text);
    CHECK(!read_platform_time(text));
  }
}

}  // namespace
}  // namespace yunjian::agent
