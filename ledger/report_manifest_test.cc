#include "ledger/report_manifest.h"

#include <doctest/doctest.h>

namespace yunjian::ledger {
namespace {

ReportManifest sample() {
  ReportManifest manifest;
  manifest.origin = "log.example";
  manifest.month = "2026-10";
  manifest.revision = 2;
  manifest.previous = sha256("before");
  manifest.as_of = parse_time("2026-10-31T16:00:00.000000Z").value();
  manifest.rules = "default-2026.2";
  manifest.rules_hash = sha256("rules");
  manifest.calendar = "cn-2026";
  manifest.inventory = sha256("inventory");
  manifest.tree = {.size = 99, .root = sha256("root")};
  manifest.files = {{"county/东 区/advice.pdf", 7, sha256("a")},
                    {"utilization.json", 8, sha256("b")}};
  manifest.changes = {"utilization.json: web-01 cpu.p95_percent 2.40 -> 2.50"};
  return manifest;
}

TEST_CASE("a manifest reads back, and each wrong line is named") {
  const std::string text = format_report_manifest(sample());
  CHECK(format_report_manifest(parse_report_manifest(text).value()) == text);
  const auto refused = [&](std::string_view from, std::string_view to, std::string_view named) {
    std::string changed = text;
    changed.replace(changed.find(from), from.size(), to);
    const auto parsed = parse_report_manifest(changed);
    REQUIRE_FALSE(parsed);
    CHECK_MESSAGE(parsed.error().message.find("'" + std::string(named) + "'") != std::string::npos,
                  parsed.error().message);
  };
  refused("revision 2", "revision 02", "revision");
  refused("revision 2", "revision 1", "previous");
  refused("files 2", "files 3", "file");
  refused("files 2", "files 9999", "files");
  refused("county/", "../", "file");
  refused("county/", "x/", "file");  // out of order
  refused(" 7 ", " 07 ", "file");
  refused("changes 1", "changes 2", "change");
  refused("default-2026.2 ", "default-2026.2  ", "rules");
  CHECK_FALSE(parse_report_manifest(text + "more x\n"));
}

TEST_CASE("paths of a pack stay below its directory") {
  for (const std::string_view good : {"a.json", "unit/tax/a.pdf", "county/东区/a"}) {
    CHECK(is_pack_path(good));
  }
  for (const std::string_view bad : {"", "/a", "a//b", "a/", "../a", "a/../b", ".hidden"}) {
    CHECK_FALSE(is_pack_path(bad));
  }
}

TEST_CASE("inputs read back; a line that is none, or out of order, is named") {
  const std::string a(32, 'a');
  const std::string b(32, 'b');
  const std::string text = format_inputs({{a + ".1", 0, 3, 0, 95, 96}, {b + ".2", 4, 4, 7, 9, 2}});
  CHECK(format_inputs(parse_inputs(text).value()) == text);
  CHECK_FALSE(parse_inputs(text + text));
  CHECK_FALSE(parse_inputs(text.substr(0, text.size() - 1)));
  CHECK_FALSE(parse_inputs(a + ".1 0 3 0 95\n"));
  CHECK_FALSE(parse_inputs(a + ".1 0 3 0 95 96 1\n"));
  CHECK(parse_inputs("").value().empty());
}

}  // namespace
}  // namespace yunjian::ledger
