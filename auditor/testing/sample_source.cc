#include "auditor/testing/sample_source.h"

#include "ledger/wire.h"

namespace yunjian::auditor::testing {

using ledger::ErrorKind;
using ledger::Result;

namespace {

constexpr unsigned tile_height = 8;

ledger::Failure nothing() { return ledger::fail(ErrorKind::reject, "there is no such thing"); }

}  // namespace

ledger::TreeHead SampleSource::head() const {
  const auto hashes = log_->leaf_hashes();
  const auto hasher = log_->verifier().suite().hasher();
  return {hashes.size(), ledger::merkle_root(*hasher, hashes)};
}

Result<std::string> SampleSource::checkpoint() {
  const std::string text = ledger::format_checkpoint({log_->verifier().name(), head(), {}});
  return ledger::format_note(text, {log_->log_line(text)});
}

Result<std::string> SampleSource::tile(const ledger::TileId& id) {
  const auto hashes = log_->leaf_hashes();
  if (ledger::tile_width_at(id.level, id.index, hashes.size()) < id.width) return nothing();
  const std::uint64_t first = id.index * ledger::tile_width;
  if (id.entries) {
    std::vector<std::string_view> entries;
    for (std::uint64_t i = 0; i < id.width; ++i) entries.push_back(log_->entries()[first + i].leaf);
    return ledger::format_entries(entries);
  }
  const auto hasher = log_->verifier().suite().hasher();
  const auto subtree = ledger::subtrees_of(*hasher, hashes);
  std::string tile;
  for (std::uint64_t i = 0; i < id.width; ++i) {
    const auto hash = subtree(id.level * tile_height, first + i);
    tile += ledger::as_view(hash.value());
  }
  return tile;
}

Result<ProofSource::StreamFacts> SampleSource::stream(const std::string& id) {
  StreamFacts facts;
  bool known = false;
  for (std::size_t i = 0; i < log_->entries().size(); ++i) {
    const SampleLog::Entry& entry = log_->entries()[i];
    if (entry.type == ledger::WalType::batch && entry.stream == id) ++facts.batches;
    if (entry.type != ledger::WalType::leaf) continue;
    const auto note = ledger::parse_note(entry.leaf);
    const auto enrolment = ledger::parse_enrolment(note->text);
    if (!enrolment || ledger::stream_id(enrolment->agent, enrolment->incarnation) != id) continue;
    facts.enrolment_leaf = i;
    known = true;
  }
  if (!known) return nothing();
  return facts;
}

Result<std::string> SampleSource::list(std::uint64_t leaf) {
  const auto head = ledger::list_of_leaf(log_->entries()[leaf].leaf);
  if (!head) return nothing();
  const auto found = log_->lists().find(ledger::list_file_name(head->root));
  return found == log_->lists().end() ? nothing() : Result<std::string>(found->second);
}

Result<std::string> SampleSource::frame(const std::string& stream, std::uint64_t batch) {
  for (const SampleLog::Entry& entry : log_->entries()) {
    if (entry.type != ledger::WalType::batch || entry.stream != stream || entry.batch != batch) {
      continue;
    }
    std::string frame;
    ledger::append_frame(frame, entry.leaf, entry.hollow ? std::string() : entry.body);
    return frame;
  }
  return nothing();
}

}  // namespace yunjian::auditor::testing
