#pragma once

#include <chrono>
#include <string>

#include "auditor/verifier.h"

namespace yunjian::auditor {

struct VerifyReport {
  const VerifyResult* result;
  std::string origin;
  std::string source;  // URL or directory
  std::chrono::duration<double> took{};
  bool strict = false;
};

// For people: what was checked, what was found and where, the verdict; Chinese first, English
// beside it.
std::string format_text(const VerifyReport& report);
// One JSON object: {"origin","source","exit","verdict","tree_size","counts":{…},"resumed_at",
// "levels":[{"name","count","seconds","per_second"}],"findings":[{"kind","place","zh","en"}],
// "seconds"}.
std::string format_json(const VerifyReport& report);
// "[######…] 43 %  1204224/2800000 leaves  81 s": one line, rewritten in place on a terminal.
std::string format_progress(std::uint64_t done, std::uint64_t all,
                            std::chrono::duration<double> took);

}  // namespace yunjian::auditor
