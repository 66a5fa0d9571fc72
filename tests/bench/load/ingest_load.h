#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "tests/bench/load/load_agent.h"

namespace yunjian::load {

// Full batches as fast as they are taken: sealed beforehand, so that nothing but the collector's
// work is between the first post and the last receipt. Each agent posts on a thread of its own over
// one connection.
class IngestLoad {
 public:
  explicit IngestLoad(std::vector<std::unique_ptr<LoadAgent>> agents);
  // Seals the first `lines` lines of the file in batches of `batch_lines`, dealt out to the agents
  // in turn. Reject: the file has fewer.
  ledger::Result<void> seal(const std::string& corpus, std::uint64_t lines,
                            std::uint64_t batch_lines);
  // Until each batch has a good receipt. Reject: one was not taken.
  ledger::Result<void> post();

 private:
  std::vector<std::unique_ptr<LoadAgent>> agents_;
};

}  // namespace yunjian::load
