#include <doctest/doctest.h>

#include <set>

#include "agent/sealer.h"
#include "auditor/directory_evidence.h"
#include "auditor/verifier.h"
#include "collector/store/testing/log_kit.h"
#include "collector/verify/batch_verifier.h"
#include "ledger/archive/segment.h"
#include "ledger/posix/posix_file_system.h"
#include "ledger/posix/system_clock.h"
#include "ledger/testing/seeded_random.h"
#include "ledger/testing/temporary_directory.h"

namespace yunjian {
namespace {

using agent::SpoolEntry;
using collector::testing::event_lines;
using collector::testing::test_start;
using collector::testing::TestAgent;
using collector::testing::TestLog;
using ledger::Verdict;

constexpr std::uint8_t batch_frame = 1;

// The frame of a batch in a spool segment, as agent/spool/README.md has it.
std::string payload_of(const SpoolEntry& entry, bool with_body) {
  std::string out;
  ledger::put_u64be(out, entry.batch);
  ledger::put_u64be(out, static_cast<std::uint64_t>(entry.sealed.time_since_epoch().count()));
  ledger::put_u32be(out, entry.records);
  ledger::put_u32be(out, static_cast<std::uint32_t>(entry.header.size()));
  out += entry.header;
  if (with_body) out += entry.body;
  return out;
}

// A host with ten batches, the first five shipped, and the collector they were shipped to.
struct Host {
  static constexpr std::uint64_t batches = 10;
  static constexpr std::uint64_t shipped = 5;

  ledger::testing::TemporaryDirectory state;
  ledger::PosixFileSystem files;
  ledger::SystemClock clock;
  ledger::testing::SeededRandom random{5};
  TestLog log;
  TestAgent enrolled{std::string(32, 'a'), 1, 1};  // its enrolment and first key
  std::unique_ptr<collector::BatchVerifier> verifier;
  std::set<std::string> true_lines;

  Host() {
    REQUIRE(log.create());
    REQUIRE(log.open());
    REQUIRE(log.enrol(enrolled, "tax", "web-01"));
    verifier = std::make_unique<collector::BatchVerifier>(*log, clock);
    REQUIRE(ledger::Ratchet::create(files, state_file(),
                                    {.origin = log->verifier().name(),
                                     .agent = enrolled.id(),
                                     .incarnation = 1,
                                     .enrolment_leaf = log->leaf_hash(1).value()},
                                    *enrolled.first_key()));
    for (std::uint64_t i = 0; i < batches; ++i) seal(3, "batch " + std::to_string(i));
    for (std::uint64_t i = 0; i < shipped; ++i) REQUIRE(ship(i).verdict == Verdict::accepted);
  }

  std::string state_file() const { return state.path() + "/stream.state"; }
  std::string spool_directory() const { return state.path() + "/spool"; }

  agent::Spool open_spool() {
    auto spool = agent::Spool::open(files, spool_directory(), {});
    REQUIRE_MESSAGE(spool.has_value(), (spool ? "" : spool.error().message));
    return std::move(*spool);
  }
  ledger::Result<std::unique_ptr<agent::Sealer>> open_sealer(agent::Spool& spool) {
    auto ratchet = ledger::Ratchet::open(files, state_file());
    REQUIRE(ratchet);
    return agent::Sealer::open(std::move(*ratchet),
                               {.spool = &spool,
                                .clock = &clock,
                                .random = &random,
                                .boot_id = "6f7b2f5e-0000-4000-8000-000000000001"});
  }
  // As the agent does after a start.
  void seal(std::size_t lines, const std::string& word) {
    agent::Spool spool = open_spool();
    auto sealer = open_sealer(spool);
    REQUIRE_MESSAGE(sealer.has_value(), (sealer ? "" : sealer.error().message));
    for (const std::string& line : event_lines(test_start, lines, word)) {
      REQUIRE((*sealer)->add(line, true));
      true_lines.insert(line);
    }
    REQUIRE((*sealer)->seal({}, {}));
  }

  // Sends what the spool gives for `batch`.
  ledger::Answer ship(std::uint64_t batch) {
    agent::Spool spool = open_spool();
    const auto read = spool.read(batch);
    REQUIRE(read);
    REQUIRE(*read);
    return send((*read)->entry);
  }
  ledger::Answer send(const SpoolEntry& entry) {
    const auto answers = verifier->answer({{entry.header, entry.body}}, enrolled.id());
    REQUIRE(answers);
    return answers->front();
  }

