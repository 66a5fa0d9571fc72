#pragma once

#include <string>
#include <string_view>

#include "ledger/base/clock.h"
#include "ledger/checkpoint.h"

namespace yunjian::ledger {

// yunjian/successor/v1: this log goes on for one that lost signed leaves and is dead. Leaf 1 of a
// successor, signed by its key. What the dead log holds up to `checkpoint` was published; which of
// it is here again, the inherited streams tell.
struct Successor {
  std::string origin;      // of the log that holds this leaf
  std::string previous;    // vkey of the dead log
  std::string checkpoint;  // whole note: the newest known of the dead log
  Time opened{};
};

std::string format_successor(const Successor& successor);
// Reject: not this form, or the checkpoint is not by the key that `previous` names.
Result<Successor> parse_successor(std::string_view text);
// The same for a whole leaf; reject also when it is not signed by `log`.
Result<Successor> verify_successor(std::string_view leaf, const Verifier& log);

}  // namespace yunjian::ledger
