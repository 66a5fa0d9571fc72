#pragma once

#include <optional>
#include <string>
#include <vector>

#include "ledger/base/bytes.h"
#include "ledger/base/file_system.h"
#include "ledger/checkpoint.h"
#include "ledger/note.h"

namespace yunjian::auditor {

// What a check needs to go on behind the leaves that it went through: the tree's peaks, where each
// stream and each agent stands. Text; kept as `<state>/<first 16 hex digits>.progress`, its last
// line the SHA-256 of the rest.
struct SavedCheck {
  std::uint64_t size = 0;  // leaves
  std::vector<ledger::Hash> peaks;
  // What was pinned then and lies within these leaves: it was compared. A later run that is
  // measured by another tree begins anew.
  std::optional<ledger::TreeHead> compared;
  std::string book;     // AgentBook::save
  std::string streams;  // StreamTable::save, all tables
  std::string counts;   // of leaves, by kind
};

std::string saved_check_path(const std::string& directory, const ledger::Verifier& log);
ledger::Result<void> write_saved_check(ledger::FileSystem& files, const std::string& path,
                                       const SavedCheck& check);
// Nothing: there is no such file, or one of an older form. Corrupt: it was changed.
ledger::Result<std::optional<SavedCheck>> read_saved_check(ledger::FileSystem& files,
                                                           const std::string& path);

}  // namespace yunjian::auditor