  // The frames of body/ as root finds them, and the spool made anew of others, checksums and all.
  std::vector<SpoolEntry> frames() {
    std::vector<SpoolEntry> found;
    agent::Spool spool = open_spool();
    for (std::uint64_t batch = spool.first_batch(); batch < spool.next_batch(); ++batch) {
      found.push_back((*spool.read(batch))->entry);
    }
    return found;
  }
  void rewrite(const std::vector<SpoolEntry>& entries) {
    for (const char* folder : {"/body", "/head"}) {
      const std::string directory = spool_directory() + folder;
      const auto names = files.list(directory);
      REQUIRE(names);
      for (const std::string& name : *names) REQUIRE(files.remove(directory + "/" + name));
      auto writer =
          ledger::SegmentWriter::create(files, directory + "/" + ledger::segment_name(0), 0);
      REQUIRE(writer);
      for (const SpoolEntry& entry : entries) {
        REQUIRE(writer->append(batch_frame, payload_of(entry, folder == std::string("/body"))));
      }
      REQUIRE(writer->sync());
    }
  }

  // The one key that is on the host: it signs the next batch.
  std::unique_ptr<ledger::PrivateKey> steal_key() {
    const std::string text = files.read_file(state_file()).value();
    const std::size_t at = text.find("\nkey ") + 5;
    const auto secret = ledger::from_base64(text.substr(at, text.find('\n', at) - at));
    REQUIRE(secret);
    return std::move(ledger::default_suite().load(*secret).value());
  }
  // `entry` with other lines, everything that follows from them made anew, signed by `key`.
  SpoolEntry forge(const SpoolEntry& entry, const ledger::PrivateKey& key) {
    ledger::BatchHeader header = ledger::read_header(entry.header, ledger::default_suite())->header;
    const auto hasher = ledger::default_suite().hasher();
    ledger::BatchBody body(*hasher);
    for (const std::string& line : event_lines(test_start, header.records, "forged")) {
      REQUIRE(body.add(line));
    }
    header.root = body.root();
    const std::string text = ledger::format_header(header);
    const ledger::Verifier signer(ledger::default_suite(),
                                  ledger::agent_key_name(log->verifier().name(), header.agent),
                                  key.public_key());
    SpoolEntry out = entry;
    out.header = ledger::format_note(text, {ledger::sign_line(signer, key, text).value()});
    REQUIRE(ledger::BodyEncoder().encode(body.lines(), out.body));
    return out;
  }

