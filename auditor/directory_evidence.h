#pragma once

#include "auditor/evidence.h"
#include "ledger/archive/segment.h"
#include "ledger/base/file_system.h"

namespace yunjian::auditor {

// A copied data directory of a collector: checkpoint, wal/*.seg, tile/, lists/,
// checkpoints/, witnessed/. Reads all of it,
// trusts none; expects nobody to write meanwhile. The tiles are compared with those that the leaves
// give.
class DirectoryEvidence : public Evidence {
 public:
  DirectoryEvidence(ledger::FileSystem& files, std::string directory, const ledger::Suite& suite);
  ledger::Result<std::string> checkpoint() override;
  ledger::Result<void> visit(std::uint64_t size, EvidenceVisitor& visitor) override;
  ledger::Result<std::string> list(std::uint64_t leaf, const ledger::ListHead& head) override;
  ledger::Result<std::string> tile(const ledger::TileId& id) override;
  ledger::Result<std::string> witnessed() override;
  std::vector<KeptNote> history() override;

 private:
  struct Pass;
  void segment(const std::string& name, std::uint64_t number, bool last, Pass& pass);
  void end_of_segment(const std::string& place, const ledger::SegmentScan& scan, bool last,
                      Pass& pass);
  void tiles(Pass& pass);
  void lists(EvidenceVisitor& visitor);

  ledger::FileSystem* files_;
  std::string directory_;
  const ledger::Suite* suite_;
};

}  // namespace yunjian::auditor
