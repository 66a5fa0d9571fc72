#include "agent/check.h"

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/sources/syslog/listen_address.h"
#include "agent/sources/testing/collecting_sink.h"

namespace yunjian::agent {
namespace {

using testing::append;

// Root may read everything, so a test that runs as root acts as somebody else for a while.
struct Unprivileged {
  bool changed = geteuid() == 0 && seteuid(65534) == 0;
  ~Unprivileged() {
    if (changed) CHECK(seteuid(0) == 0);
  }
};

bool says(const CheckReport& report, const std::string& text) {
  return report.text.find(text) != std::string::npos;
}

TEST_CASE("check tells what is there, what is not, and what cannot be read") {
  testing::TemporaryDirectory directory;
  chmod((directory / ".").c_str(), 0755);
  AgentConfig config;
  config.audit_log = directory / "audit.log";
  config.journal_directory = directory / "journal";
  config.files.push_back({.paths = {directory / "*.log", directory / "absent/x.log"}});
  append(directory / "app.log", "1\n");
  {
    const auto report = check_sources(config);
    CHECK(report.complete);
    CHECK(says(report, "app.log (2 bytes)"));
    CHECK(says(report, "absent/x.log: nothing there now"));
    CHECK(says(report, "audit.log: not there now"));
    CHECK(says(report, "no journal on this host now"));
  }
  append(directory / "closed.log", "2\n");
  chmod((directory / "closed.log").c_str(), 0);
  std::filesystem::create_directory(directory / "journal");
  append(directory / "journal/system.journal", "x");
  chmod((directory / "journal/system.journal").c_str(), 0);
  const Unprivileged somebody;
  const auto report = check_sources(config);
  CHECK_FALSE(report.complete);
  CHECK(says(report, "CANNOT READ " + (directory / "closed.log") + ": Permission denied"));
  CHECK(says(report, "group systemd-journal"));
  CHECK(says(report, "app.log (2 bytes)"));
}

std::string listening(const std::string& address) {
  AgentConfig config;
  config.journal = config.audit = false;
  config.syslog.push_back({.listen = {*parse_syslog_address(address)}});
  const auto report = check_sources(config);
  CHECK(report.complete == (report.text.find("CANNOT") == std::string::npos));
  return report.text;
}

TEST_CASE("check tells where syslog cannot be listened for, and leaves nothing behind") {
  testing::TemporaryDirectory directory;
  chmod((directory / ".").c_str(), 0755);
  CHECK(listening("udp://127.0.0.1:0").find("CANNOT") == std::string::npos);
  CHECK(listening("udp://192.0.2.1:9").find("no interface") != std::string::npos);
  for (const char* scheme : {"udp://", "tcp://"}) {
    const auto socket = open_syslog_socket(*parse_syslog_address(scheme + std::string("[::1]:0")));
    REQUIRE(socket);
    sockaddr_in6 bound{};
    socklen_t length = sizeof bound;
    REQUIRE(getsockname(*socket, reinterpret_cast<sockaddr*>(&bound), &length) == 0);
    const std::string address = fmt::format("{}[::1]:{}", scheme, ntohs(bound.sin6_port));
    CHECK(listening(address).find("another program listens") != std::string::npos);
    close(*socket);
    CHECK(listening(address).find("CANNOT") == std::string::npos);
  }
  const std::string path = directory / "log";
  CHECK(listening("unix:" + path).find("CANNOT") == std::string::npos);
  CHECK(access(path.c_str(), F_OK) != 0);
  const auto socket = open_syslog_socket(*parse_syslog_address("unix:" + path));
  REQUIRE(socket);
  CHECK(listening("unix:" + path).find("another program listens") != std::string::npos);
  close(*socket);
  CHECK(listening("unix:" + path).find("CANNOT") == std::string::npos);
  append(directory / "file", "x");
  CHECK(listening("unix:" + (directory / "file")).find("no socket") != std::string::npos);
  const Unprivileged somebody;
  if (!somebody.changed) return;
  CHECK(listening("unix:" + path).find("Permission denied") != std::string::npos);
}

TEST_CASE("check looks at the socket of auditd's plugin") {
  testing::TemporaryDirectory directory;
  chmod((directory / ".").c_str(), 0755);
  AgentConfig config;
  config.journal = false;
  config.audit_socket = directory / "audispd";
  CHECK(says(check_sources(config), "audispd: not there now"));
  const auto plugin =
      open_syslog_socket(*parse_syslog_address("unix-stream:" + config.audit_socket));
  REQUIRE(plugin);
  CHECK(check_sources(config).complete);
  chmod(config.audit_socket.c_str(), 0600);
  {
    const Unprivileged somebody;
    const auto report = check_sources(config);
    if (somebody.changed) CHECK_FALSE(report.complete);
    if (somebody.changed) CHECK(says(report, "CANNOT CONNECT"));
  }
  close(*plugin);
  CHECK(says(check_sources(config), "nobody listens there now"));
}

TEST_CASE("check tells of a directory that is closed to this user") {
  testing::TemporaryDirectory directory;
  chmod((directory / ".").c_str(), 0755);
  std::filesystem::create_directory(directory / "sub");
  append(directory / "sub/x.log", "1\n");
  chmod((directory / "sub").c_str(), 0);
  AgentConfig config;
  config.journal = config.audit = false;
  SUBCASE("by a wildcard") { config.files.push_back({.paths = {directory / "sub/*.log"}}); }
  SUBCASE("by a name") { config.files.push_back({.paths = {directory / "sub/x.log"}}); }
  {
    const Unprivileged somebody;
    const auto report = check_sources(config);
    CHECK_FALSE(report.complete);
    CHECK(says(report, "CANNOT READ " + (directory / "sub")));
  }
  chmod((directory / "sub").c_str(), 0755);
}

}  // namespace
}  // namespace yunjian::agent