  // What the auditor says of the collector's directory, and that nothing forged is in it.
  auditor::VerifyResult audit() {
    const std::uint64_t next = log->stream(enrolled.stream())->next_batch;
    for (std::uint64_t batch = 0; batch < next; ++batch) {
      const auto lines = log->lines(enrolled.stream(), batch);
      if (!lines) continue;  // hollow: for the auditor to say
      std::string_view rest = *lines;
      while (!rest.empty()) {
        const std::size_t end = std::min(rest.find('\n'), rest.size());
        CHECK(true_lines.count(std::string(rest.substr(0, end))) == 1);
        rest.remove_prefix(std::min(end + 1, rest.size()));
      }
    }
    auditor::DirectoryEvidence evidence(log.files, "/data", ledger::default_suite());
    auto result = auditor::LogVerifier(log->verifier(), std::nullopt).run(evidence);
    REQUIRE(result);
    return std::move(*result);
  }
};

TEST_CASE_FIXTURE(Host, "an honest host ships what it sealed") {
  for (std::uint64_t i = shipped; i < batches; ++i) CHECK(ship(i).verdict == Verdict::accepted);
  const auto result = audit();
  CHECK(result.findings.exit_code(false) == 0);
  CHECK(result.counts.batches.records == 3 * batches);
}

TEST_CASE_FIXTURE(Host, "an edited record is refused, and missing when its body is left out") {
  auto entries = frames();
  std::string lines;
  REQUIRE(ledger::BodyDecoder().decode(entries[6].body, lines));
  lines.replace(lines.find("batch 6"), 7, "batch X");
  REQUIRE(ledger::BodyEncoder().encode(lines, entries[6].body));
  rewrite(entries);
  CHECK(ship(5).verdict == Verdict::accepted);
  CHECK(ship(6).verdict == Verdict::refused);
  CHECK(ship(7).expected == 6);
  CHECK(verifier->counters().refused_body == 1);
  CHECK(audit().findings.exit_code(false) == 0);

  entries[6].body.clear();
  rewrite(entries);
  CHECK(send(entries[6]).verdict == Verdict::accepted);
  const auto result = audit();
  CHECK(result.findings.exit_code(false) == 2);
  const auto& kept = result.findings.kept();
  CHECK(std::any_of(kept.begin(), kept.end(), [](const auditor::Finding& each) {
    return each.place.find("batch 6") != std::string::npos;
  }));
}

TEST_CASE_FIXTURE(Host, "batches that were cut out are asked for, whatever is sealed behind them") {
  auto entries = frames();
  entries.resize(6);
  rewrite(entries);
  seal(3, "later");
  CHECK(ship(5).verdict == Verdict::accepted);
  const ledger::Answer answer = ship(batches);
  CHECK(answer.verdict == Verdict::expected);
  CHECK(answer.expected == 6);
  CHECK(log->stream(enrolled.stream())->next_batch == 6);
  CHECK(audit().findings.exit_code(false) == 0);
}

TEST_CASE_FIXTURE(Host, "with the stolen key no unshipped or older batch can be made anew") {
  const auto key = steal_key();
  auto entries = frames();
  for (const std::uint64_t batch : {5, 7, 9}) entries[batch] = forge(entries[batch], *key);
  rewrite(entries);
  CHECK(ship(5).verdict == Verdict::refused);
  CHECK(send(forge(entries[2], *key)).verdict == Verdict::refused);  // already in the log
  CHECK(send(forge(entries[0], *key)).verdict == Verdict::refused);
  CHECK(verifier->counters().refused_key == 3);
  CHECK(verifier->counters().fork == 0);
  CHECK(log->stream(enrolled.stream())->next_batch == shipped);
  CHECK(audit().findings.exit_code(false) == 0);
}

TEST_CASE_FIXTURE(Host,
                  "the stolen key signs the next batch only, and not in another one's place") {
  const auto key = steal_key();
  auto entries = frames();
  entries.resize(6);
  ledger::BatchHeader header =
      ledger::read_header(entries[5].header, ledger::default_suite())->header;
  header.batch = batches;  // the number that this key was announced for
  header.previous = ledger::default_suite().hasher()->leaf(entries[5].header);
  const std::string text = ledger::format_header(header);
  const ledger::Verifier signer(ledger::default_suite(),
                                ledger::agent_key_name(log->verifier().name(), header.agent),
                                key->public_key());
  SpoolEntry bridge = entries[5];
  bridge.header = ledger::format_note(text, {ledger::sign_line(signer, *key, text).value()});
  CHECK(ship(5).verdict == Verdict::accepted);
  CHECK(send(bridge).expected == 6);
  for (std::uint64_t i = 6; i < batches; ++i) CHECK(ship(i).verdict == Verdict::accepted);
  // Now its number has come, but it names batch 5 as the one before: two histories, kept.
  CHECK(send(bridge).verdict == Verdict::fork);
  const auto result = audit();
  CHECK(result.counts.forks == 1);
  CHECK(result.findings.exit_code(false) == 0);
}

TEST_CASE_FIXTURE(Host, "a replayed batch is the duplicate it is, and its new place stays empty") {
  auto entries = frames();
  SpoolEntry again = entries[2];
  again.batch = 5;
  entries[5] = again;
  rewrite(entries);
  CHECK(ship(5).verdict == Verdict::duplicate);
  CHECK(ship(6).expected == 5);
  CHECK(log->stream(enrolled.stream())->next_batch == shipped);
  CHECK(audit().findings.exit_code(false) == 0);
}

TEST_CASE_FIXTURE(Host, "exchanged frames and exchanged bodies do not go in") {
  const auto entries = frames();
  auto exchanged = entries;
  std::swap(exchanged[5], exchanged[7]);
  std::swap(exchanged[5].batch, exchanged[7].batch);
  rewrite(exchanged);
  CHECK(ship(5).expected == 5);
  CHECK(ship(6).expected == 5);
  exchanged = entries;
  std::swap(exchanged[5].body, exchanged[7].body);
  rewrite(exchanged);
  CHECK(ship(5).verdict == Verdict::refused);
  CHECK(verifier->counters().refused_body == 1);
  CHECK(audit().findings.exit_code(false) == 0);
  rewrite(entries);
  for (std::uint64_t i = shipped; i < batches; ++i) CHECK(ship(i).verdict == Verdict::accepted);
  CHECK(audit().findings.exit_code(false) == 0);
}

TEST_CASE_FIXTURE(Host,
                  "a sealing state put back to an earlier copy does not seal a second history") {
  const std::string earlier = files.read_file(state_file()).value();
  seal(3, "later");
  REQUIRE(replace_file(files, state_file(), earlier, 0600));
  agent::Spool spool = open_spool();
  const auto sealer = open_sealer(spool);
  REQUIRE(!sealer);
  CHECK(sealer.error().message.find("older copy") != std::string::npos);
}

}  // namespace
}  // namespace yunjian
