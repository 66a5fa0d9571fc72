#pragma once

#include <memory>
#include <string>
#include <vector>

#include "auditor/evidence.h"
#include "ledger/base/file_system.h"

namespace yunjian::auditor {

// Compares the tile files of a data directory with the tiles that the leaves give. Fed with leaf
// hashes in order; one tile a level in memory. The first leaf whose stored hash differs tells where
// history was changed, even when the log's root alone could not.
class TileCheck {
 public:
  TileCheck(ledger::FileSystem& files, std::string directory, const ledger::Suite& suite);
  void add(const ledger::Hash& leaf_hash, EvidenceVisitor& visitor);
  // `published` leaves are under the checkpoint: their tiles must be there; tiles of later leaves
  // may be. Looks for files that no tile explains.
  void finish(std::uint64_t published, EvidenceVisitor& visitor);

 private:
  void push(unsigned level, const ledger::Hash& hash, EvidenceVisitor& visitor);
  void compare(unsigned level, std::uint64_t needed, EvidenceVisitor& visitor);
  void strangers(EvidenceVisitor& visitor);

  ledger::FileSystem* files_;
  std::string directory_;
  std::unique_ptr<ledger::Hasher> hasher_;
  struct Level {
    std::uint64_t tile = 0;  // index of the open tile
    std::vector<ledger::Hash> hashes;
  };
  std::vector<Level> levels_;
  std::uint64_t leaves_ = 0;
};

}  // namespace yunjian::auditor
