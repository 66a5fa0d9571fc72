#include "collector/backup_plan.h"

#include <fmt/format.h>

#include <sstream>

#include "ledger/base/bytes.h"

namespace yunjian::collector {

using ledger::ErrorKind;
using ledger::Result;

AdminAnswer to_answer(BackupPlan plan) {
  AdminAnswer answer;
  answer.out = fmt::format("leaves {}\ncatalog {}\nlast {} {}\n", plan.leaves, plan.catalog,
                           plan.last_segment_bytes, plan.last_segment);
  for (const std::string& path : plan.files) answer.out += fmt::format("file {}\n", path);
  answer.files = std::move(plan.contents);
  return answer;
}

Result<BackupPlan> read_backup_plan(AdminAnswer answer) {
  BackupPlan plan;
  plan.contents = std::move(answer.files);
  std::istringstream text(answer.out);
  for (std::string line; std::getline(text, line);) {
    std::istringstream words(line);
    std::string what;
    words >> what;
    if (what == "leaves") words >> plan.leaves;
    if (what == "catalog") words >> plan.catalog;
    if (what == "last") words >> plan.last_segment_bytes >> plan.last_segment;
    if (what == "file") words >> plan.files.emplace_back();
    if (words.fail()) {
      return ledger::fail(
          ErrorKind::corrupt,
          fmt::format("the collector answers '{}': are both of one version?", line));
    }
  }
  return plan;
}

}  // namespace yunjian::collector
