#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "ledger/archive/lane_block.h"

namespace yunjian::collector {

// `key` is one of Deriver::keys, which outlive the field.
using DerivedField = ledger::ExtraField;

// Fields that follow from a record but are not in its line (class, actor, address …). A store keeps
// them beside the record with the version that made them, and makes them on the fly for what it has
// not filed yet. `derive` is called by any thread, for records of the event lane; it replaces
// nothing in `out` and appends at most one field a key.
struct Deriver {
  std::uint32_t version = 0;
  std::vector<std::string> keys;
  std::function<void(const ledger::ParsedRecord& record, std::vector<DerivedField>& out)> derive;
};

}  // namespace yunjian::collector
