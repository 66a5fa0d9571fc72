#pragma once

#include <optional>
#include <string>

#include "ledger/base/file_system.h"
#include "ledger/checkpoint.h"

namespace yunjian::auditor {

// What the auditor remembers of one log between runs: its key, as it came out of band, and the
// newest checkpoint that it verified. One file
// `<directory>/<first 16 hex digits of SHA-256 of the origin>.pinned`: the vkey, a line feed, the
// whole checkpoint note. Durable before it counts.
class PinnedState {
 public:
  // Creates the directory. Reject: another key is pinned for this origin. Corrupt: the file is
  // damaged or its checkpoint is not by the key.
  static ledger::Result<PinnedState> open(ledger::FileSystem& files, const std::string& directory,
                                          const ledger::Verifier& log);
  const std::optional<ledger::TreeHead>& tree() const { return tree_; }
  const std::optional<std::string>& note() const { return note_; }  // the whole checkpoint
  // Never goes back: a smaller tree than the pinned one is ignored.
  ledger::Result<void> save(const std::string& checkpoint_note, const ledger::TreeHead& tree);

 private:
  PinnedState(ledger::FileSystem& files, std::string path, std::string vkey)
      : files_(&files), path_(std::move(path)), vkey_(std::move(vkey)) {}

  ledger::FileSystem* files_;
  std::string path_;
  std::string vkey_;
  std::optional<ledger::TreeHead> tree_;
  std::optional<std::string> note_;
};

}  // namespace yunjian::auditor
