#pragma once

#include <chrono>

#include "ledger/base/clock.h"

namespace yunjian::agent {

// Whether `wait` has passed since then. Also when the clock was set back, which must not stop work.
inline bool elapsed(ledger::Time now, ledger::Time since, std::chrono::microseconds wait) {
  return now < since || now - since >= wait;
}

}  // namespace yunjian::agent
