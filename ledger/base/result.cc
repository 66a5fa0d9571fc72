#include "ledger/base/result.h"

#include <cstdio>
#include <cstdlib>

namespace yunjian::ledger {

std::string_view to_string(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::retry:
      return "retry";
    case ErrorKind::reject:
      return "reject";
    case ErrorKind::corrupt:
      return "corrupt";
    case ErrorKind::full:
      return "full";
    case ErrorKind::fatal:
      return "fatal";
  }
  return "unknown";
}

void require(bool holds, std::string_view what, std::source_location where) {
  if (holds) [[likely]]
    return;
  std::fprintf(stderr, "broken invariant: %.*s (%s:%u)\n", static_cast<int>(what.size()),
               what.data(), where.file_name(), static_cast<unsigned>(where.line()));
  std::abort();
}

}  // namespace yunjian::ledger
