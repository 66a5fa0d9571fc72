#include "collector/store/testing/log_kit.h"

#include "ledger/leaves.h"
#include "ledger/record.h"

namespace yunjian::collector::testing {

using ledger::BatchHeader;
using ledger::Frame;
using ledger::Result;

namespace {

std::unique_ptr<ledger::PrivateKey> key_of_seed(std::uint64_t seed) {
  ledger::testing::SeededRandom random(seed);
  return std::move(*ledger::default_suite().generate(random));
}

ledger::Verifier named(const ledger::PrivateKey& key, std::string name) {
  return {ledger::default_suite(), std::move(name), key.public_key()};
}

}  // namespace

std::unique_ptr<ledger::PrivateKey> log_key() { return key_of_seed(7); }

TestAgent::TestAgent(std::string id, std::uint64_t incarnation, std::uint64_t seed)
    : id_(std::move(id)), incarnation_(incarnation), seed_(seed) {
  header_.agent = id_;
  header_.incarnation = incarnation_;
  header_.sealed = test_start;
  header_.boot_id = "01234567-89ab-cdef-0123-456789abcdef";
}

std::unique_ptr<ledger::PrivateKey> TestAgent::key_number(std::uint64_t batch) const {
  return key_of_seed(seed_ * 1'000'000 + batch);
}

std::string TestAgent::enrol(std::string_view unit, std::string_view host) {
  ledger::Enrolment enrolment;
  enrolment.origin = test_origin;
  enrolment.agent = id_;
  enrolment.incarnation = incarnation_;
  enrolment.unit = unit;
  enrolment.host = host;
  enrolment.suite = ledger::default_suite().name();
  enrolment.first_key = key_number(0)->public_key();
  enrolment.previous = before_;
  enrolment.enrolled = test_start;
  const std::string text = ledger::format_enrolment(enrolment);
  const auto log = log_key();
  const auto first = key_number(0);
  const std::string name = ledger::agent_key_name(test_origin, id_);
  std::vector<ledger::SignatureLine> lines;
  lines.push_back(*ledger::sign_line(named(*log, std::string(test_origin)), *log, text));
  lines.push_back(*ledger::sign_line(named(*first, name), *first, text));
  if (before_) {
    const auto announced = key_of_seed(endorser_seed_ * 1'000'000 + endorser_batch_);
    lines.push_back(*ledger::sign_line(named(*announced, name), *announced, text));
  }
  std::string leaf = ledger::format_note(text, lines);
  header_.previous = ledger::default_suite().hasher()->leaf(leaf);
  return leaf;
}

TestAgent TestAgent::next_incarnation(std::uint64_t seed) const {
  TestAgent next(id_, incarnation_ + 1, seed);
  next.before_ = header_.previous;
  next.endorser_seed_ = seed_;
  next.endorser_batch_ = header_.batch;
  return next;
}

Frame TestAgent::sign(const BatchHeader& header, const std::vector<std::string>& lines) const {
  const auto hasher = ledger::default_suite().hasher();
  ledger::BatchBody body(*hasher);
  for (const std::string& line : lines) ledger::require(body.add(line), "test lines fit a batch");
  BatchHeader signed_header = header;
  if (signed_header.records == 0) signed_header.records = lines.size();
  if (signed_header.root == ledger::Hash{}) signed_header.root = body.root();
  Frame frame;
  const std::string text = ledger::format_header(signed_header);
  const auto key = key_number(header_.batch);
  const auto line =
      ledger::sign_line(named(*key, ledger::agent_key_name(test_origin, id_)), *key, text);
  frame.header = ledger::format_note(text, {*line});
  ledger::BodyEncoder encoder;
  ledger::require(encoder.encode(body.lines(), frame.body).has_value(), "test lines compress");
  return frame;
}

Frame TestAgent::seal_changed(const std::vector<std::string>& lines, const Change& change) const {
  BatchHeader header = header_;
  header.next_key = key_number(header.batch + 1)->public_key();
  if (change) change(header);
  return sign(header, lines);
}

Frame TestAgent::seal_here(const std::vector<std::string>& lines) const {
  return seal_changed(lines, nullptr);
}

Frame TestAgent::seal(const std::vector<std::string>& lines) {
  Frame frame = seal_here(lines);
  header_.previous = ledger::default_suite().hasher()->leaf(frame.header);
  ++header_.batch;
  header_.first_record += lines.size();
  return frame;
}

std::vector<std::string> event_lines(ledger::Time from, std::size_t count, std::string_view word) {
  std::vector<std::string> lines;
  for (std::size_t i = 0; i < count; ++i) {
    std::string line;
    ledger::RecordWriter writer(line, from + std::chrono::seconds(i), "event");
    writer.text("source", "file");
    writer.message(std::string(word) + " " + std::to_string(i));
    writer.finish();
    lines.push_back(std::move(line));
  }
  return lines;
}

TestLog::TestLog(std::uint64_t segment_bytes_max) : segment_bytes_max_(segment_bytes_max) {
  for (const char* directory : {"/data", "/anchor"}) {
    ledger::require(files.make_directory(directory, 0700).has_value(), "a test directory");
  }
  ledger::require(files.sync_directory("/").has_value(), "a test directory");
}

EvidenceLog::Options TestLog::options() {
  EvidenceLog::Options options;
  options.directory = "/data";
  options.anchor_path = "/anchor/anchor";
  options.origin = test_origin;
  options.suite = &ledger::default_suite();
  options.segment_bytes_max = segment_bytes_max_;
  options.store_delay = std::chrono::milliseconds(0);
  options.on_fatal = [this](const ledger::Error&) { ++fatal; };
  return options;
}

Result<void> TestLog::create() {
  const std::string leaf0 = own.enrol("collector", "collector");
  return EvidenceLog::create(files, clock, options(), {*log_key(), leaf0});
}

Result<void> TestLog::open() {
  log.reset();
  auto opened = EvidenceLog::open(files, clock, options(), log_key());
  if (!opened) return failure(opened);
  log = std::move(*opened);
  return {};
}

Result<void> TestLog::enrol(TestAgent& agent, std::string_view unit, std::string_view host) {
  auto committed = log->commit(only(LeafEntry{agent.enrol(unit, host)}));
  if (!committed) return failure(committed);
  return {};
}

BatchEntry batch_entry(const Frame& frame, std::string unit, std::string host) {
  BatchEntry entry;
  entry.unit = std::move(unit);
  entry.host = std::move(host);
  entry.header = frame.header;
  entry.body = frame.body;
  return entry;
}

}  // namespace yunjian::collector::testing
