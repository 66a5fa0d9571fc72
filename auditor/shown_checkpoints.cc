#include "auditor/shown_checkpoints.h"

namespace yunjian::auditor {

void ShownCheckpoints::add(std::string_view note, Where where) {
  const std::string_view text = note.substr(0, note.find("\n\n"));
  if (notes_.find(text) != notes_.end()) return;
  if (notes_.size() >= trees_max) {
    ++dropped_;
    return;
  }
  where.note = note;
  notes_.emplace(std::string(text), std::move(where));
}

void ShownCheckpoints::merge(ShownCheckpoints&& other) {
  notes_.merge(other.notes_);
  dropped_ += other.dropped_;
}

}  // namespace yunjian::auditor
