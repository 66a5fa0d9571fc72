#include "collector/http/openssl_handles.h"

#include <openssl/err.h>

#include <algorithm>
#include <array>

#include "ledger/base/bytes.h"

namespace yunjian::collector {

std::string openssl_error() {
  const unsigned long code = ERR_peek_last_error();
  ERR_clear_error();
  if (code == 0) return "OpenSSL gives no reason";
  std::array<char, 256> text{};
  ERR_error_string_n(code, text.data(), text.size());
  return text.data();
}

std::string certificate_sha256(const X509* certificate) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned bytes = 0;
  if (X509_digest(certificate, EVP_sha256(), digest.data(), &bytes) != 1) return {};
  return ledger::to_hex(ledger::as_view(std::span(digest).first(bytes)));
}

std::string subject_common_name(const X509* certificate) {
  const X509_NAME* const subject = X509_get_subject_name(certificate);
  const int first = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
  if (first < 0 || X509_NAME_get_index_by_NID(subject, NID_commonName, first) >= 0) return {};
  const ASN1_STRING* const value = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, first));
  const auto* const bytes = reinterpret_cast<const char*>(ASN1_STRING_get0_data(value));
  std::string name(bytes, static_cast<std::size_t>(ASN1_STRING_length(value)));
  const bool printable =
      std::all_of(name.begin(), name.end(), [](char c) { return c >= 0x20 && c < 0x7f; });
  return printable ? name : std::string();
}

}  // namespace yunjian::collector
