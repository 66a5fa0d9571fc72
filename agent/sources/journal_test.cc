#include "agent/sources/journal.h"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <bit>

#include "agent/sources/journal_entry.h"
#include "agent/sources/testing/collecting_sink.h"

namespace yunjian::agent {
namespace {

using namespace std::chrono_literals;
using Lines = std::vector<std::string>;

// Debian's systemd-journal-remote writes real journal files without a running journald.
constexpr const char* writer_program = "/lib/systemd/systemd-journal-remote";

bool can_write_journals() {
  if (make_journal({}) != nullptr && access(writer_program, X_OK) == 0) return true;
  MESSAGE("needs libsystemd and systemd-journal-remote: not checked");
  return false;
}

// The entries of a journal in the journal export format.
struct Export {
  std::string text;
  std::uint64_t time_us = 1'795'341'600'000'000;

  Export& entry(std::initializer_list<std::pair<std::string_view, std::string_view>> fields) {
    time_us += 1'000'000;
    text += fmt::format(
        "__REALTIME_TIMESTAMP={}\n__MONOTONIC_TIMESTAMP={}\n"
        "_BOOT_ID=0c3f1b627a7b4c0e9a67000000000001\n",
        time_us, time_us - 1'795'341'500'000'000);
    for (const auto& [name, value] : fields) {
      const std::uint64_t size = value.size();
      text += name;
      text += '\n';
      text.append(reinterpret_cast<const char*>(&size), sizeof size);  // little endian
      text += value;
      text += '\n';
    }
    text += '\n';
    return *this;
  }
  Export& message(std::string_view text_of_it) {
    return entry({{"MESSAGE", text_of_it},
                  {"_SYSTEMD_UNIT", "app.service"},
                  {"SYSLOG_IDENTIFIER", "app"},
                  {"PRIORITY", "6"}});
  }
};
static_assert(std::endian::native == std::endian::little);

// Appends to a journal file, or makes it.
void write_journal(const std::string& path, const Export& entries) {
  const std::string input = path + ".export";
  testing::overwrite(input, entries.text);
  const std::string output = "--output=" + path;
  const pid_t child = fork();
  if (child == 0) {
    execl(writer_program, writer_program, output.c_str(), input.c_str(), nullptr);
    _exit(127);
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  REQUIRE(WIFEXITED(status));
  REQUIRE(WEXITSTATUS(status) == 0);
  std::filesystem::remove(input);
}

struct JournalHost {
  testing::TemporaryDirectory directory;
  JournalOptions options;
  std::unique_ptr<Source> journal;
  testing::CollectingSink sink;
  std::string sealed;
  ledger::Time now{std::chrono::hours(24 * 365 * 57)};

  JournalHost() {
    options.directory = directory / "journal";
    std::filesystem::create_directory(options.directory);
    start();
  }
  std::string file(std::string_view name = "system.journal") const {
    return options.directory + "/" + std::string(name);
  }
  void start() {
    journal = make_journal(options);
    if (journal) journal->restore(sealed);
  }
  bool poll(std::chrono::seconds later = 11s) {
    now += later;
    return journal->poll(now, sink);
  }
  void restart() {
    sealed = journal->position();
    start();
  }
};

TEST_CASE("journal entries become records with what the journal knows about them") {
  if (!can_write_journals()) return;
  JournalHost host;
  Export entries;
  entries.entry({{"MESSAGE", "Accepted publickey for root 云"},
                 {"PRIORITY", "6"},
                 {"SYSLOG_FACILITY", "10"},
                 {"SYSLOG_IDENTIFIER", "sshd"},
                 {"_COMM", "sshd-session"},
                 {"_PID", "812"},
                 {"_UID", "0"},
                 {"_SYSTEMD_UNIT", "ssh.service"},
                 {"_SOURCE_REALTIME_TIMESTAMP", "1795341600123456"}});
  entries.entry({{"MESSAGE", std::string_view("raw \0 \xff\nsecond line", 18)},
                 {"_COMM", "cron"},
                 {"_TRANSPORT", "stdout"}});
  write_journal(host.file(), entries);
  CHECK_FALSE(host.poll());
  REQUIRE(host.sink.lines.size() == 2);
  CHECK(host.sink.lines[0] ==
        R"({"time":"2026-11-22T10:00:00.123456Z","kind":"event","source":"journal",)"
        R"("log":"ssh.service","severity":6,"facility":10,"process.name":"sshd",)"
        R"("process.pid":812,"uid":0,"message":"Accepted publickey for root 云"})");
  CHECK(host.sink.values("time")[1] == "2026-11-22T10:00:02.000000Z");
  CHECK(host.sink.values("log")[1] == "stdout");
  CHECK(host.sink.values("process.name")[1] == "cron");
  CHECK(ledger::unescape_bytes(host.sink.messages()[1]).value() ==
        std::string("raw \0 \xff\nsecond line", 18));
}

TEST_CASE("a restart goes on behind the last sealed entry, and new entries are found") {
  if (!can_write_journals()) return;
  JournalHost host;
  Export first;
  first.message("1").message("2").message("3");
  write_journal(host.file(), first);
  host.sink.limit = 2;
  CHECK(host.poll());
  host.restart();
  host.sink.limit = 100;
  CHECK_FALSE(host.poll());
  host.restart();
  CHECK_FALSE(host.poll());
  CHECK(host.sink.messages() == Lines{"1", "2", "3"});
  Export more;
  more.time_us = first.time_us;
  more.message("4");
  write_journal(host.file(), more);
  host.poll();
  more.text.clear();
  more.message("5");
  write_journal(host.file("user-1000.journal"), more);
  host.poll();
  CHECK(host.sink.messages() == Lines{"1", "2", "3", "4", "5"});
  CHECK(host.sink.values("cause").empty());
}

TEST_CASE("a journal that appears later is found") {
  if (!can_write_journals()) return;
  JournalHost host;
  host.options.directory = host.directory / "later";
  host.options.start = FileStart::end;
  host.start();
  CHECK_FALSE(host.poll());
  CHECK(host.journal->wake_descriptor() == -1);
  std::filesystem::create_directory(host.options.directory);
  Export entries;
  write_journal(host.file(), entries.message("hello"));
  host.poll();
  CHECK(host.sink.messages() == Lines{"hello"});
  CHECK(host.journal->wake_descriptor() >= 0);
}

TEST_CASE("a position is kept while the journal cannot be found") {
  if (!can_write_journals()) return;
  JournalHost host;
  Export entries;
  write_journal(host.file(), entries.message("1"));
  host.poll();
  host.sealed = host.journal->position();
  CHECK(host.sealed.starts_with("journal/v1 behind s="));
  host.options.directory = host.directory / "nowhere";
  host.start();
  host.poll();
  CHECK(host.journal->position() == host.sealed);
}

TEST_CASE("at the end means behind what is there") {
  if (!can_write_journals()) return;
  JournalHost host;
  host.options.start = FileStart::end;
  host.start();
  Export entries;
  write_journal(host.file(), entries.message("old"));
  host.poll();
  host.restart();
  entries.text.clear();
  write_journal(host.file(), entries.message("new"));
  host.poll();
  CHECK(host.sink.messages() == Lines{"new"});
}

TEST_CASE("the audit's and the agent's own entries are left out") {
  if (!can_write_journals()) return;
  JournalHost host;
  Export entries;
  entries.entry({{"MESSAGE", "audit"}, {"_TRANSPORT", "audit"}});
  entries.entry({{"MESSAGE", "own"}, {"_SYSTEMD_UNIT", "yunjian-agent.service"}});
  entries.message("kept");
  entries.entry({{"MESSAGE", "own"}, {"_SYSTEMD_UNIT", "yunjian-agent.service"}});
  write_journal(host.file(), entries);
  host.poll();
  host.restart();
  host.poll();
  CHECK(host.sink.messages() == Lines{"kept"});
}

TEST_CASE("entries that were vacuumed before they were read are counted") {
  if (!can_write_journals()) return;
  JournalHost host;
  Export entries;
  for (int i = 1; i <= 5; ++i) entries.message(fmt::format("{}", i));
  write_journal(host.file(), entries);
  host.sink.limit = 2;
  host.poll();
  host.restart();
  host.sink.limit = 100;
  std::filesystem::remove(host.file());
  Export later;
  later.time_us = entries.time_us;
  write_journal(host.file("new.journal"), later.message("6"));
  host.poll();
  CHECK(host.sink.messages() == Lines{"1", "2", "6"});
  CHECK(host.sink.values("cause") == Lines{"cursor-gone"});
  CHECK(host.sink.values("from") == Lines{"2026-11-22T10:00:03.000000Z"});
  CHECK(host.sink.values("to") == Lines{"2026-11-22T10:00:06.000000Z"});
}

TEST_CASE("a long message is split and goes on after a restart in its middle") {
  if (!can_write_journals()) return;
  JournalHost host;
  std::string text(150'000, 'x');
  for (std::size_t i = 0; i < text.size(); ++i) text[i] = static_cast<char>('a' + i % 25);
  Export entries;
  write_journal(host.file(), entries.message(text).message("short"));
  for (std::size_t limit = 1; limit <= 4; ++limit) {
    host.sink.limit = limit;
    host.poll();
    host.restart();
  }
  host.sink.limit = 100;
  host.poll();
  const auto messages = host.sink.messages();
  REQUIRE(messages.size() == 4);
  CHECK(messages[0] + messages[1] + messages[2] == text);
  CHECK(messages[3] == "short");
  CHECK(host.sink.values("part") == Lines{"1/3", "2/3", "3/3"});
}

TEST_CASE("damaged journal files never stop or crash the source") {
  if (!can_write_journals()) return;
  JournalHost host;
  Export entries;
  for (int i = 0; i < 200; ++i) entries.message(fmt::format("message number {}", i));
  write_journal(host.file(), entries);
  std::ifstream in(host.file(), std::ios::binary);
  const std::string whole{std::istreambuf_iterator<char>(in), {}};
  Export good;
  good.time_us = entries.time_us;
  write_journal(host.file("good.journal"), good.message("of another file"));
  std::size_t seen_all = 0;
  std::size_t ends_seen = 0;
  const std::size_t first = whole.find("message number 0");
  const std::size_t last = whole.rfind("message number");
  REQUIRE(last < whole.size());
  for (std::size_t at = first; at < last; at += (last - first) / 40) {
    std::string damaged = whole;
    for (std::size_t i = 0; i < 64; ++i)
      damaged[at + i] = static_cast<char>(damaged[at + i] ^ 0x5A);
    testing::overwrite(host.file(), damaged);
    host.sealed.clear();
    host.sink.lines.clear();
    host.start();
    for (int i = 0; i < 5; ++i) CHECK_FALSE(host.poll());
    const auto messages = host.sink.messages();
    seen_all += messages.size() == 201;
    std::uint64_t counted = messages.size();
    for (const auto& count : host.sink.values("count")) counted += std::stoull(count);
    // What follows the damage is numbered and shows how much is missing.
    const bool end_seen = std::count(messages.begin(), messages.end(), "message number 199") == 1;
    ends_seen += end_seen;
    if (end_seen) CHECK(counted == 201);
    CHECK(std::count(messages.begin(), messages.end(), "of another file") == 1);
  }
  CHECK(seen_all > 0);
  CHECK(ends_seen > seen_all);  // the count was held against a damage, too
}

TEST_CASE("a journal file whose beginning is damaged is named once, and the others are read") {
  if (!can_write_journals()) return;
  JournalHost host;
  write_journal(host.file("bad.journal"), Export().message("of the bad file"));
  write_journal(host.file("good.journal"), Export().message("of the good file"));
  testing::overwrite(host.file("empty.journal"), "");
  std::ifstream in(host.file("bad.journal"), std::ios::binary);
  std::string bytes{std::istreambuf_iterator<char>(in), {}};
  SUBCASE("by its signature") { bytes[0] = 'X'; }
  SUBCASE("by flags that nobody knows") { bytes[12] = '\x7f'; }
  SUBCASE("by being cut off") { bytes.resize(100); }
  SUBCASE("among files that are named one by one") {
    bytes[0] = 'X';
    host.options.files = {host.file("bad.journal"), host.file("good.journal")};
  }
  testing::overwrite(host.file("bad.journal"), bytes);
  host.start();
  for (int i = 0; i < 3; ++i) CHECK_FALSE(host.poll());
  CHECK(host.sink.messages() == Lines{"of the good file"});
  CHECK(host.sink.values("cause") == Lines{"corrupt"});
  CHECK(host.sink.lines[0].find("\"log\":\"" + host.file("bad.journal")) != std::string::npos);
}

TEST_CASE("units and severities that are not wanted are left out, which is no gap") {
  if (!can_write_journals()) return;
  JournalHost host;
  host.options.units = {"app*.service", "init.scope"};
  host.options.exclude_units = {"app-debug*"};
  host.options.severity_max = 5;
  host.start();
  Export entries;
  const auto add = [&](const char* text, const char* unit, const char* priority) {
    entries.entry({{"MESSAGE", text}, {"_SYSTEMD_UNIT", unit}, {"PRIORITY", priority}});
  };
  add("wanted", "app.service", "5");
  add("too quiet", "app.service", "6");
  add("of another unit", "ssh.service", "0");
  add("left out", "app-debug.service", "0");
  entries.entry({{"MESSAGE", "of no unit"}, {"PRIORITY", "0"}});
  entries.entry({{"MESSAGE", "of no severity"}, {"_SYSTEMD_UNIT", "init.scope"}});
  write_journal(host.file(), entries);
  host.poll();
  CHECK(host.sink.messages() == Lines{"wanted", "of no severity"});
  CHECK(host.sink.values("cause").empty());
  host.restart();
  host.poll();
  CHECK(host.sink.lines.size() == 2);
}

TEST_CASE("what journald says it threw away is a gap, told once and only by journald") {
  if (!can_write_journals()) return;
  JournalHost host;
  Export entries;
  const auto add = [&](const char* text, const char* id, const char* transport) {
    entries.entry({{"MESSAGE", text},
                   {"MESSAGE_ID", id},
                   {"N_DROPPED", "17"},
                   {"_TRANSPORT", transport},
                   {"SYSLOG_IDENTIFIER", "systemd-journald"}});
  };
  const char* suppressed = "a596d6fe7bfa4994828e72309e95d61e";
  add("Suppressed 17 messages from app.service", suppressed, "driver");
  add("Suppressed 17 messages from forged.service", suppressed, "journal");
  add("Missed 230 kernel messages", "e9bf28e6e834481bb6f48f548ad13606", "driver");
  write_journal(host.file(), entries);
  host.sink.limit = 1;  // the message is sealed, its gap record not yet
  CHECK(host.poll());
  host.restart();
  host.sink.limit = static_cast<std::size_t>(-1);
  host.poll();
  CHECK(host.sink.messages().size() == 3);
  CHECK(host.sink.values("cause") == Lines{"rate-limited", "kernel-missed"});
  CHECK(host.sink.values("count") == Lines{"17", "230"});
  CHECK(host.sink.values("detail")[0] == "Suppressed 17 messages from app.service");
}

TEST_CASE("what the kernel says its audit lost is a gap with the number that is new") {
  if (!can_write_journals()) return;
  JournalHost host;
  Export entries;
  const auto add = [&](const char* text, const char* transport) {
    entries.entry({{"MESSAGE", text}, {"_TRANSPORT", transport}, {"SYSLOG_IDENTIFIER", "kernel"}});
  };
  add("audit: audit_lost=3 audit_rate_limit=0 audit_backlog_limit=64", "kernel");
  add("audit: audit_lost=10 audit_rate_limit=0 audit_backlog_limit=64", "kernel");
  add("audit: audit_lost=10 audit_rate_limit=0 audit_backlog_limit=64", "kernel");
  add("audit: audit_lost=99 audit_rate_limit=0 audit_backlog_limit=64", "syslog");  // forged
  add("audit: audit_lost=2 audit_rate_limit=0 audit_backlog_limit=64", "kernel");   // rebooted
  write_journal(host.file(), entries);
  host.start();
  host.poll();
  CHECK(host.sink.messages().size() == 5);
  CHECK(host.sink.values("cause") == Lines{"audit-lost", "audit-lost", "audit-lost"});
  CHECK(host.sink.values("count") == Lines{"7", "2"});  // of the first it is not known
}

TEST_CASE("a position that cannot be understood starts anew and says so") {
  if (!can_write_journals()) return;
  JournalHost host;
  Export entries;
  write_journal(host.file(), entries.message("1"));
  host.sealed = "journal/v1 inside x";
  host.start();
  host.poll();
  CHECK(host.sink.values("cause") == Lines{"position-lost"});
  CHECK(host.sink.messages() == Lines{"1"});
}

TEST_CASE("names that are no text do not break the record") {
  JournalEntry entry;
  entry.add("MESSAGE=hello");
  entry.add("SYSLOG_IDENTIFIER=bad\xff" + std::string(5000, 'x'));
  entry.add("PRIORITY=-1");
  entry.add("no equals sign");
  testing::CollectingSink sink;
  std::string line;
  entry.write(line, {}, "", entry.message());
  sink.take(line);
  CHECK(sink.messages() == Lines{"hello"});
  CHECK(sink.values("severity").empty());
  CHECK(sink.values("process.name")[0].starts_with("bad\\xFFxxx"));
  CHECK(line.size() < 4096);
}

}  // namespace
}  // namespace yunjian::agent
