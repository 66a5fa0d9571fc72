#pragma once

#include <string_view>
#include <vector>

#include "ledger/archive/lane_block.h"
#include "rules/classify/classifier.h"

namespace yunjian::rules {

// What a record means, as the fields that are kept beside it in parts: the collector writes them,
// the auditor derives them again.
std::vector<std::string_view> derived_keys();
// A version is one text; a part keeps a number.
std::uint32_t version_number(const Classifier& classifier);
// Appends the fields of a record. The classifier outlives the function.
ledger::DeriveFields derive_fields(const Classifier& classifier);

}  // namespace yunjian::rules
