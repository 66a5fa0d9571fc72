#pragma once

#include "auditor/proof_source.h"
#include "auditor/testing/sample_log.h"

namespace yunjian::auditor::testing {

// Serves a SampleLog as a collector's API does. Override a member to make it lie. One thread.
class SampleSource : public ProofSource {
 public:
  explicit SampleSource(SampleLog& log) : log_(&log) {}
  ledger::Result<std::string> checkpoint() override;
  ledger::Result<std::string> tile(const ledger::TileId& id) override;
  ledger::Result<StreamFacts> stream(const std::string& id) override;
  ledger::Result<std::string> list(std::uint64_t leaf) override;
  ledger::Result<std::string> frame(const std::string& stream, std::uint64_t batch) override;

  ledger::TreeHead head() const;

 private:
  SampleLog* log_;
};

}  // namespace yunjian::auditor::testing
