#include "auditor/prover.h"

#include <fmt/format.h>

#include "ledger/batch.h"
#include "ledger/wire.h"

namespace yunjian::auditor {

using ledger::ErrorKind;
using ledger::Hash;
using ledger::Result;

struct Prover::Frame {
  ledger::BatchHeader header;
  std::string note;
  std::string body;
};

Result<RecordName> parse_record_name(std::string_view text) {
  const std::size_t slash = text.find('/');
  const std::string_view stream = text.substr(0, slash);
  if (slash != std::string_view::npos && ledger::parse_stream_id(stream)) {
    auto number = ledger::parse_decimal(text.substr(slash + 1));
    if (number) return RecordName{std::string(stream), *number};
  }
  return ledger::fail(ErrorKind::reject,
                      fmt::format("'{}' is not STREAM/NUMBER, as `search` prints it", text));
}

Prover::Prover(ProofSource& source, const ledger::Verifier& log,
               std::optional<ledger::TreeHead> pinned)
    : source_(&source), log_(log), pinned_(pinned) {}

tl::expected<ledger::RecordProof, Finding> Prover::prove(const RecordName& name) {
  place_ = fmt::format("record {}/{}", name.stream, name.number);
  auto facts = source_->stream(name.stream);
  if (!facts) return tl::unexpected(told(facts.error()));
  auto sealed = frame_of(name, facts->batches);
  if (!sealed) return tl::unexpected(told(sealed.error()));
  ledger::RecordProof proof;
  proof.stream = name.stream;
  proof.number = name.number;
  proof.header = sealed->note;
  if (sealed->header.batch > 0) {
    auto before = frame(name.stream, sealed->header.batch - 1);
    if (!before) return tl::unexpected(told(before.error()));
    proof.previous = std::move(before->note);
  }
  auto finding = take_body(*sealed, proof);
  if (!finding) finding = take_log(*sealed, facts->enrolment_leaf, proof);
  if (finding) return tl::unexpected(std::move(*finding));
  auto holds = ledger::check_proof(proof, log_);
  if (holds) return proof;
  return tl::unexpected(
      Finding{FindingKind::tampered, place_, "采集中心所给证据不成立: " + holds.error().message,
              "what the collector serves does not hold: " + holds.error().message});
}

Result<Prover::Frame> Prover::frame(const std::string& stream, std::uint64_t batch) {
  auto bytes = source_->frame(stream, batch);
  if (!bytes) return ledger::failure(bytes);
  auto frames = ledger::split_frames(*bytes);
  auto sealed = frames && frames->size() == 1
                    ? ledger::read_header(frames->front().header, log_.suite())
                    : ledger::fail(ErrorKind::corrupt, "not one frame");
  if (!sealed || sealed->header.batch != batch ||
      ledger::stream_id(sealed->header.agent, sealed->header.incarnation) != stream) {
    return ledger::fail(
        ErrorKind::corrupt,
        fmt::format("what is served as batch {} of stream {} is something else", batch, stream));
  }
  return Frame{std::move(sealed->header), std::string(frames->front().header),
               std::string(frames->front().body)};
}

// The first batch that ends behind the record: record numbers have no holes.
Result<Prover::Frame> Prover::frame_of(const RecordName& name, std::uint64_t batches) {
  std::uint64_t low = 0;
  std::uint64_t high = batches;
  while (low < high) {
    const std::uint64_t middle = low + (high - low) / 2;
    auto candidate = frame(name.stream, middle);
    if (!candidate) return candidate;
    const ledger::BatchHeader& header = candidate->header;
    if (header.first_record + header.records <= name.number) {
      low = middle + 1;
      continue;
    }
    if (header.first_record <= name.number) return candidate;
    high = middle;
  }
  return ledger::fail(ErrorKind::reject, fmt::format("the stream's {} batches do not hold a record "
                                                     "of this number",
                                                     batches));
}

std::optional<Finding> Prover::take_body(const Frame& frame, ledger::RecordProof& proof) {
  if (frame.body.empty()) {
    return missing("该批次已签名,但正文不在采集中心",
                   "the batch was signed, but its body is not there");
  }
  ledger::BodyDecoder decoder;
  std::string joined;
  auto decoded = decoder.decode(frame.body, joined);
  if (!decoded) return told({ErrorKind::corrupt, decoded.error().message});
  auto lines = ledger::split_lines(joined, frame.header.records);
  if (!lines) return told({ErrorKind::corrupt, lines.error().message});
  const auto hasher = log_.suite().hasher();
  std::vector<Hash> hashes;
  for (const std::string_view line : *lines) hashes.push_back(hasher->leaf(line));
  const std::uint64_t index = proof.number - frame.header.first_record;
  auto path =
      ledger::prove_inclusion(*hasher, index, hashes.size(), ledger::subtrees_of(*hasher, hashes));
  if (!path) return told(path.error());
  proof.line = (*lines)[index];
  proof.line_path = std::move(*path);
  return std::nullopt;
}

// The checkpoint is asked for after the batch, so that it covers the batch.
std::optional<Finding> Prover::take_log(const Frame& frame, std::uint64_t enrolment_leaf,
                                        ledger::RecordProof& proof) {
  auto note = source_->checkpoint();
  if (!note) return told(note.error());
  auto checkpoint = ledger::open_checkpoint(*note, log_);
  if (!checkpoint) return told({ErrorKind::corrupt, checkpoint.error().message});
  TileReader tiles(*source_, checkpoint->tree, log_.suite());
  if (auto finding = check_pinned(tiles, checkpoint->tree)) return finding;
  const auto hasher = log_.suite().hasher();
  const Hash hash = hasher->leaf(proof.header);
  auto index = tiles.find(hash, frame.header.sealed);
  if (!index) return told(index.error());
  if (!*index) {
    return missing("已公布的日志中没有该批次头,可稍后再试",
                   "the published log does not hold the batch's header; if it was sealed just now, "
                   "ask again");
  }
  auto path = tiles.path({hash, **index});
  if (!path) return told(path.error());
  auto enrolment = tiles.entry(enrolment_leaf);
  if (!enrolment) return told(enrolment.error());
  auto enrolled = tiles.path({hasher->leaf(*enrolment), enrolment_leaf});
  if (!enrolled) return told(enrolled.error());
  // Cosignatures are left out: whoever has the log's key only could not check them.
  auto opened = ledger::open_note(*note, {log_});
  std::erase_if(opened->signatures, [&](const auto& line) { return !log_.matches(line); });
  proof.enrolment = std::move(*enrolment);
  proof.enrolment_index = enrolment_leaf;
  proof.enrolment_path = std::move(*enrolled);
  proof.log = {"", **index, std::move(*path),
               ledger::format_note(opened->text, opened->signatures)};
  return std::nullopt;
}

std::optional<Finding> Prover::check_pinned(TileReader& tiles, const ledger::TreeHead& tree) {
  if (!pinned_) return std::nullopt;
  if (pinned_->size > tree.size) {
    return missing(fmt::format("日志倒退:先前核验时有 {} 个叶子", pinned_->size),
                   fmt::format("the log went back: {} leaves were verified before", pinned_->size));
  }
  auto continues = tiles.continues(*pinned_);
  if (!continues) return told(continues.error());
  if (*continues) return std::nullopt;
  return told({ErrorKind::corrupt, "the log does not continue the checkpoint verified before"});
}

Finding Prover::told(const ledger::Error& error) const {
  if (error.kind == ErrorKind::corrupt) {
    return {FindingKind::tampered, place_, "采集中心所给内容与签名不符: " + error.message,
            "what the collector serves is not what was signed: " + error.message};
  }
  return {FindingKind::cannot_tell, place_, "未能取得证据: " + error.message,
          "the evidence could not be had: " + error.message};
}

Finding Prover::missing(std::string zh, std::string en) const {
  return {FindingKind::missing, place_, std::move(zh), std::move(en)};
}

}  // namespace yunjian::auditor
