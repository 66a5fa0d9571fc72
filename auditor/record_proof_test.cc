#include "ledger/record_proof.h"

#include <doctest/doctest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "auditor/prover.h"
#include "auditor/testing/sample_source.h"

namespace yunjian::auditor {
namespace {

using testing::SampleLog;
using testing::SampleSource;

constexpr int rounds = 6;
constexpr std::uint64_t lines_a_batch = 5;

// Two streams, interleaved; web-01 has `lines_a_batch` records a batch, db-01 has one.
void fill(SampleLog& log) {
  const std::size_t web = log.enrol("water-bureau", "web-01");
  const std::size_t db = log.enrol("health-bureau", "db-01");
  for (int round = 0; round < rounds; ++round) {
    std::vector<std::string> lines;
    for (std::uint64_t i = 0; i < lines_a_batch; ++i) lines.push_back(log.random_line(200));
    log.seal(web, lines);
    log.seal(db, {log.random_line(60)});
  }
}

tl::expected<ledger::RecordProof, Finding> prove(
    SampleLog& log, ProofSource& source, std::uint64_t number,
    std::optional<ledger::TreeHead> pinned = std::nullopt) {
  return Prover(source, log.verifier(), pinned).prove({log.stream_id(0), number});
}

ledger::RecordProof good_proof(SampleLog& log, std::uint64_t number) {
  SampleSource source(log);
  auto proof = prove(log, source, number);
  REQUIRE(proof);
  return *proof;
}

// What whoever is handed the file would do.
bool holds(std::string_view bytes, const ledger::Verifier& log) {
  const auto proof = ledger::parse_proof(bytes);
  return proof && ledger::check_proof(*proof, log);
}

bool holds(const ledger::RecordProof& proof, const SampleLog& log) {
  return holds(ledger::format_proof(proof), log.verifier());
}

FindingKind kind_of(const tl::expected<ledger::RecordProof, Finding>& result) {
  REQUIRE_FALSE(result);
  return result.error().kind;
}

TEST_CASE("every record of a stream can be proven in less than 4 KiB to who has only the key") {
  SampleLog log;
  fill(log);
  for (std::uint64_t number = 0; number < rounds * lines_a_batch; ++number) {
    const ledger::RecordProof made = good_proof(log, number);
    const std::string bytes = ledger::format_proof(made);
    CHECK(bytes.size() < 4096);
    const auto proof = ledger::parse_proof(bytes);
    REQUIRE(proof);
    const auto proven = ledger::check_proof(*proof, log.verifier());
    REQUIRE(proven);
    CHECK(proof->line == made.line);
    CHECK(proven->enrolment.host == "web-01");
    CHECK(proven->enrolment.unit == "water-bureau");
    CHECK(proven->header.batch == number / lines_a_batch);
    CHECK(proof->previous.empty() == (proven->header.batch == 0));
  }
}

TEST_CASE("a proof with any bit flipped is refused") {
  SampleLog log;
  fill(log);
  for (const std::uint64_t number : {std::uint64_t{2}, 3 * lines_a_batch + 1}) {
    std::string bytes = ledger::format_proof(good_proof(log, number));
    for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
      const char was = bytes[bit / 8];
      bytes[bit / 8] = static_cast<char>(static_cast<unsigned char>(was) ^ (1U << (bit % 8)));
      if (holds(bytes, log.verifier())) FAIL_CHECK("bit ", bit, " was free to change");
      bytes[bit / 8] = was;
    }
    CHECK(holds(bytes, log.verifier()));
  }
}

TEST_CASE("a proof that was cut or lengthened anywhere is refused") {
  SampleLog log;
  fill(log);
  const std::string bytes = ledger::format_proof(good_proof(log, 3 * lines_a_batch));
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    if (holds(std::string_view(bytes).substr(0, size), log.verifier())) {
      FAIL_CHECK("cut at ", size);
    }
    for (const char* more : {"\n", "0", "=", " "}) {
      std::string longer = bytes;
      if (holds(longer.insert(size, more), log.verifier())) FAIL_CHECK("lengthened at ", size);
    }
  }
  CHECK_FALSE(holds(bytes + "\n", log.verifier()));
}

