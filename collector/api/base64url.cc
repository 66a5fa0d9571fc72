#include "collector/api/base64url.h"

#include <algorithm>

#include "ledger/base/bytes.h"

namespace yunjian::collector {

std::string to_base64url(std::string_view bytes) {
  std::string text = ledger::to_base64(bytes);
  text.erase(text.find_last_not_of('=') + 1);
  std::replace(text.begin(), text.end(), '+', '-');
  std::replace(text.begin(), text.end(), '/', '_');
  return text;
}

ledger::Result<std::string> from_base64url(std::string_view text) {
  if (text.find_first_of("+/=") != std::string_view::npos) {
    return ledger::fail(ledger::ErrorKind::reject, "not base64url");
  }
  std::string padded(text);
  std::replace(padded.begin(), padded.end(), '-', '+');
  std::replace(padded.begin(), padded.end(), '_', '/');
  padded.append((4 - padded.size() % 4) % 4, '=');
  return ledger::from_base64(padded);
}

}  // namespace yunjian::collector
