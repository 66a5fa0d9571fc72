#pragma once

#include <functional>

#include "auditor/evidence.h"
#include "ledger/archive/part_manifest.h"
#include "ledger/archive/part_reader.h"
#include "ledger/base/file_system.h"

namespace yunjian::auditor {

// The parts of a copied data directory: every byte of their files is read, their leaves are given
// in the order of the log, their bodies behind the leaves of each part. One thread.
class PartEvidence {
 public:
  // Takes each leaf, in the order of the log.
  using TakeLeaf = std::function<void(std::string_view bytes)>;

  PartEvidence(ledger::FileSystem& files, std::string directory)
      : files_(&files), directory_(std::move(directory)) {}

  // Reads the manifest. False: it is damaged, nothing behind it can be told; a finding says so.
  // Errors: the machine.
  ledger::Result<bool> open(EvidenceVisitor& visitor);
  std::uint64_t first_segment() const { return manifest_.first_segment; }
  // False: a part is damaged so that the numbers of the leaves behind it are not known.
  bool visit(EvidenceVisitor& visitor, const TakeLeaf& take);

 private:
  bool visit_part(const ledger::PartManifest::Part& named, EvidenceVisitor& visitor,
                  const TakeLeaf& take);
  bool give_leaves(const ledger::PartReader& part, EvidenceVisitor& visitor, const TakeLeaf& take);
  void give_bodies(const std::shared_ptr<const ledger::PartReader>& part, EvidenceVisitor& visitor);
  ledger::Result<void> check_names(EvidenceVisitor& visitor);
  void check_streams(EvidenceVisitor& visitor);

  ledger::FileSystem* files_;
  std::string directory_;
  ledger::PartManifest manifest_;
};

}  // namespace yunjian::auditor
