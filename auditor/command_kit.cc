#include "auditor/command_kit.h"

#include <fmt/format.h>

#include <cstdio>

#include "auditor/printable.h"

namespace yunjian::auditor {

int complain(int code, std::string_view message) {
  fmt::print(stderr, "yunjian-audit: {}\n", printable(message));
  return code;
}

std::string first_line(std::string_view text) {
  return std::string(text.substr(0, text.find_first_of("\r\n")));
}

ledger::Result<std::vector<ledger::Verifier>> read_vkeys(const std::vector<std::string>& vkeys,
                                                         ledger::SignatureKind kind) {
  std::vector<ledger::Verifier> verifiers;
  for (const std::string& vkey : vkeys) {
    auto verifier = ledger::Verifier::from_vkey(first_line(vkey));
    if (!verifier) return ledger::failure(verifier, vkey);
    if (verifier->kind() != kind) {
      return ledger::fail(ledger::ErrorKind::reject, "'" + vkey + "' is a key of the other kind");
    }
    verifiers.push_back(std::move(*verifier));
  }
  return verifiers;
}

}  // namespace yunjian::auditor
