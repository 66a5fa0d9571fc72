#include "ledger/statement_leaves.h"

#include <doctest/doctest.h>

#include <array>

#include "ledger/testing/seeded_random.h"

namespace yunjian::ledger {
namespace {

const std::string agent = "5f0c9a00112233445566778899aabbcc";
const Time time = parse_time("2026-11-22T08:00:00.000000Z").value();

TEST_CASE("retirement, endorsement and report read back, and each wrong line is named") {
  const std::string retirement = format_retirement({agent, 2, 7, sha256("head"), time});
  const std::string endorsement = format_endorsement({"log.example", 3, sha256("leaf"), time});
  const std::string report = format_report({"2026-11", 99, sha256("manifest"), time});
  CHECK(format_retirement(parse_retirement(retirement).value()) == retirement);
  CHECK(format_endorsement(parse_endorsement(endorsement).value()) == endorsement);
  CHECK(format_report(parse_report(report).value()) == report);
  const auto broken = [](std::string text, std::string_view from, std::string_view to) {
    text.replace(text.find(from), from.size(), to);
    return text;
  };
  CHECK_FALSE(parse_retirement(broken(retirement, "incarnation 2", "incarnation 0")));
  CHECK_FALSE(parse_retirement(broken(retirement, "batches 7", "batches x")));
  CHECK_FALSE(parse_retirement(retirement + "reason none\n"));
  CHECK_FALSE(parse_endorsement(broken(endorsement, "log.example", "log+example")));
  CHECK_FALSE(parse_endorsement(broken(endorsement, "leaf 3", "leaf 03")));
  for (const std::string_view month : {"2026-13", "2026-1", "202611x", "2026-11-01"}) {
    CHECK_FALSE(parse_report(broken(report, "2026-11", month)));
  }
}

TEST_CASE("an endorsement counts when one of the authority's keys signed it, for this log") {
  testing::SeededRandom random(4);
  const Suite& suite = default_suite();
  const auto key = suite.generate(random).value();
  const auto other = suite.generate(random).value();
  const Verifier authority(suite, "authority.example", key->public_key());
  const Verifier stranger(suite, "authority.example", other->public_key());
  const std::string text = format_endorsement({"log.example", 3, sha256("leaf"), time});
  const std::array<Verifier, 1> known = {authority};
  const std::string good = format_note(text, {sign_line(authority, *key, text).value()});
  CHECK(open_endorsement(good, "log.example", known).value().leaf == 3);
  CHECK_FALSE(open_endorsement(good, "other.example", known));
  const std::string bad = format_note(text, {sign_line(stranger, *other, text).value()});
  CHECK_FALSE(open_endorsement(bad, "log.example", known));
  CHECK_FALSE(open_endorsement(good, "log.example", {}));
}

}  // namespace
}  // namespace yunjian::ledger