TEST_CASE("a proof made of parts of others proves nothing") {
  SampleLog log;
  fill(log);
  const ledger::RecordProof good = good_proof(log, 2 * lines_a_batch);
  const ledger::RecordProof beside = good_proof(log, 2 * lines_a_batch + 1);
  const ledger::RecordProof later = good_proof(log, 3 * lines_a_batch);
  SampleSource source(log);
  const auto other = Prover(source, log.verifier(), std::nullopt).prove({log.stream_id(1), 2});
  REQUIRE(other);
  REQUIRE(holds(good, log));

  SUBCASE("the line of another record") {
    ledger::RecordProof forged = good;
    forged.line = beside.line;
    CHECK_FALSE(holds(forged, log));
    forged.line_path = beside.line_path;
    CHECK_FALSE(holds(forged, log));
    forged.number = beside.number;
    CHECK(holds(forged, log));
  }
  SUBCASE("the header of another batch, or none before it") {
    ledger::RecordProof forged = good;
    forged.header = later.header;
    forged.log = later.log;
    CHECK_FALSE(holds(forged, log));
    forged = good;
    forged.previous = later.previous;
    CHECK_FALSE(holds(forged, log));
    forged.previous.clear();
    CHECK_FALSE(holds(forged, log));
  }
  SUBCASE("another stream, or the enrolment of another host") {
    ledger::RecordProof forged = good;
    forged.stream = other->stream;
    CHECK_FALSE(holds(forged, log));
    forged = good;
    forged.enrolment = other->enrolment;
    forged.enrolment_index = other->enrolment_index;
    forged.enrolment_path = other->enrolment_path;
    CHECK_FALSE(holds(forged, log));
  }
  SUBCASE("another log") {
    SampleLog stranger(2);
    CHECK_FALSE(holds(ledger::format_proof(good), stranger.verifier()));
    fill(stranger);
    ledger::RecordProof forged = good;
    forged.log.checkpoint = good_proof(stranger, 2 * lines_a_batch).log.checkpoint;
    CHECK_FALSE(holds(forged, log));
  }
  SUBCASE("a checkpoint with a line that the key cannot check") {
    ledger::RecordProof forged = good;
    const auto note = ledger::parse_note(good.log.checkpoint);
    auto lines = note->signatures;
    lines.push_back(lines.front());
    lines.back().name = "witness.example";
    forged.log.checkpoint = ledger::format_note(note->text, lines);
    CHECK_FALSE(holds(forged, log));
  }
}

TEST_CASE("a header in the log that another key signed is not proven") {
  SampleLog log;
  fill(log);
  auto& entry = log.entries()[log.entries().size() - 2];  // web-01's last
  const auto sealed = ledger::read_header(entry.leaf, ledger::default_suite());
  REQUIRE(sealed);
  ledger::testing::SeededRandom random(9);
  const auto key = ledger::default_suite().generate(random).value();
  const ledger::Verifier thief(ledger::default_suite(), sealed->note.signatures[0].name,
                               key->public_key());
  entry.leaf = ledger::format_note(sealed->note.text,
                                   {ledger::sign_line(thief, *key, sealed->note.text).value()});
  SampleSource source(log);
  const auto result = prove(log, source, (rounds - 1) * lines_a_batch);
  CHECK(kind_of(result) == FindingKind::tampered);
  CHECK(result.error().en.find("not signed by the key") != std::string::npos);
}

TEST_CASE("a record is found in a log of several tiles") {
  SampleLog log;
  fill(log);
  const std::size_t late = log.enrol("tax-bureau", "late-01");
  for (int i = 0; i < 530; ++i) log.seal(late, {log.random_line(60)});
  log.seal(0, {log.random_line(60)});
  SampleSource source(log);
  Prover prover(source, log.verifier(), std::nullopt);
  for (const std::uint64_t number : {0UL, 200UL, 255UL, 256UL, 529UL}) {
    const auto proof = prover.prove({log.stream_id(late), number});
    REQUIRE(proof);
    CHECK(ledger::format_proof(*proof).size() < 4096);
  }
  CHECK(prove(log, source, rounds * lines_a_batch));  // its stream lies two tiles before
}

