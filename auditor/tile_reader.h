#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "auditor/proof_source.h"
#include "ledger/base/clock.h"
#include "ledger/merkle.h"
#include "ledger/suite.h"

namespace yunjian::auditor {

// A log of which only the signed tree head is believed, read by its tiles. Every path that it gives
// was computed from tiles and leads to that head. One thread.
// Errors: those of the source, and corrupt (the tiles are not those of the signed tree).
class TileReader {
 public:
  TileReader(TileSource& source, const ledger::TreeHead& tree, const ledger::Suite& suite);

  ledger::Result<std::vector<ledger::Hash>> path(const ledger::LogLeaf& leaf);
  ledger::Result<std::string> entry(std::uint64_t index);
  // Up to tile_width leaves from `index` times that on: not checked against the root.
  ledger::Result<std::vector<std::string>> bundle(std::uint64_t index);
  // Whether the tree of `earlier` is the beginning of this one; its size is not larger.
  ledger::Result<bool> continues(const ledger::TreeHead& earlier);
  // Where a header with this hash is. The log holds no index: batches are looked for around where
  // others of the same time lie, then farther and farther away, through the whole log if need be.
  ledger::Result<std::optional<std::uint64_t>> find(const ledger::Hash& leaf_hash,
                                                    ledger::Time sealed);

  // Its complete subtrees, as the tiles give them: not checked against the root.
  ledger::SubtreeHash subtrees();

 private:
  ledger::Result<std::string> hashes(unsigned level, std::uint64_t index);
  ledger::Result<ledger::Hash> subtree(unsigned level, std::uint64_t index);
  ledger::Result<std::uint64_t> tile_around(ledger::Time sealed);

  TileSource* source_;
  ledger::TreeHead tree_;
  const ledger::Suite* suite_;
  std::unique_ptr<ledger::Hasher> hasher_;
  std::map<std::pair<unsigned, std::uint64_t>, std::string> kept_;  // tiles that paths went through
};

}  // namespace yunjian::auditor
