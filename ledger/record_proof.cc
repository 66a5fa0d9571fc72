#include "ledger/record_proof.h"

#include <fmt/format.h>

#include <algorithm>

namespace yunjian::ledger {
namespace {

constexpr std::string_view form = "yunjian/proof/v1";

Failure refused(std::string_view why) { return fail(ErrorKind::reject, std::string(why)); }

// Cuts a proof into its parts, from the front. The first part that is wrong is remembered; what is
// taken after it is empty.
class ProofReader {
 public:
  explicit ProofReader(std::string_view bytes) : rest_(bytes) {}

  // The rest of a line that begins with `name` and a space.
  std::string_view field(std::string_view name) {
    const std::string_view all = line(name);
    if (failed()) return {};
    if (!all.starts_with(name) || all.size() <= name.size() || all[name.size()] != ' ') {
      refuse(name);
      return {};
    }
    return all.substr(name.size() + 1);
  }
  std::uint64_t number(std::string_view name, std::string_view digits, std::uint64_t max) {
    if (failed()) return 0;
    auto value = parse_decimal(digits);
    if (value && *value <= max) return *value;
    refuse(name);
    return 0;
  }
  std::string note(std::string_view name) {
    const std::uint64_t size = number(name, field(name), leaf_bytes_max);
    if (!failed() && rest_.size() < size) refuse(name);
    if (failed()) return {};
    std::string note(rest_.substr(0, size));
    rest_.remove_prefix(size);
    return note;
  }
  std::vector<Hash> hashes(std::string_view name, std::uint64_t count) {
    std::vector<Hash> path;
    for (std::uint64_t i = 0; i < count && !failed(); ++i) {
      auto hash = hash_from_base64(line(name));
      if (!hash) refuse(name);
      if (hash) path.push_back(*hash);
    }
    return path;
  }
  std::string_view line(std::string_view name) {
    const std::size_t end = rest_.find('\n');
    if (!failed() && end == std::string_view::npos) refuse(name);
    if (failed()) return {};
    const std::string_view all = rest_.substr(0, end);
    rest_.remove_prefix(end + 1);
    return all;
  }
  std::string_view rest() const { return rest_; }
  void refuse(std::string_view name) {
    if (problem_.empty()) problem_ = fmt::format("the part '{}' is missing or not valid", name);
  }
  bool failed() const { return !problem_.empty(); }
  const std::string& problem() const { return problem_; }

