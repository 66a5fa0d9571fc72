#pragma once

#include "auditor/evidence.h"
#include "auditor/https_client.h"
#include "auditor/leaf_frames.h"

namespace yunjian::auditor {

// A running collector, read over its API: /checkpoint, /tile/entries/…, /v1/log/batches/{leaf},
// /v1/log/lists/{leaf}, /v1/log/witnessed.
class LiveEvidence : public Evidence {
 public:
  LiveEvidence(HttpsClient client, const ledger::Suite& suite)
      : client_(std::move(client)), suite_(&suite) {}
  ledger::Result<std::string> checkpoint() override;
  ledger::Result<void> visit(std::uint64_t size, EvidenceVisitor& visitor) override;
  ledger::Result<std::string> list(std::uint64_t leaf, const ledger::ListHead& head) override;
  ledger::Result<std::string> tile(const ledger::TileId& id) override;
  ledger::Result<std::string> witnessed() override;
  bool begin_at(std::uint64_t leaf) override;
  bool gives_whole_leaves() const override { return true; }

 private:
  ledger::Result<std::string> bundle(std::uint64_t index, std::uint64_t size,
                                     EvidenceVisitor& visitor);
  ledger::Result<void> leaf(std::string_view bytes, std::uint64_t index, EvidenceVisitor& visitor);
  ledger::Result<std::optional<std::string_view>> body_of(std::string_view bytes,
                                                          std::uint64_t index);
  ledger::Result<HttpAnswer> get(const std::string& path);
  ledger::Result<std::string> text(const std::string& path);

  HttpsClient client_;
  const ledger::Suite* suite_;
  std::uint64_t begin_ = 0;
  LeafFrames frames_;  // of the leaves at hand
};

}  // namespace yunjian::auditor
