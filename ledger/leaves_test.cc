#include "ledger/leaves.h"

#include <doctest/doctest.h>

#include "ledger/testing/seeded_random.h"

namespace yunjian::ledger {
namespace {

struct Parties {
  testing::SeededRandom random{9};
  std::unique_ptr<PrivateKey> log_key = default_suite().generate(random).value();
  std::unique_ptr<PrivateKey> first_key = default_suite().generate(random).value();
  std::unique_ptr<PrivateKey> old_key = default_suite().generate(random).value();
  Verifier log{default_suite(), "log.example", log_key->public_key()};

  Enrolment enrolment() const {
    Enrolment out;
    out.origin = "log.example";
    out.agent = "5f0c9a00112233445566778899aabbcc";
    out.incarnation = 2;
    out.unit = "water-bureau";
    out.host = "web-01.gov.example";
    out.suite = "ed25519-sha256";
    out.first_key = first_key->public_key();
    out.previous = sha256("last header");
    out.enrolled = parse_time("2026-11-22T08:00:00.000000Z").value();
    return out;
  }
  SignatureLine agent_line(const PrivateKey& key, const std::string& text) const {
    const Verifier signer(default_suite(),
                          agent_key_name("log.example", "5f0c9a00112233445566778899aabbcc"),
                          key.public_key());
    return sign_line(signer, key, text).value();
  }
};

TEST_CASE("an enrolment reads back, and each wrong line is named") {
  const Parties parties;
  const std::string text = format_enrolment(parties.enrolment());
  CHECK(format_enrolment(parse_enrolment(text).value()) == text);
  const auto problem = [&](std::string_view from, std::string_view to) {
    std::string changed = text;
    changed.replace(changed.find(from), from.size(), to);
    const auto enrolment = parse_enrolment(changed);
    return enrolment ? std::string() : enrolment.error().message;
  };
  CHECK(problem("water-bureau", "Water Bureau").find("'unit'") != std::string::npos);
  CHECK(problem("web-01", "../web").find("'host'") != std::string::npos);
  CHECK(problem("ed25519-sha256", "md5").find("'suite'") != std::string::npos);
  CHECK(problem("incarnation 2", "incarnation 0").find("'incarnation'") != std::string::npos);
  CHECK(problem("enrolled 2026", "enrolled 26").find("'enrolled'") != std::string::npos);
}

TEST_CASE("an enrolment needs the log's and the first key's signature; the old key endorses it") {
  const Parties parties;
  const std::string text = format_enrolment(parties.enrolment());
  const SignatureLine by_log = sign_line(parties.log, *parties.log_key, text).value();
  const SignatureLine by_first = parties.agent_line(*parties.first_key, text);
  const SignatureLine by_old = parties.agent_line(*parties.old_key, text);
  const std::string old_key = parties.old_key->public_key();
  const auto check = [&](const std::vector<SignatureLine>& lines) {
    return verify_enrolment(format_note(text, lines), parties.log, old_key);
  };
  CHECK(check({by_log, by_first, by_old}).value().endorsed);
  CHECK_FALSE(check({by_log, by_first}).value().endorsed);
  CHECK_FALSE(check({by_log, by_old}));
  CHECK_FALSE(check({by_first, by_old}));
  CHECK_FALSE(
      verify_enrolment(format_note(text, {by_log, by_first, by_old}), parties.log, std::nullopt)
          .value()
          .endorsed);
}

TEST_CASE("a fork keeps the refused note whole") {
  Fork fork;
  fork.agent = "5f0c9a00112233445566778899aabbcc";
  fork.batch = 7;
  fork.accepted = sha256("accepted");
  fork.refused = "the note\nof the other history\n";
  fork.seen = parse_time("2026-11-22T08:00:00.000000Z").value();
  const Fork back = parse_fork(format_fork(fork)).value();
  CHECK(back.refused == fork.refused);
  CHECK(back.accepted == fork.accepted);
  CHECK_FALSE(back.body);
}

TEST_CASE("leaves are told apart by their first line") {
  CHECK(leaf_name("yunjian/batch/v1\nx").value() == "batch");
  CHECK(leaf_name("yunjian/fork/v1").value() == "fork");
  for (const std::string_view bad :
       {"", "yunjian//v1\n", "yunjian/batch/v2\n", "batch\n", "yunjian/Batch/v1\n"}) {
    CHECK_FALSE(leaf_name(bad));
  }
}

}  // namespace
}  // namespace yunjian::ledger
