#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "ledger/base/clock.h"

namespace yunjian::collector {

// Records that retention keeps however old they are, because somebody may have to look at them.
struct Hold {
  std::string id = {};
  std::string unit = {};        // empty: of any
  std::string host = {};        // empty: of any
  std::uint64_t first_day = 0;  // of commit, since 1970, UTC, both inclusive
  std::uint64_t last_day = 0;
  std::string reason = {};
  std::string who = {};
  ledger::Time since{};
  std::optional<ledger::Time> lifted = {};
};

}  // namespace yunjian::collector
