#pragma once

#include <string>
#include <vector>

#include "ledger/archive/part_reader.h"

namespace yunjian::ledger {

// Whether what a part says beside its evidence follows from the evidence: derived fields, times,
// token filters, indexes of blocks, streams and leaves, totals. A part can give back every byte it
// was given and yet hide a record from searches by these; whoever has the lines can make them again
// and compare.
inline constexpr std::size_t index_faults_max = 100;  // kept; all are counted

struct IndexCheck {
  std::uint64_t blocks = 0;  // of lines
  std::uint64_t rows = 0;
  std::uint64_t faults = 0;
  // The derived fields are of other rules than were given: they were not compared.
  bool other_rules = false;
  std::vector<std::string> kept;  // "event block 3, row 17 (5f0c….1 record 81234): src_endpoint.ip"
};

struct IndexRules {
  std::uint32_t version = 0;
  DeriveFields derive;  // for records of the event lane; may be empty
};

// Reads all of the part. Corrupt: a piece is damaged, so that nothing can be compared.
Result<IndexCheck> check_part_index(const std::shared_ptr<const PartReader>& part,
                                    const IndexRules& rules);

}  // namespace yunjian::ledger
