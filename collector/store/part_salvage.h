#pragma once

#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "collector/store/losses.h"
#include "collector/store/part_filing.h"
#include "ledger/archive/part_writer.h"
#include "ledger/archive/salvage.h"

namespace yunjian::collector {

// Makes a new part of what can still be read of a damaged one: headers, other leaves, and the
// bodies that give the roots in their headers. Indexes, columns and derived fields are made anew
// from the bodies; nothing of the old ones is used. The old file is not touched. One thread.
//
// Life: open() finds the pieces by their own checksums -> write() -> what was lost is told.
class PartSalvage {
 public:
  // A file that is not there is one without a piece.
  static ledger::Result<PartSalvage> open(const FilingTools& tools,
                                          const ledger::PartManifest::Part& part);

  // Writes part `number` for the same leaves. Bodies that are lost become hollow.
  ledger::Result<ledger::PartManifest::Part> write(std::uint64_t number);
  const std::vector<Loss>& losses() const { return losses_; }  // after write()

 private:
  struct Piece {               // of a batch's lines
    std::uint64_t offset = 0;  // of the block
    std::uint64_t first_row = 0;
    std::uint64_t rows = 0;
  };
  struct Line {
    std::uint64_t number = 0;
    std::string line;
  };
  using BatchId = std::pair<std::string, std::uint64_t>;

  PartSalvage(const FilingTools& tools, const ledger::PartManifest::Part& part)
      : tools_(tools), part_(part) {}
  ledger::Result<void> take(ledger::SalvagedFrame& frame);
  ledger::Result<void> add(ledger::PartWriter& writer, std::size_t row);
  ledger::Result<bool> gather(const ledger::PartRow& row, const std::string& note);
  ledger::Result<std::shared_ptr<ledger::LaneBlock>> block(std::uint64_t offset);
  void lose(const ledger::PartRow& row);
  void lose_leaves();

  const FilingTools& tools_;
  const ledger::PartManifest::Part part_;
  std::unique_ptr<ledger::File> file_;  // null: it is not there
  std::vector<ledger::PartRow> rows_;
  std::vector<std::string> notes_;  // of the rows
  std::vector<ledger::PartLeaf> leaves_;
  std::vector<ledger::PartForkBody> fork_bodies_;
  std::map<BatchId, std::vector<Piece>> pieces_;
  std::vector<std::pair<std::uint64_t, std::shared_ptr<ledger::LaneBlock>>> opened_;  // last few
  std::vector<Line> lines_;  // of the row that is being added
  std::vector<Loss> losses_;
};

}  // namespace yunjian::collector