TEST_CASE("a collector that serves what was not signed gets no proof out of the door") {
  SampleLog log;
  fill(log);
  struct Liar : SampleSource {
    using SampleSource::SampleSource;
    ledger::Result<std::string> tile(const ledger::TileId& id) override {
      auto bytes = SampleSource::tile(id);
      if (bytes && id.entries == entries)
        (*bytes)[spoilt] = static_cast<char>((*bytes)[spoilt] ^ 1);
      return bytes;
    }
    bool entries = false;
    std::size_t spoilt = 0;
  };
  Liar liar(log);
  CHECK(kind_of(prove(log, liar, 3)) == FindingKind::tampered);
  liar.entries = true;
  liar.spoilt = 40;
  CHECK(kind_of(prove(log, liar, 3)) == FindingKind::tampered);

  SampleSource source(log);
  std::swap(log.entries()[2].body, log.entries()[4].body);
  CHECK(kind_of(prove(log, source, 3)) == FindingKind::tampered);
}

TEST_CASE("what cannot be proven is told apart: missing, unknown, against what was pinned") {
  SampleLog log;
  fill(log);
  SampleSource source(log);
  const ledger::TreeHead now = source.head();
  log.seal(0, {log.random_line(60)}, true);
  const std::uint64_t hollow = rounds * lines_a_batch;
  CHECK(kind_of(prove(log, source, hollow)) == FindingKind::missing);
  CHECK(kind_of(prove(log, source, hollow + 1)) == FindingKind::cannot_tell);
  const auto unknown = Prover(source, log.verifier(), std::nullopt)
                           .prove({ledger::stream_id(std::string(32, '0'), 1), 0});
  CHECK(kind_of(unknown) == FindingKind::cannot_tell);

  CHECK(prove(log, source, 3, now));
  CHECK(prove(log, source, 3, source.head()));
  ledger::TreeHead other = now;
  other.root[0] ^= 1;
  CHECK(kind_of(prove(log, source, 3, other)) == FindingKind::tampered);
  other.size = 1000;
  CHECK(kind_of(prove(log, source, 3, other)) == FindingKind::missing);
}

TEST_CASE("a proof holds in a log of either suite, and not under the other suite's key") {
  const auto sm = ledger::find_suite("sm2-sm3");
  REQUIRE(sm);
  SampleLog log(1, **sm);
  fill(log);
  const std::string bytes = ledger::format_proof(good_proof(log, lines_a_batch));
  CHECK(bytes.size() < 4096);
  CHECK(holds(bytes, log.verifier()));
  CHECK_FALSE(holds(bytes, SampleLog().verifier()));
}

// YUNJIAN_WRITE_EXAMPLE=1 writes the page anew.
TEST_CASE("the worked example of the README is a proof that holds") {
  SampleLog log;
  fill(log);
  const ledger::RecordProof proof = good_proof(log, lines_a_batch + 2);
  REQUIRE(holds(proof, log));
  const std::string example = "\n`vkey of the log`\n\n```text\n" + log.verifier().vkey() +
                              "\n```\n\n`proof`\n\n```text\n" + ledger::format_proof(proof) +
                              "```\n\n";
  const std::string path = std::string(YUNJIAN_SOURCE_DIR) + "/auditor/README.md";
  std::stringstream page;
  page << std::ifstream(path).rdbuf();
  const std::string text = page.str();
  constexpr std::string_view begin_mark = "<!-- example begin -->\n";
  const std::size_t begin = text.find(begin_mark) + begin_mark.size();
  const std::size_t end = text.find("<!-- example end -->");
  REQUIRE(end != std::string::npos);
  REQUIRE(begin <= end);
  if (std::getenv("YUNJIAN_WRITE_EXAMPLE") != nullptr) {
    std::ofstream(path) << text.substr(0, begin) << example << text.substr(end);
    return;
  }
  CHECK(text.substr(begin, end - begin) == example);
}

TEST_CASE("a record is named as search prints it") {
  const std::string stream = "000102030405060708090a0b0c0d0e0f.2";
  CHECK(parse_record_name(stream + "/7")->number == 7);
  for (const std::string& bad : {stream, stream + "/", stream + "/07", stream + "/-1",
                                 std::string("web-01/7"), stream + "/7/8"}) {
    CHECK_FALSE(parse_record_name(bad));
  }
}

}  // namespace
}  // namespace yunjian::auditor
