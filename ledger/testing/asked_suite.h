#pragma once

#include <cstdlib>

#include "ledger/suite.h"

namespace yunjian::ledger::testing {

// The suite that tests run on: the default one, or what YUNJIAN_SUITE names.
inline const Suite& asked_suite() {
  const char* asked = std::getenv("YUNJIAN_SUITE");
  if (asked == nullptr) return default_suite();
  const auto found = find_suite(asked);
  require(found.has_value(), "YUNJIAN_SUITE names a suite");
  return **found;
}

}  // namespace yunjian::ledger::testing
