#pragma once

#include <cstdint>
#include <string>

#include "ledger/archive/tiles.h"
#include "ledger/base/result.h"

namespace yunjian::auditor {

// Gives a log's tiles, unchecked. Errors: retry, reject (there is no such tile), fatal.
class TileSource {
 public:
  virtual ~TileSource() = default;
  virtual ledger::Result<std::string> tile(const ledger::TileId& id) = 0;
};

// What a prover asks a collector for. Nothing that is answered is believed before it fits the
// signed checkpoint. Errors: retry (no answer now), reject (there is no such thing, or this
// credential may not see it).
class ProofSource : public TileSource {
 public:
  struct StreamFacts {
    std::uint64_t batches = 0;
    std::uint64_t enrolment_leaf = 0;  // index in the log
  };
  virtual ledger::Result<std::string> checkpoint() = 0;
  virtual ledger::Result<StreamFacts> stream(const std::string& id) = 0;
  // The lines that a roster or purge leaf names.
  virtual ledger::Result<std::string> list(std::uint64_t leaf) = 0;
  virtual ledger::Result<std::string> frame(const std::string& stream, std::uint64_t batch) = 0;
};

}  // namespace yunjian::auditor
