#include "agent/check.h"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

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
