#include <doctest/doctest.h>

#include "auditor/directory_evidence.h"
#include "auditor/testing/sample_log.h"
#include "auditor/verifier.h"

// What root on a host can try with batches that are sealed but not shipped yet, with the key that
// its agent holds at that moment, and a collector that takes whatever comes: the ratchet has erased
// the keys of all earlier batches.
namespace yunjian::auditor {
namespace {

using testing::SampleLog;

// A host with ten batches of which the last five were still in the spool at the break-in.
struct BrokenInto {
  BrokenInto() {
    log.enrol("collector", "collector");
    host = log.enrol("water-bureau", "web-01");
    for (int i = 0; i < 10; ++i) log.seal(host, {log.random_line(60), log.random_line(60)});
    stolen = log.stolen_key(host);
  }
  std::size_t at(std::uint64_t batch) const { return 2 + batch; }  // entry
  SampleLog::Entry& batch(std::uint64_t number) { return log.entries()[at(number)]; }
  ledger::BatchHeader header(std::uint64_t number) {
    return ledger::read_header(batch(number).leaf, testing::sample_suite())->header;
  }
  // Signs with the key that the next batch would be signed with: the only one there is.
  std::string sign(const ledger::BatchHeader& header) const {
    const std::string text = ledger::format_header(header);
    const ledger::Verifier agent(testing::sample_suite(),
                                 ledger::agent_key_name(log.verifier().name(), header.agent),
                                 stolen->public_key());
    return ledger::format_note(text, {ledger::sign_line(agent, *stolen, text).value()});
  }
  int verdict() {
    log.write();
    DirectoryEvidence evidence(log.files(), "/data", testing::sample_suite());
    LogVerifier verifier(log.verifier(), std::nullopt);
    result = verifier.run(evidence).value();
    return result.findings.exit_code(false);
  }
  bool says(std::uint64_t number, std::string_view words) const {
    const std::string place = log.stream_id(host) + " batch " + std::to_string(number);
    for (const Finding& finding : result.findings.kept()) {
      if (finding.place.find(place) != std::string::npos &&
          finding.en.find(words) != std::string::npos) {
        return true;
      }
    }
    return false;
  }
  SampleLog log;
  std::size_t host = 0;
  std::unique_ptr<ledger::PrivateKey> stolen;
  VerifyResult result;
};

TEST_CASE("an edited record of an unshipped batch does not fit its signed root") {
  BrokenInto host;
  ledger::BodyEncoder encoder;
  REQUIRE(encoder.encode(host.log.random_line(60) + "\n" + host.log.random_line(60),
                         host.batch(7).body));
  CHECK(host.verdict() == 1);
  CHECK(host.says(7, "not those that were sealed"));
}

TEST_CASE("an unshipped batch sealed anew with the stolen key is not by the announced one") {
  BrokenInto host;
  ledger::BatchHeader header = host.header(7);
  const std::string line = host.log.random_line(60);
  const auto hasher = testing::sample_suite().hasher();
  header.records = 1;
  header.root = ledger::lines_root(*hasher, {line});
  ledger::BodyEncoder encoder;
  REQUIRE(encoder.encode(line, host.batch(7).body));
  host.batch(7).leaf = host.sign(header);
  CHECK(host.verdict() == 1);
  CHECK(host.says(7, "not signed by the key"));
  CHECK(host.says(8, "history was rewritten"));
}

TEST_CASE("unshipped batches cut out cannot be bridged with the stolen key") {
  BrokenInto host;
  // Batches 6..9 go; a batch 6 that continues batch 5 is made with the one key there is.
  ledger::BatchHeader header = host.header(6);
  header.next_key = host.stolen->public_key();
  host.batch(6).leaf = host.sign(header);
  host.log.entries().resize(host.at(7));
  CHECK(host.verdict() == 1);
  CHECK(host.says(6, "not signed by the key"));
}

TEST_CASE("the tail cut away and the stolen key used for the next number leaves a hole") {
  BrokenInto host;
  auto& entries = host.log.entries();
  entries.resize(host.at(6));
  host.log.seal(host.host, {host.log.random_line(60)});
  CHECK(host.verdict() == 2);
  bool told = false;
  for (const Finding& finding : host.result.findings.kept()) {
    told |= finding.place.find("batch 6..9") != std::string::npos;
  }
  CHECK(told);
}

TEST_CASE("replayed and exchanged batches are named") {
  BrokenInto replayed;
  replayed.log.entries().push_back(replayed.batch(6));
  CHECK(replayed.verdict() == 1);
  CHECK(replayed.says(6, "goes back"));
  BrokenInto exchanged;
  std::swap(exchanged.batch(6), exchanged.batch(8));
  CHECK(exchanged.verdict() == 1);
  CHECK(exchanged.says(6, "goes back"));
}

TEST_CASE("bodies exchanged between unshipped batches are found in both") {
  BrokenInto host;
  std::swap(host.batch(6).body, host.batch(8).body);
  CHECK(host.verdict() == 1);
  CHECK(host.says(6, "not those that were sealed"));
  CHECK(host.says(8, "not those that were sealed"));
}

}  // namespace
}  // namespace yunjian::auditor
