#include "auditor/index_level.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "auditor/directory_evidence.h"
#include "auditor/testing/sample_log.h"
#include "ledger/record.h"
#include "rules/classify/derived_fields.h"

// An operator who leaves the evidence as it is and changes what searches look at.
namespace yunjian::auditor {
namespace {

using testing::SampleLog;

const rules::Classifier& classifier() { return rules::Classifier::builtin(); }

ledger::IndexRules honest_rules() {
  return {rules::version_number(classifier()), rules::derive_fields(classifier())};
}

// Logins that failed, of one host, filed by a collector that derives as it likes.
struct Filed {
  SampleLog log;
  std::size_t own = log.enrol("collector", "collector");
  std::size_t host = log.enrol("tax", "web-01");

  explicit Filed(const ledger::IndexRules& rules) {
    for (int i = 0; i < 5; ++i) {
      std::string line;
      ledger::RecordWriter(line, log.now() + std::chrono::seconds(i), "event")
          .text("source", "file")
          .text("process.name", "sshd")
          .message("Failed password for root from 10.0.0." + std::to_string(i) + " port 4242 ssh2")
          .finish();
      log.seal(host, {line});
    }
    log.rules = rules;
    log.write_with_part(log.entries().size());
  }
  VerifyResult verify() {
    DirectoryEvidence evidence(log.files(), "/data", log.verifier().suite());
    LogVerifier verifier(log.verifier(), std::nullopt);
    auto result = verifier.run(evidence);
    REQUIRE(result);
    REQUIRE(result->findings.exit_code(false) == 0);  // every body is what was signed
    check_index(log.files(), "/data", honest_rules(), *result);
    return std::move(*result);
  }
};

TEST_CASE("the index of an honest collector follows from the records") {
  Filed filed(honest_rules());
  const VerifyResult result = filed.verify();
  CHECK(result.findings.exit_code(false) == 0);
  REQUIRE(result.levels.back().name == "index");
  CHECK(result.levels.back().count == 5);
  CHECK(result.levels.back().note_en == "1 parts");
}

TEST_CASE("a derived column that was altered is told, with part, row and field") {
  ledger::IndexRules lying = honest_rules();
  lying.derive = [honest = lying.derive](const ledger::ParsedRecord& record,
                                         std::vector<ledger::ExtraField>& fields) {
    honest(record, fields);
    const bool mine = record.find("message")->find("10.0.0.3") != std::string_view::npos;
    for (auto& field : fields) {
      if (mine && field.key == "status_id") field.value = "1";  // it went well, says the search
    }
  };
  Filed filed(lying);
  const VerifyResult result = filed.verify();
  CHECK(result.findings.exit_code(false) == 1);
  REQUIRE(result.findings.count(FindingKind::tampered) == 1);
  const auto& findings = result.findings.kept();
  const auto told = std::ranges::find(findings, FindingKind::tampered, &Finding::kind);
  CHECK(told->place.find("parts/0000000000000000.part: event block 0, row 3") == 0);
  CHECK(told->place.find(filed.log.stream_id(filed.host) + " record 3") != std::string::npos);
  CHECK(told->place.find("status_id") != std::string::npos);
}

TEST_CASE("fields by other rules are not compared, and the report says so") {
  ledger::IndexRules old = honest_rules();
  ++old.version;
  Filed filed(old);
  const VerifyResult result = filed.verify();
  CHECK(result.findings.exit_code(false) == 0);
  CHECK(result.findings.exit_code(true) == 4);
  CHECK(result.findings.kept().back().en.find("rules of another version") != std::string::npos);
}

}  // namespace
}  // namespace yunjian::auditor
