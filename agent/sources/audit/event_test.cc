#include <doctest/doctest.h>

#include "agent/sources/audit/event_assembler.h"
#include "agent/sources/audit/event_fields.h"
#include "agent/sources/audit/event_record.h"
#include "agent/sources/audit/testing/sample_log.h"
#include "ledger/record.h"

namespace yunjian::agent {
namespace {

using namespace std::chrono_literals;
using testing::denied_event;
using testing::exec_event;
using Lines = std::vector<std::string>;

const ledger::Time start{1764403200s};

std::string text_of(const AuditFieldMap& fields, std::string_view key) {
  const auto field = fields.find(key);
  if (field == fields.end()) return "absent";
  return field->second.number ? std::to_string(*field->second.number) : field->second.text;
}

AuditFieldMap decoded(const Lines& lines) { return decode_event(make_event(lines)); }

TEST_CASE("records of two events that are written between each other become two events") {
  EventAssembler events;
  for (std::size_t i = 0; i < exec_event.size(); ++i) {
    events.add(exec_event[i], start);
    if (i < denied_event.size()) events.add(denied_event[i], start);
  }
  REQUIRE(events.complete().size() == 2);
  CHECK(events.complete()[0].lines == denied_event);
  CHECK(events.complete()[1].lines == exec_event);
  CHECK(events.open().empty());
}

TEST_CASE("an event without its last record is complete after two seconds") {
  EventAssembler events;
  const Lines torn(exec_event.begin(), exec_event.end() - 1);
  for (const auto& line : torn) events.add(line, start);
  events.expire(start + 1999ms);
  CHECK(events.complete().empty());
  events.expire(start + 2s);
  REQUIRE(events.complete().size() == 1);
  CHECK(events.complete()[0].lines == torn);
}

TEST_CASE("a newer event completes one that is two seconds older") {
  EventAssembler events;
  events.add(exec_event[0], start);
  events.add(testing::login_event[0], start);
  REQUIRE(events.complete().size() == 1);
  CHECK(events.complete()[0].lines == Lines{exec_event[0]});
}

TEST_CASE("the dispatcher's end mark completes an event and leaves no record") {
  EventAssembler events;
  const std::string end = "type=EOE msg=audit(1764403200.123:501): ";
  events.add(exec_event[0], start);
  events.add(end, start);
  REQUIRE(events.complete().size() == 1);
  CHECK(events.complete()[0].lines == Lines{exec_event[0]});
  for (const auto& line : denied_event) events.add(line, start);
  events.add("type=EOE msg=audit(1764403200.124:502): ", start);
  CHECK(events.complete().size() == 2);
  CHECK(events.open().empty());
}

TEST_CASE("a record that comes late is kept, one that comes twice is not") {
  EventAssembler events;
  events.add(exec_event[0], start);
  events.expire(start + 2s);
  events.expire(start + 4s);
  events.add(exec_event[0], start + 4s);  // twice
  events.add(exec_event[1], start + 4s);  // late
  events.expire(start + 6s);
  REQUIRE(events.complete().size() == 2);
  CHECK(events.complete()[1].lines == Lines{exec_event[1]});
  CHECK(events.complete()[1].serial == 501);
}

TEST_CASE("one serial of two nodes is two events") {
  EventAssembler events;
  events.add("node=a " + exec_event[0], start);
  events.add("node=b " + exec_event[0], start);
  events.add("node=b " + exec_event.back(), start);
  REQUIRE(events.complete().size() == 1);
  CHECK(events.complete()[0].node == "b");
  CHECK(events.complete()[0].lines.size() == 2);
  CHECK(text_of(decode_event(events.complete()[0]), "audit.node") == "b");
}

TEST_CASE("never more events are open than the limit, and none is lost") {
  EventAssembler events;
  for (std::size_t i = 0; i < open_events_max + 10; ++i) {
    events.add("type=SYSCALL msg=audit(1764403200.123:" + std::to_string(i) + "): a=b", start);
    CHECK(events.open().size() <= open_events_max);
  }
  CHECK(events.complete().size() == 10);
  CHECK(events.complete()[0].serial == 0);
}

TEST_CASE("an event that does not end is cut at its limit of bytes") {
  EventAssembler events;
  const std::string line = "type=EXECVE msg=audit(1764403200.123:7): a0=" + std::string(8000, 'A');
  for (std::size_t bytes = 0; bytes < 2 * event_bytes_max; bytes += line.size())
    events.add(line, start);
  CHECK(events.complete().size() >= 1);
  for (const auto& event : events.complete()) CHECK(event.bytes < event_bytes_max + 9000);
}

TEST_CASE("what is no audit record is kept as it is") {
  EventAssembler events;
  const Lines odd = {"",
                     "hello",
                     "type=SYSCALL msg=audit(17644032",
                     "type= msg=audit(1.000:1): x",
                     "type=X msg=audit(99999999999999.000:1): x",
                     "node=a",
                     std::string("\xff\x00", 2)};
  for (const auto& line : odd) events.add(line, start);
  REQUIRE(events.complete().size() == odd.size());
  for (std::size_t i = 0; i < odd.size(); ++i) {
    CHECK(events.complete()[i].lines == Lines{odd[i]});
    std::string record;
    EventRecords(events.complete()[i], start).write(record, 0);
    CHECK(record.starts_with("{\"time\":\"2025-11-29T08:00:00.000000Z\",\"kind\":\"event\""));
  }
}

TEST_CASE("an executed command is told with its arguments and the person behind it") {
  const auto fields = decoded(exec_event);
  CHECK(text_of(fields, "audit.type") == "SYSCALL");
  CHECK(text_of(fields, "audit.types") == "SYSCALL,EXECVE,CWD,PATH,PROCTITLE");
  CHECK(text_of(fields, "audit.serial") == "501");
  CHECK(text_of(fields, "audit.syscall") == "execve");
  CHECK(text_of(fields, "audit.command") == "ls -l 'my file'");
  CHECK(text_of(fields, "audit.auid") == "1000");
  CHECK(text_of(fields, "audit.auid_name") == "li");
  CHECK(text_of(fields, "audit.uid") == "0");
  CHECK(text_of(fields, "audit.uid_name") == "root");
  CHECK(text_of(fields, "audit.exe") == "/usr/bin/ls");
  CHECK(text_of(fields, "audit.comm") == "ls");
  CHECK(text_of(fields, "audit.cwd") == "/root");
  CHECK(text_of(fields, "audit.key") == "rootcmd");
  CHECK(text_of(fields, "audit.result") == "success");
  CHECK(text_of(fields, "audit.terminal") == "pts0");
  CHECK(text_of(fields, "audit.path") == "/usr/bin/ls /lib64/ld-linux-x86-64.so.2");
  CHECK(text_of(fields, "audit.pid") == "2102");
}

TEST_CASE("an event that auditd did not enrich still names its call") {
  const auto fields = decoded(denied_event);
#ifdef HAVE_LIBAUDIT
  CHECK(text_of(fields, "audit.syscall") == "openat");
#else
  CHECK(text_of(fields, "audit.syscall") == "257");
#endif
  CHECK(text_of(fields, "audit.comm") == "evil name");
  CHECK(text_of(fields, "audit.key") == "access,shadow");
  CHECK(text_of(fields, "audit.auid") == "4294967295");
  CHECK(text_of(fields, "audit.auid_name") == "unset");
  CHECK(text_of(fields, "audit.result") == "failed");
  CHECK(text_of(fields, "audit.exit") == "-13");
  CHECK(text_of(fields, "audit.path") == "/etc/shadow");
  CHECK(text_of(fields, "audit.terminal") == "absent");
}

TEST_CASE("records of programs are decoded inside their message too") {
  const auto sudo = decoded({testing::sudo_line});
  CHECK(text_of(sudo, "audit.command") == "cat '公文'");
  CHECK(text_of(sudo, "audit.cwd") == "/home/li");
  CHECK(text_of(sudo, "audit.result") == "success");
  const auto login = decoded({testing::failed_login_line});
  CHECK(text_of(login, "audit.acct") == "wang");
  CHECK(text_of(login, "audit.addr") == "10.1.2.3");
  CHECK(text_of(login, "audit.hostname") == "absent");
  CHECK(text_of(login, "audit.result") == "failed");
  CHECK(text_of(login, "audit.op") == "login");
  CHECK(text_of(login, "audit.types") == "absent");
  const auto module = decoded(
      {"type=KERN_MODULE msg=audit(1764403200.123:9): name=\"dummy\"",
       "type=SYSCALL msg=audit(1764403200.123:9): arch=c000003e syscall=313 success=yes exit=0 "
       "pid=1 auid=1000 uid=0 comm=\"modprobe\" exe=\"/usr/bin/kmod\" key=\"modules\""});
  CHECK(text_of(module, "audit.module") == "dummy");
  CHECK(text_of(module, "audit.type") == "KERN_MODULE");
}

TEST_CASE("arguments in pieces and bytes that are no text are readable") {
  const auto fields = decoded(
      {"type=EXECVE msg=audit(1764403200.123:9): argc=3 a0=\"sh\" a1_len=6 a1[0]=6162 a1[1]=63 "
       "a2=FF5C27"});
  CHECK(text_of(fields, "audit.command") == "sh abc '\\xFF\\\\'\\\\'''");
  const auto empty = decoded({"type=EXECVE msg=audit(1764403200.123:9): argc=2 a0=\"a\" a1=\"\""});
  CHECK(text_of(empty, "audit.command") == "a ''");
}

TEST_CASE("a huge event becomes parts that give its text back and stay within the limit") {
  Lines lines = {exec_event[0]};
  for (int i = 0; i < 30; ++i)
    lines.push_back("type=EXECVE msg=audit(1764403200.123:501): a" + std::to_string(i) + "=\"" +
                    std::string(7500, i % 2 == 0 ? '\x01' : 'x') + "\"");
  const AuditEvent event = make_event(lines);
  const EventRecords records(event, start);
  REQUIRE(records.count() > 1);
  std::string whole;
  for (std::size_t i = 0; i < records.count(); ++i) {
    std::string line;
    records.write(line, i);
    CHECK(line.size() <= ledger::record_bytes_max);
    bool canonical = false;
    const auto parsed = ledger::parse_record(line, &canonical);
    REQUIRE(parsed);
    CHECK(canonical);
    CHECK((*parsed)->find("part") == std::to_string(i + 1) + "/" + std::to_string(records.count()));
    CHECK((*parsed)->find_integer("audit.serial") == 501);
    whole += *(*parsed)->find("message");
  }
  CHECK(whole == testing::joined(lines, "\n"));
}

TEST_CASE("where a socket call went is told by address and port, or by path") {
  const auto decoded_address = [](const std::string& saddr) {
    return decoded({"type=SYSCALL msg=audit(1764403200.123:9): arch=c000003e syscall=42 a0=3",
                    "type=SOCKADDR msg=audit(1764403200.123:9): saddr=" + saddr});
  };
  auto fields = decoded_address("020001BB0A0102030000000000000000");
  CHECK(fields["audit.addr"].text == "10.1.2.3");
  CHECK(fields["audit.port"].number == 443);
  fields = decoded_address("0A0000350000000020010DB800000000000000000000000100000000");
  CHECK(fields["audit.addr"].text == "2001:db8::1");
  CHECK(fields["audit.port"].number == 53);
  CHECK(decoded_address("01002F72756E2F6100")["audit.path"].text == "/run/a");
  CHECK(decoded_address("0100006162")["audit.path"].text == "ab");
  for (const char* odd : {"", "02", "0200", "1000000000000000", "0200ZZ", "0A00003500000000"}) {
    CHECK(decoded_address(odd).count("audit.addr") == 0);
  }
}

TEST_CASE("fields that a host's user made as long as possible leave room for the message") {
  std::string body = "type=USER_CMD msg=audit(1764403200.123:9): ";
  for (const char* name :
       {"acct", "AUID", "comm", "cwd", "EUID", "exe", "grp", "ID", "key", "UID", "cmd", "OLD-AUID"})
    body += std::string(name) + "=\"" + std::string(5000, '\x02') + "\" ";
  const AuditEvent event = make_event({body});
  const EventRecords records(event, start);
  for (std::size_t i = 0; i < records.count(); ++i) {
    std::string line;
    records.write(line, i);
    CHECK(line.size() <= ledger::record_bytes_max);
  }
}

TEST_CASE("the record carries the event's own time, its decoded fields and its raw text") {
  std::string line;
  const AuditEvent event = make_event({testing::failed_login_line});
  EventRecords(event, start + 1h).write(line, 0);
  CHECK(line ==
        R"({"time":"2025-11-29T08:00:02.000000Z","kind":"event","source":"audit","log":"audit",)"
        R"("process.pid":2400,"uid":0,"audit.acct":"wang","audit.addr":"10.1.2.3",)"
        R"("audit.auid":4294967295,"audit.auid_name":"unset","audit.exe":"/usr/sbin/sshd",)"
        R"("audit.op":"login","audit.pid":2400,"audit.result":"failed","audit.serial":504,)"
        R"("audit.session":4294967295,"audit.terminal":"sshd","audit.type":"USER_LOGIN",)"
        R"("audit.uid":0,"audit.uid_name":"root","message":"type=USER_LOGIN )"
        R"(msg=audit(1764403202.000:504): pid=2400 uid=0 auid=4294967295 ses=4294967295 )"
        R"(subj=unconfined msg='op=login acct=\"wang\" exe=\"/usr/sbin/sshd\" hostname=? )"
        R"(addr=10.1.2.3 terminal=sshd res=failed'\u001DUID=\"root\" AUID=\"unset\""})");
}

}  // namespace
}  // namespace yunjian::agent
