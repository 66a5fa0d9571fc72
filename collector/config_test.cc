#include "collector/config.h"

#include <doctest/doctest.h>

#include "ledger/base/file_system.h"
#include "ledger/posix/posix_file_system.h"

namespace yunjian::collector {
namespace {

std::string problem(std::string_view text) {
  const auto config = parse_config(text, "/etc/c.toml");
  REQUIRE_FALSE(config.has_value());
  return config.error().message;
}

const std::string paths = "data = \"/d\"\nanchor = \"/a\"\n";

TEST_CASE("Two paths are enough; everything else has its default") {
  const auto config = parse_config(paths, "/etc/c.toml");
  REQUIRE_MESSAGE(config.has_value(), config.error().message);
  CHECK(config->data == "/d");
  CHECK(config->ingest_listen.port == 8443);
  CHECK(config->api_listen.address == "0.0.0.0");
  CHECK(config->api_listen.port == 8444);
  CHECK_FALSE(config->log_open);
}

TEST_CASE("Every key is read") {
  const auto config = parse_config(
      "data = \"d\"\nanchor = \"/a\"\nnames = [\"a.gov.cn\", \"10.0.0.1\"]\n"
      "[ingest]\nlisten = \"[::]:1\"\nurls = [\"https://a.gov.cn:8443\"]\n"
      "[api]\nlisten = \"127.0.0.1:0\"\nlog_open = true\nmetrics_open = true\n"
      "requests_per_s = 7\n",
      "/etc/yunjian/c.toml");
  REQUIRE_MESSAGE(config.has_value(), config.error().message);
  CHECK(config->data == "/etc/yunjian/d");
  CHECK(config->names.size() == 2);
  CHECK(config->ingest_listen.address == "::");
  CHECK(config->ingest_listen.port == 1);
  CHECK(config->ingest_urls.at(0) == "https://a.gov.cn:8443");
  CHECK(config->api_listen.port == 0);
  CHECK(config->log_open);
  CHECK(config->metrics_open);
  CHECK(config->requests_per_s == 7);
}

TEST_CASE("A mistake is told with file, line and column") {
  CHECK(problem(paths + "dta = 1\n").starts_with("/etc/c.toml:3:1: unknown key 'dta'"));
  CHECK(problem(paths + "[api]\n  listn = \"x\"\n")
            .starts_with("/etc/c.toml:4:3: unknown key 'listn'"));
  CHECK(problem(paths + "[api]\nlisten = 8444\n").starts_with("/etc/c.toml:4:10: listen"));
  CHECK(problem(paths + "[api]\nlisten = \"host:8444x\"\n").find("ADDRESS:PORT") !=
        std::string::npos);
  CHECK(problem(paths + "names = \"a\"\n").starts_with("/etc/c.toml:3:9: names"));
  CHECK(problem(paths + "data = \"/twice\"\n").starts_with("/etc/c.toml:"));
  CHECK(problem(paths + "broken\n").starts_with("/etc/c.toml:3:"));
  CHECK(problem("data = \"/d\"\n").find("'anchor' is missing") != std::string::npos);
  CHECK(problem(paths + "api = 1\n").starts_with("/etc/c.toml:3:7: api"));
  CHECK(problem(paths + "[ingest]\nurls = [\"http://a\"]\n").find("https://HOST:PORT") !=
        std::string::npos);
}

TEST_CASE("The sample file shows every key, and each with its default") {
  ledger::PosixFileSystem files;
  const std::string path = std::string(YUNJIAN_SOURCE_DIR) + "/packaging/collector.toml";
  std::string text = *files.read_file(path);
  const auto as_it_is = parse_config(text, path);
  REQUIRE_MESSAGE(as_it_is.has_value(), as_it_is.error().message);
  for (const std::string key : {"names", "listen", "urls", "certificate_life", "log_open",
                                "metrics_open", "requests_per_s"}) {
    CAPTURE(key);
    std::size_t at = 0;
    bool shown = false;
    while ((at = text.find("\n# " + key + " = ", at)) != std::string::npos) {
      text.erase(at + 1, 2);
      shown = true;
    }
    CHECK(shown);
  }
  const auto uncommented = parse_config(text, path);
  REQUIRE_MESSAGE(uncommented.has_value(), uncommented.error().message);
  CHECK(uncommented->names == as_it_is->names);
  CHECK(uncommented->ingest_listen.port == as_it_is->ingest_listen.port);
  CHECK(uncommented->ingest_urls == as_it_is->ingest_urls);
  CHECK(uncommented->certificate_validity == as_it_is->certificate_validity);
  CHECK(uncommented->api_listen.port == as_it_is->api_listen.port);
  CHECK(uncommented->log_open == as_it_is->log_open);
  CHECK(uncommented->metrics_open == as_it_is->metrics_open);
  CHECK(uncommented->requests_per_s == as_it_is->requests_per_s);
}

TEST_CASE("The life of certificates is a number with a unit, from ten seconds to 825 days") {
  const std::string life = "data = \"/d\"\nanchor = \"/a\"\n[ingest]\ncertificate_life = ";
  for (const auto& [text, seconds] :
       {std::pair("\"45s\"", 45), {"\"12h\"", 43'200}, {"\"90d\"", 7'776'000}}) {
    const auto config = parse_config(life + text + "\n", "/etc/c.toml");
    REQUIRE(config.has_value());
    CHECK(config->certificate_validity == std::chrono::seconds(seconds));
  }
  for (const std::string wrong :
       {"90", "\"90\"", "\"9s\"", "\"826d\"", "\"d\"", "\"1w\"", "\"-1d\""}) {
    CHECK(problem(life + wrong + "\n").find("certificate_life") != std::string::npos);
  }
}

TEST_CASE("An anchor inside the data directory is refused") {
  CHECK(problem("data = \"/d\"\nanchor = \"/d/anchor\"\n").find("outside") != std::string::npos);
}

TEST_CASE("Addresses to listen on are literal, IPv6 in brackets") {
  CHECK(parse_listen("[::1]:8443")->address == "::1");
  for (const std::string_view wrong : {"", ":1", "1.2.3.4", "::1:8443", "[1.2.3.4]:1", "a:65536"}) {
    CHECK_FALSE(parse_listen(wrong));
  }
}

TEST_CASE("retention is for ever or a year at least, holds are read whole or refused") {
  const std::string base = "data = '/d'\nanchor = '/a'\n[store]\n";
  const auto config = parse_config(
      base + "retention_days = 400\nholds = ['unit=tax from=2026-01-01 to=2026-01-31', 'host=a']\n",
      "c.toml");
  REQUIRE(config);
  CHECK(config->retention_days == 400);
  REQUIRE(config->holds.size() == 2);
  CHECK(config->holds[0].unit == "tax");
  CHECK(config->holds[0].last_day - config->holds[0].first_day == 30);
  CHECK(config->holds[1].first_day == 0);
  CHECK(mark_of(config->holds) != mark_of({}));
  CHECK(!parse_config(base + "retention_days = 365\n", "c.toml"));
  CHECK(!parse_config(base + "retention_days = -1\n", "c.toml"));
  CHECK(!parse_config(base + "holds = ['unit']\n", "c.toml"));
  CHECK(!parse_config(base + "holds = ['from=2026-13-01']\n", "c.toml"));
}

}  // namespace
}  // namespace yunjian::collector
