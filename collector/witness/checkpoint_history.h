#pragma once

#include <string>

#include "collector/store/evidence_log.h"

namespace yunjian::collector {

// One signed checkpoint of each day in <data>/checkpoints/<day>, the first of it, never written
// again: whoever has a copy of the directory compares what the log says of itself now with what it
// signed then. The cosigned ones stand beside (Cosignatures). One thread.
class CheckpointHistory {
 public:
  struct Tools {
    ledger::FileSystem& files;
    ledger::Clock& clock;
    std::string directory;  // <data>/checkpoints
  };
  CheckpointHistory(const EvidenceLog& log, Tools tools) : log_(log), tools_(std::move(tools)) {}

  // Keeps today's when there is none yet; durable on return.
  ledger::Result<void> step();

 private:
  const EvidenceLog& log_;
  const Tools tools_;
  std::string kept_day_;
};

}  // namespace yunjian::collector
