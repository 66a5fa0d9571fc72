#include "auditor/pinned_state.h"

namespace yunjian::auditor {

using ledger::ErrorKind;
using ledger::Result;

Result<PinnedState> PinnedState::open(ledger::FileSystem& files, const std::string& directory,
                                      const ledger::Verifier& log) {
  auto made = files.make_directory(directory, 0700);
  if (!made) return ledger::failure(made, "cannot keep the state");
  const auto origin_hash = ledger::sha256(log.name());
  const std::string name = ledger::to_hex(ledger::as_view(origin_hash)).substr(0, 16) + ".pinned";
  PinnedState state(files, ledger::join_path(directory, name), log.vkey());
  auto there = files.exists(state.path_);
  if (!there) return ledger::failure(there);
  if (!*there) return state;
  auto text = files.read_file(state.path_);
  if (!text) return ledger::failure(text);
  const std::size_t line = text->find('\n');
  if (line == std::string::npos || text->substr(0, line) != state.vkey_) {
    return ledger::fail(ErrorKind::reject,
                        "another key of " + log.name() + " is pinned in " + state.path_ +
                            ": check the key you were given; a log keeps its key for life");
  }
  auto checkpoint = ledger::open_checkpoint(std::string_view(*text).substr(line + 1), log);
  if (!checkpoint) {
    return ledger::fail(ErrorKind::corrupt, "the pinned state " + state.path_ +
                                                " is damaged: " + checkpoint.error().message +
                                                "; restore it from a copy");
  }
  state.tree_ = checkpoint->tree;
  state.note_ = text->substr(line + 1);
  return state;
}

Result<void> PinnedState::save(const std::string& checkpoint_note, const ledger::TreeHead& tree) {
  if (tree_ && tree.size < tree_->size) return {};
  auto saved = ledger::replace_file(*files_, path_, vkey_ + "\n" + checkpoint_note, 0600);
  if (!saved) return saved;
  tree_ = tree;
  note_ = checkpoint_note;
  return {};
}

}  // namespace yunjian::auditor
