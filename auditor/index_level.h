#pragma once

#include "auditor/verifier.h"
#include "ledger/archive/part_index.h"
#include "ledger/base/file_system.h"

namespace yunjian::auditor {

// The level "index": whether what the parts of a copied data directory say beside the evidence
// (derived fields, times, token filters, indexes) follows from it. What does not hides a record
// from whoever searches, or makes it look like another; the evidence itself is whole. Adds the
// level and what it found to `result`; bytes that are damaged were told by the levels before.
void check_index(ledger::FileSystem& files, const std::string& data,
                 const ledger::IndexRules& rules, VerifyResult& result);

}  // namespace yunjian::auditor
