#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "ledger/base/clock.h"
#include "ledger/base/file_system.h"
#include "ledger/base/random.h"
#include "ledger/base/result.h"

namespace yunjian::collector {

inline constexpr std::size_t csr_bytes_max = 4096;
inline constexpr std::chrono::days ca_validity{3652};
inline constexpr std::chrono::days server_validity{825};
inline constexpr std::chrono::seconds client_validity = std::chrono::days(90);
inline constexpr std::chrono::seconds client_validity_min{9};

// A certificate and its private key, PEM.
struct CertificatePair {
  std::string certificate;
  std::string private_key;
};

struct CertificateFacts {
  std::string sha256;       // of the DER, lower-case hex: the fingerprint
  std::string common_name;  // empty unless there is exactly one, printable ASCII
  ledger::Time not_before{};
  ledger::Time not_after{};
};
// Of the first certificate in `pem`.
ledger::Result<CertificateFacts> read_certificate(std::string_view pem);

// <directory>/<name>.crt (0644) and <name>.key (0600), each replaced durably, the key first.
struct CertificatePlace {
  std::string directory;
  std::string name;
};
ledger::Result<void> save_pair(ledger::FileSystem& files, const CertificatePlace& place,
                               const CertificatePair& pair);
ledger::Result<CertificatePair> load_pair(ledger::FileSystem& files, const CertificatePlace& place);

// Whom a client certificate names: CN = agent id, O = "incarnation-<n>"; or an account, O =
// "account".
struct ClientSubject {
  std::string agent;  // or the account
  std::uint64_t incarnation = 1;
  std::chrono::seconds validity = client_validity;  // from now on; at least client_validity_min
  bool is_account = false;
};

// Issues the certificates of one collector: P-256 with SHA-256, random 128-bit serials. It keeps no
// list of what it issued; the catalog knows the certificate that is current. Any thread.
class CertificateAuthority {
 public:
  // A new one, valid for ca_validity. `random` must outlive it and bear several threads.
  static ledger::Result<CertificateAuthority> create(std::string_view common_name,
                                                     ledger::Random& random, ledger::Time now);
  // Reject: not a CA certificate, or not its key.
  static ledger::Result<CertificateAuthority> load(const CertificatePair& pair,
                                                   ledger::Random& random);
  CertificateAuthority(CertificateAuthority&&) noexcept;
  CertificateAuthority& operator=(CertificateAuthority&&) noexcept;
  ~CertificateAuthority();

  const std::string& certificate_pem() const;
  const std::string& fingerprint() const;  // SHA-256 of its DER, lower-case hex
  CertificatePair pair() const;

  // With a new key; every name is a DNS name or an IP address. Reject: no names, or one that is
  // neither.
  ledger::Result<CertificatePair> issue_server(const std::vector<std::string>& names,
                                               ledger::Time now) const;

  // PEM. The request proves possession of a P-256 or Ed25519 key by its own signature; the subject
  // and extensions it asks for are ignored. Reject says what is wrong with it. The certificate
  // begins before now, because clocks of hosts differ from ours: by a day, but at most a ninth of
  // its validity, so that "two thirds of its life" can be read from its own dates.
  ledger::Result<std::string> issue_client(std::string_view csr_pem, const ClientSubject& subject,
                                           ledger::Time now) const;

 private:
  struct Impl;
  explicit CertificateAuthority(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// The check that issue_client makes, for a caller that wants to refuse before it reserves anything.
ledger::Result<void> check_csr(std::string_view csr_pem);
// SHA-256 of the request's public key (SubjectPublicKeyInfo), lower-case hex; the same check.
ledger::Result<std::string> csr_key_sha256(std::string_view csr_pem);

}  // namespace yunjian::collector