 private:
  std::string_view rest_;
  std::string problem_;
};

void append_path(std::string& out, const std::vector<Hash>& path) {
  for (const Hash& hash : path) out += to_base64(as_view(hash)) + "\n";
}

void read_record(ProofReader& reader, RecordProof& proof) {
  const std::string_view place = reader.field("record");
  const std::size_t slash = std::min(place.find('/'), place.size());
  proof.stream = place.substr(0, slash);
  if (slash == place.size() || !parse_stream_id(proof.stream)) {
    reader.refuse("record");
    return;
  }
  proof.number = reader.number("record", place.substr(slash + 1), INT64_MAX);
}

// Header and enrolment are leaves of the one tree that the log's key signed.
Result<Checkpoint> check_leaves(const RecordProof& proof, const Verifier& log) {
  auto checkpoint = open_checkpoint(proof.log.checkpoint, log);
  if (!checkpoint) return checkpoint;
  // A line by another key could not be checked here, so its bytes would be free to change.
  if (parse_note(proof.log.checkpoint)->signatures.size() != 1) {
    return refused("the checkpoint has signatures besides that of the log's key");
  }
  const auto hasher = log.suite().hasher();
  const LogLeaf header{hasher->leaf(proof.header), proof.log.index};
  if (!verify_inclusion(*hasher, header, checkpoint->tree, proof.log.path)) {
    return refused(fmt::format("the header is not leaf {} of the log", header.index));
  }
  const LogLeaf enrolment{hasher->leaf(proof.enrolment), proof.enrolment_index};
  if (!verify_inclusion(*hasher, enrolment, checkpoint->tree, proof.enrolment_path)) {
    return refused(fmt::format("the enrolment is not leaf {} of the log", enrolment.index));
  }
  if (enrolment.index >= header.index) return refused("the enrolment lies behind the batch");
  return checkpoint;
}

Result<void> check_line(const RecordProof& proof, const BatchHeader& header, const Suite& suite) {
  if (stream_id(header.agent, header.incarnation) != proof.stream) {
    return refused("the header is of another stream");
  }
  if (proof.number < header.first_record || proof.number - header.first_record >= header.records) {
    return refused("the header does not seal a record of this number");
  }
  const auto hasher = suite.hasher();
  const LogLeaf line{hasher->leaf(proof.line), proof.number - header.first_record};
  if (verify_inclusion(*hasher, line, {header.records, header.root}, proof.line_path)) {
    return {};
  }
  return refused("the record is not the one that was sealed under this number");
}

// The raw key that has to have signed `header`: announced by the note whose hash the header names.
Result<std::string> announced_key(const RecordProof& proof, const BatchHeader& header,
                                  const std::string& first_key, const Suite& suite) {
  const auto hasher = suite.hasher();
  const bool first = header.batch == 0;
  if (first != proof.previous.empty()) {
    return refused("the header before must be there, except for batch 0");
  }
  if (hasher->leaf(first ? proof.enrolment : proof.previous) != header.previous) {
    return refused("the header does not follow the note that is given as the one before it");
  }
  if (first) return first_key;
  auto before = read_header(proof.previous, suite);
  if (!before) return failure(before, "the header before");
  const BatchHeader& last = before->header;
  if (last.agent != header.agent || last.incarnation != header.incarnation ||
      last.batch + 1 != header.batch || last.first_record + last.records != header.first_record) {
    return refused("the header before is not the one before this batch");
  }
  return last.next_key;
}

}  // namespace

std::string format_proof(const RecordProof& proof) {
  std::string out = fmt::format("{}\nrecord {}/{}\nline {}\npath {}\n", form, proof.stream,
                                proof.number, proof.line, proof.line_path.size());
  append_path(out, proof.line_path);
  out += fmt::format("header {}\n{}", proof.header.size(), proof.header);
  out += fmt::format("previous {}\n{}", proof.previous.size(), proof.previous);
  out += fmt::format("enrolment {}\n{}", proof.enrolment.size(), proof.enrolment);
  out += fmt::format("enrolled {} {}\n", proof.enrolment_index, proof.enrolment_path.size());
  append_path(out, proof.enrolment_path);
  return out + "log\n" + format_tlog_proof(proof.log);
}

Result<RecordProof> parse_proof(std::string_view bytes) {
  if (bytes.size() > proof_bytes_max) return refused("a proof is at most 5 MiB long");
  ProofReader reader(bytes);
  RecordProof proof;
  if (reader.line(form) != form) reader.refuse(form);
  read_record(reader, proof);
  proof.line = reader.field("line");
  proof.line_path =
      reader.hashes("path", reader.number("path", reader.field("path"), path_hashes_max));
  proof.header = reader.note("header");
  proof.previous = reader.note("previous");
  proof.enrolment = reader.note("enrolment");
  const std::string_view enrolled = reader.field("enrolled");
  const std::size_t space = std::min(enrolled.find(' '), enrolled.size());
  proof.enrolment_index = reader.number("enrolled", enrolled.substr(0, space), INT64_MAX);
  const std::string_view count = enrolled.substr(std::min(space + 1, enrolled.size()));
  proof.enrolment_path =
      reader.hashes("enrolled", reader.number("enrolled", count, path_hashes_max));
  if (reader.line("log") != "log") reader.refuse("log");
  if (reader.failed()) return refused(fmt::format("not a {}: {}", form, reader.problem()));
  auto log = parse_tlog_proof(reader.rest());
  if (!log) return failure(log, fmt::format("not a {}", form));
  proof.log = std::move(*log);
  if (format_proof(proof) == bytes) return proof;
  return refused(fmt::format("not a {}: it is written in another way than the form's", form));
}

Result<ProvenRecord> check_proof(const RecordProof& proof, const Verifier& log) {
  if (!proof.log.extra.empty()) return refused("the tlog-proof has an extra line");
  auto checkpoint = check_leaves(proof, log);
  if (!checkpoint) return failure(checkpoint);
  auto sealed = read_header(proof.header, log.suite());
  if (!sealed) return failure(sealed, "the header");
  auto line = check_line(proof, sealed->header, log.suite());
  if (!line) return failure(line);
  auto opened = verify_enrolment(proof.enrolment, log, std::nullopt);
  if (!opened) return failure(opened);
  const Enrolment& enrolment = opened->enrolment;
  if (stream_id(enrolment.agent, enrolment.incarnation) != proof.stream) {
    return refused("the enrolment is of another stream");
  }
  auto key = announced_key(proof, sealed->header, enrolment.first_key, log.suite());
  if (!key) return failure(key);
  if (!header_signed_by(*sealed, log.suite(), log.name(), *key)) {
    return refused("the header is not signed by the key that was announced for it");
  }
  return ProvenRecord{std::move(sealed->header), enrolment, checkpoint->tree};
}

}  // namespace yunjian::ledger
