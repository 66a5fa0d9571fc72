#pragma once

#include "auditor/evidence.h"
#include "ledger/archive/segment.h"
#include "ledger/base/file_system.h"

namespace yunjian::auditor {

// A copied data directory of a collector: checkpoint, wal/*.seg, tile/. Reads all of it, trusts
// none; expects nobody to write meanwhile. The tiles are compared with those that the leaves give.
class DirectoryEvidence : public Evidence {
 public:
  DirectoryEvidence(ledger::FileSystem& files, std::string directory, const ledger::Suite& suite);
  ledger::Result<std::string> checkpoint() override;
  ledger::Result<void> visit(std::uint64_t size, EvidenceVisitor& visitor) override;

 private:
  struct Pass;
  void segment(const std::string& name, std::uint64_t number, bool last, Pass& pass);
  void end_of_segment(const std::string& place, const ledger::SegmentScan& scan, bool last,
                      Pass& pass);
  void tiles(Pass& pass);

  ledger::FileSystem* files_;
  std::string directory_;
  const ledger::Suite* suite_;
};

}  // namespace yunjian::auditor
