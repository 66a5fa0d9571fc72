#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "agent/spool/spool.h"
#include "ledger/base/clock.h"

namespace yunjian::agent {

using Detail = std::pair<std::string, std::variant<std::string, std::uint64_t>>;

// Text of any bytes and length as a record takes it.
std::string shown_text(std::string text);

// A record of kind `agent`; details in any order.
std::string own_record(ledger::Time now, std::string_view what, std::vector<Detail> details);

// The gap record that names bodies that are lost: "batches" = "7" or "7-9", inclusive, of the same
// stream.
std::string body_gap_record(ledger::Time now, std::string_view cause, const BodyLoss& loss,
                            const std::string& stream = {});

// What says that bodies went which have a receipt, but no witness behind it: no gap, because the
// collector answers for them.
std::string unwitnessed_record(ledger::Time now, const BodyLoss& loss);

}  // namespace yunjian::agent
