#include "agent/config.h"

#include <doctest/doctest.h>

namespace yunjian::agent {
namespace {

std::string problem_of(const std::string& text) {
  const auto config = parse_config(text, "agent.toml");
  return config ? "none" : config.error().message;
}

TEST_CASE("A whole configuration is read") {
  const auto config = parse_config(R"(
state = "/var/lib/yunjian-agent/"
[collector]
urls = ["https://a:8443", "https://b:8443"]
proxy = "http://proxy:3128"
[usage]
interval_s = 30
[journal]
enabled = false
[audit]
log = "/var/log/audit.log"
[mask]
mobile_numbers = true
[spool]
bytes_max = 100000000
[limits]
cpu_percent = 5
memory_mib = 40
upload_bytes_per_s = 50000
disk_bytes_per_s = 200000
[[file]]
paths = ["/var/log/auth.log*", "/var/log/syslog"]
exclude = ["*.gz"]
start = "end"
[[file]]
paths = ["/var/log/dpkg.log"]
[[platform]]
paths = ["/var/log/keystone/notify*.log"]
form = "openstack"
[[platform]]
paths = ["/var/log/portal/audit.json"]
time = ["at"]
program = ["service.name"]
[[syslog]]
[[syslog]]
listen = ["udp://127.0.0.1:5514", "unix:/run/yunjian-agent/log"]
idle_s = 30
)",
                                   "agent.toml");
  REQUIRE_MESSAGE(config.has_value(), (config ? "" : config.error().message));
  CHECK(config->state == "/var/lib/yunjian-agent");
  CHECK(config->urls.size() == 2);
  CHECK(config->usage_interval_s == 30);
  CHECK(!config->journal);
  CHECK(config->audit);
  CHECK(config->audit_log == "/var/log/audit.log");
  CHECK(config->mask.enabled);
  CHECK(!config->mask.identity_cards);
  CHECK(config->mask.mobile_numbers);
  CHECK(config->spool_bytes_max == 100'000'000);
  CHECK(config->spool_days_max == 0);
  CHECK(config->cpu_percent == 5);
  CHECK(config->memory_mib == 40);
  CHECK(config->upload_bytes_per_s == 50'000);
  CHECK(config->disk_bytes_per_s == 200'000);
  REQUIRE(config->files.size() == 2);
  CHECK(config->files[0].from_end);
  CHECK(config->files[0].exclude.front() == "*.gz");
  CHECK(!config->files[1].from_end);
  REQUIRE(config->platforms.size() == 2);
  CHECK(config->platforms[0].form.program.front() == "publisher_id");
  CHECK(config->platforms[1].form.time.front() == "at");
  CHECK(config->platforms[1].form.severity.empty());
  REQUIRE(config->syslog.size() == 1);
  CHECK(config->syslog[0].listen[1].host == "/run/yunjian-agent/log");
  CHECK(config->syslog[0].idle == std::chrono::seconds(30));
  CHECK(describe_config(*config).find("/var/log/syslog") != std::string::npos);
}

TEST_CASE("What is wrong is named with its line and column") {
  struct Row {
    const char* text;
    const char* message;
  };
  const Row rows[] = {
      {"state = \"/s\"\nstat = 1\n", "agent.toml: line 2, column 8: there is no key stat"},
      {"state = \"/s\"\n[usage]\n  interval = 5\n",
       "line 3, column 14: there is no key usage.interval"},
      {"state = \"/s\"\n[usage]\ninterval_s = 7\n",
       "line 3, column 14: usage.interval_s: must divide 60"},
      {"state = \"/s\"\n[[file]]\npaths = [\"a.log\"]\n",
       "file.paths: a.log is not an absolute path"},
      {"state = \"/s\"\n[[file]]\nexclude = []\n", "file.paths: name at least one"},
      {"state = \"/s\"\n[[file]]\npaths = \"/a\"\n", "must be a list of strings"},
      {"state = \"/s\"\n[collector]\nurls = [\"http://a\"]\n", "collector.urls"},
      {"state = \"/s\"\n[spool]\nbytes_max = 5\n", "spool.bytes_max: must be at least"},
      {"state = \"/s\"\n[limits]\nmemory_mib = 5\n", "limits.memory_mib: must be at least 24"},
      {"state = \"/s\"\n[limits]\nupload_bytes_per_s = 5\n", "limits.upload_bytes_per_s: must"},
      {"state = \"/s\"\n[limits]\ndisk_bytes_per_s = 5\n", "limits.disk_bytes_per_s: must"},
      {"state = \"/s\"\n[limits]\ncpu_percent = 100000\n", "limits.cpu_percent: is a share"},
      {"state = \"/s\"\n[audit]\nlog = \"audit.log\"\n", "audit.log: must be an absolute path"},
      {"state = \"/s\"\n[audit]\nsocket = \"events\"\n", "audit.socket: must be an absolute"},
      {"state = \"/s\"\n[[syslog]]\nlisten = [\"udp://localhost:514\"]\n",
       "line 3, column 10: syslog.listen: udp://localhost:514 must look like"},
      {"state = \"/s\"\n[[syslog]]\nlines_per_s = 0\n", "syslog.lines_per_s: must be from 1 to"},
      {"state = \"/s\"\n[[syslog]]\nlisten=[\"unix:/a\"]\n[[syslog]]\nlisten=[\"unix:/a\"]\n",
       "unix:/a is there twice"},
      {"state = \"/s\"\n[[platform]]\npaths=[\"/a\"]\nform = \"vmware\"\n",
       "line 4, column 8: platform.form: must be one of json, kubernetes, libvirt, openstack"},
      {"state = \"/s\"\n[[platform]]\npaths=[\"/a\"]\nform=\"libvirt\"\ntime=[\"at\"]\n",
       "libvirt is no JSON"},
      {"state = 3\n", "state: must be a string"},
      {"", "state: must be the absolute path"},
      {"state = \"/s\"\n[journal\n", "line 2"},
      {"state = \"/s\"\n[[file]]\npaths=[\"/a\"]\n[[file]]\npaths=[\"/a\"]\n", "join them"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    const std::string problem = problem_of(row.text);
    CAPTURE(problem);
    CHECK(problem.find(row.message) != std::string::npos);
  }
}

}  // namespace
}  // namespace yunjian::agent
