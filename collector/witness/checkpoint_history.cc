#include "collector/witness/checkpoint_history.h"

namespace yunjian::collector {

using ledger::Result;

Result<void> CheckpointHistory::step() {
  const std::string day = ledger::format_time(tools_.clock.wall()).substr(0, 10);
  if (day == kept_day_) return {};
  const std::string path = ledger::join_path(tools_.directory, day);
  auto there = tools_.files.exists(path);
  if (!there) return ledger::failure(there);
  if (!*there) {
    if (auto made = tools_.files.make_directory(tools_.directory, 0700); !made) return made;
    auto kept = ledger::replace_file(tools_.files, path, log_.checkpoint(), 0600);
    if (!kept) return kept;
  }
  kept_day_ = day;
  return {};
}

}  // namespace yunjian::collector
