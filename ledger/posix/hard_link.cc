#include "ledger/posix/hard_link.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace yunjian::ledger {

Result<void> make_hard_link(const std::string& from, const std::string& to) {
  if (::link(from.c_str(), to.c_str()) == 0) return {};
  return fail(ErrorKind::reject,
              fmt::format("link {} to {}: {}", from, to, std::generic_category().message(errno)));
}

}  // namespace yunjian::ledger
