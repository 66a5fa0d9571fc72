#pragma once

#include <string>
#include <string_view>

#include "ledger/base/bytes.h"
#include "ledger/base/clock.h"

namespace yunjian::agent {

// A fresh EC P-256 key for TLS, PEM (PKCS #8, not encrypted).
ledger::Result<std::string> make_tls_key();
// A certificate request by that key, PEM. The collector decides the names in the certificate.
ledger::Result<std::string> make_tls_request(std::string_view key_pem);

// SHA-256 of the DER of the one certificate in `pem`: what an operator compares.
ledger::Result<ledger::Hash> certificate_fingerprint(std::string_view pem);
// Reads a fingerprint as people write it: hex of either case, with or without colons.
ledger::Result<ledger::Hash> parse_fingerprint(std::string_view text);

struct CertificateFacts {
  std::string common_name;
  ledger::Time not_before{};
  ledger::Time not_after{};
};
// Of the first certificate in `pem`. Reject: it does not belong to `key_pem` or is not signed by
// `ca_pem`.
ledger::Result<CertificateFacts> check_certificate(std::string_view pem, std::string_view key_pem,
                                                   std::string_view ca_pem);

}  // namespace yunjian::agent
