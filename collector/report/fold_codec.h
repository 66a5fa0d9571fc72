#pragma once

#include <string>

#include "ledger/archive/codec.h"
#include "rules/calendar/china_time.h"
#include "rules/utilization/fold_run.h"

namespace yunjian::collector {

// A run of one stream as it lies in a file of folds: numbers as varints, times in microseconds
// behind 1970, bins as gaps and counts. The CPU of all days together is not written: the days have
// it.
struct StreamRun {
  rules::Month month{};  // its records lie in
  rules::FoldRun run;    // of one size, with one input

  const rules::FoldInput& input() const { return run.inputs.front(); }
};

void put_run(std::string& out, const StreamRun& run);
// Corrupt: not what put_run() writes.
ledger::Result<StreamRun> take_run(ledger::Unpacker& in, const std::string& stream);

}  // namespace yunjian::collector
