#include "collector/tokens.h"

#include <fmt/format.h>
#include <pwd.h>
#include <unistd.h>

#include <array>

#include "collector/api/base64url.h"
#include "ledger/base/bytes.h"

namespace yunjian::collector {

std::string random_bytes(ledger::Random& random, std::size_t count) {
  std::string bytes(count, '\0');
  random.fill({reinterpret_cast<std::uint8_t*>(bytes.data()), bytes.size()});
  return bytes;
}

std::string new_token(ledger::Random& random) {
  std::string bytes = random_bytes(random, 32);
  std::string token = to_base64url(bytes);
  ledger::wipe(bytes);
  return token;
}

std::string operator_name(unsigned uid) {
  passwd entry{};
  passwd* found = nullptr;
  std::array<char, 4096> buffer{};
  if (::getpwuid_r(uid, &entry, buffer.data(), buffer.size(), &found) == 0 && found != nullptr) {
    return fmt::format("uid {} ({})", uid, found->pw_name);
  }
  return fmt::format("uid {}", uid);
}

std::string local_operator() { return operator_name(::getuid()); }

}  // namespace yunjian::collector
