#include "ledger/checkpoint.h"

#include "ledger/base/bytes.h"

namespace yunjian::ledger {
namespace {

constexpr std::string_view proof_form = "c2sp.org/tlog-proof@v1\n";

Failure bad_checkpoint(std::string_view why) {
  return fail(ErrorKind::reject, "not a checkpoint: " + std::string(why));
}
Failure bad_proof(std::string_view why) {
  return fail(ErrorKind::reject, "not a tlog-proof@v1: " + std::string(why));
}

// Cuts the next line off `text`; false when none ends.
bool take_line(std::string_view& text, std::string_view& line) {
  const std::size_t end = text.find('\n');
  if (end == std::string_view::npos) return false;
  line = text.substr(0, end);
  text.remove_prefix(end + 1);
  return true;
}

}  // namespace

std::string format_checkpoint(const Checkpoint& checkpoint) {
  std::string out = checkpoint.origin + "\n" + std::to_string(checkpoint.tree.size) + "\n" +
                    to_base64(as_view(checkpoint.tree.root)) + "\n";
  for (const std::string& extension : checkpoint.extensions) out += extension + "\n";
  return out;
}

Result<Checkpoint> parse_checkpoint(std::string_view text) {
  std::string_view origin;
  std::string_view size;
  std::string_view root;
  if (!take_line(text, origin) || !take_line(text, size) || !take_line(text, root)) {
    return bad_checkpoint("three lines are needed");
  }
  if (origin.empty()) return bad_checkpoint("the origin is empty");
  auto leaves = parse_decimal(size);
  if (!leaves) return bad_checkpoint("the size is not a decimal");
  auto hash = hash_from_base64(root);
  if (!hash) return bad_checkpoint("the root is not the base64 of 32 bytes");
  Checkpoint checkpoint{std::string(origin), {*leaves, *hash}, {}};
  while (!text.empty()) {
    std::string_view line;
    if (!take_line(text, line) || line.empty()) return bad_checkpoint("an empty extension line");
    checkpoint.extensions.emplace_back(line);
  }
  return checkpoint;
}

Result<Checkpoint> open_checkpoint(std::string_view note_bytes, const Verifier& log) {
  auto note = open_note(note_bytes, {log});
  if (!note) return failure(note);
  auto checkpoint = parse_checkpoint(note->text);
  if (!checkpoint) return checkpoint;
  if (checkpoint->origin != log.name()) {
    return fail(ErrorKind::reject, "the checkpoint is of the log '" + checkpoint->origin +
                                       "', not of '" + log.name() + "'");
  }
  return checkpoint;
}

std::string format_tlog_proof(const TlogProof& proof) {
  std::string out(proof_form);
  if (!proof.extra.empty()) out += "extra " + to_base64(proof.extra) + "\n";
  out += "index " + std::to_string(proof.index) + "\n";
  for (const Hash& hash : proof.path) out += to_base64(as_view(hash)) + "\n";
  out += "\n" + proof.checkpoint;
  return out;
}

Result<TlogProof> parse_tlog_proof(std::string_view bytes) {
  if (!bytes.starts_with(proof_form)) return bad_proof("the first line is another");
  bytes.remove_prefix(proof_form.size());
  TlogProof proof;
  std::string_view line;
  if (!take_line(bytes, line)) return bad_proof("it is cut off");
  if (line.starts_with("extra ")) {
    auto extra = from_base64(line.substr(6));
    if (!extra) return bad_proof("the extra line is not base64");
    proof.extra = std::move(*extra);
    if (!take_line(bytes, line)) return bad_proof("it is cut off");
  }
  if (!line.starts_with("index ")) return bad_proof("the index line is missing");
  auto index = parse_decimal(line.substr(6));
  if (!index) return bad_proof("the index is not a decimal");
  proof.index = *index;
  while (take_line(bytes, line)) {
    if (line.empty()) {
      proof.checkpoint = bytes;
      return proof;
    }
    auto hash = hash_from_base64(line);
    if (!hash || proof.path.size() == path_hashes_max) return bad_proof("a hash line is wrong");
    proof.path.push_back(*hash);
  }
  return bad_proof("no checkpoint follows");
}

Result<Checkpoint> verify_receipt(std::string_view receipt, const Verifier& log,
                                  const Hash& leaf_hash) {
  auto proof = parse_tlog_proof(receipt);
  if (!proof) return failure(proof);
  auto checkpoint = open_checkpoint(proof->checkpoint, log);
  if (!checkpoint) return checkpoint;
  const auto hasher = log.suite().hasher();
  if (!verify_inclusion(*hasher, {leaf_hash, proof->index}, checkpoint->tree, proof->path)) {
    return fail(ErrorKind::reject, "the receipt does not prove that the batch is leaf " +
                                       std::to_string(proof->index) + " of the log");
  }
  return checkpoint;
}

}  // namespace yunjian::ledger
