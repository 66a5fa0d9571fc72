#include "collector/api/new_token.h"

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

}  // namespace yunjian::collector
