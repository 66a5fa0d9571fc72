#include "auditor/index_level.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "auditor/directory_evidence.h"
#include "auditor/testing/sample_log.h"
#include "ledger/archive/part.h"
#include "ledger/archive/part_manifest.h"
#include "ledger/archive/segment.h"
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

// Footer, trailer and manifest made anew: the part claims the leaves up to `leaf_end`.
void claim_leaves(SampleLog& log, std::uint64_t leaf_end) {
  auto& files = log.files();
  const std::string path = "/data/parts/" + ledger::part_name(0);
  auto writer = ledger::SegmentWriter::create(files, "/data/parts/claim", 0);
  REQUIRE(writer);
  std::uint64_t footer_at = 0;
  const auto copy = [&](const ledger::FrameView& frame) -> ledger::Result<void> {
    std::string payload(frame.payload);
    if (frame.type == static_cast<std::uint8_t>(ledger::PartPiece::footer)) {
      auto footer = ledger::decode_footer(payload).value();
      footer.leaf_end = leaf_end;
      payload = ledger::encode_footer(footer);
    }
    footer_at = writer->append(frame.type, payload).value();
    return {};
  };
  REQUIRE(ledger::scan_segment(files, path, 0, copy));
  REQUIRE(writer->sync());
  files.overwrite(path, *files.content("/data/parts/claim") + ledger::make_trailer(footer_at, 0));
  REQUIRE(files.remove("/data/parts/claim"));
  REQUIRE(ledger::write_manifest(files, "/data", {1, 1, leaf_end, 1, {{0, 0, 0, leaf_end}}}));
}

TEST_CASE("a part that claims more leaves than there can be is a finding") {
  Filed filed(honest_rules());
  const std::uint64_t leaves = filed.log.leaf_hashes().size();
  for (const std::uint64_t claimed :
       {leaves + 1, std::uint64_t{1} << 60, (std::uint64_t{1} << 63) - 1}) {
    filed.log.write_with_part(filed.log.entries().size());
    claim_leaves(filed.log, claimed);
    DirectoryEvidence evidence(filed.log.files(), "/data", filed.log.verifier().suite());
    LogVerifier verifier(filed.log.verifier(), std::nullopt);
    auto result = verifier.run(evidence).value();
    CHECK(result.findings.exit_code(false) == 2);
    check_index(filed.log.files(), "/data", honest_rules(), result);
    const auto& found = result.findings.kept();
    CHECK(std::ranges::any_of(found, [&](const Finding& finding) {
      return finding.kind == FindingKind::missing &&
             finding.place.find("(leaf " + std::to_string(leaves) + ")") != std::string::npos;
    }));
    CHECK(result.levels.back().note_en.find("1 are damaged and not checked") != std::string::npos);
  }
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
