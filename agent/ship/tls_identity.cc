#include "agent/ship/tls_identity.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <memory>

#include "ledger/suite.h"

namespace yunjian::agent {
namespace {

using ledger::ErrorKind;
using ledger::fail;
using ledger::failure;
using ledger::Result;

template <auto free_function>
struct Free {
  template <typename T>
  void operator()(T* object) const {
    free_function(object);
  }
};
using Bio = std::unique_ptr<BIO, Free<BIO_free_all>>;
using Key = std::unique_ptr<EVP_PKEY, Free<EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Free<X509_free>>;
using Request = std::unique_ptr<X509_REQ, Free<X509_REQ_free>>;

Bio reading(std::string_view pem) {
  return Bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
}

std::string contents(const Bio& bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return std::string(data, static_cast<std::size_t>(size));
}

Result<Key> read_key(std::string_view pem) {
  Key key(PEM_read_bio_PrivateKey(reading(pem).get(), nullptr, nullptr, nullptr));
  if (!key) return fail(ErrorKind::corrupt, "the TLS key is not a PEM private key");
  return key;
}

Result<Certificate> read_certificate(std::string_view pem) {
  Certificate certificate(PEM_read_bio_X509(reading(pem).get(), nullptr, nullptr, nullptr));
  if (!certificate) return fail(ErrorKind::reject, "there is no PEM certificate in it");
  return certificate;
}

ledger::Time to_time(const ASN1_TIME* time) {
  int days = 0;
  int seconds = 0;
  const std::unique_ptr<ASN1_TIME, Free<ASN1_TIME_free>> epoch(ASN1_TIME_set(nullptr, 0));
  ASN1_TIME_diff(&days, &seconds, epoch.get(), time);
  return ledger::Time(std::chrono::days(days) + std::chrono::seconds(seconds));
}

}  // namespace

Result<std::string> make_tls_key() {
  const Key key(EVP_EC_gen("P-256"));
  const Bio out(BIO_new(BIO_s_mem()));
  if (!key || !out ||
      PEM_write_bio_PKCS8PrivateKey(out.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) !=
          1) {
    return fail(ErrorKind::fatal, "OpenSSL cannot make an EC P-256 key");
  }
  return contents(out);
}

Result<std::string> make_tls_request(std::string_view key_pem) {
  auto key = read_key(key_pem);
  if (!key) return failure(key);
  const Request request(X509_REQ_new());
  const Bio out(BIO_new(BIO_s_mem()));
  if (!request || !out || X509_REQ_set_version(request.get(), X509_REQ_VERSION_1) != 1 ||
      X509_REQ_set_pubkey(request.get(), key->get()) != 1 ||
      X509_REQ_sign(request.get(), key->get(), EVP_sha256()) == 0 ||
      PEM_write_bio_X509_REQ(out.get(), request.get()) != 1) {
    return fail(ErrorKind::fatal, "OpenSSL cannot make a certificate request");
  }
  return contents(out);
}

Result<ledger::Hash> certificate_fingerprint(std::string_view pem) {
  auto certificate = read_certificate(pem);
  if (!certificate) return failure(certificate);
  unsigned char* der = nullptr;
  const int size = i2d_X509(certificate->get(), &der);
  if (size <= 0) return fail(ErrorKind::reject, "the certificate cannot be encoded");
  const ledger::Hash hash = ledger::sha256(
      std::string_view(reinterpret_cast<const char*>(der), static_cast<std::size_t>(size)));
  OPENSSL_free(der);
  return hash;
}

Result<ledger::Hash> parse_fingerprint(std::string_view text) {
  std::string hex;
  for (const char c : text) {
    if (c == ':') continue;
    hex += c >= 'A' && c <= 'F' ? static_cast<char>(c + ('a' - 'A')) : c;
  }
  const auto bytes = ledger::from_hex(hex);
  ledger::Hash hash{};
  if (!bytes || bytes->size() != hash.size()) {
    return fail(ErrorKind::reject,
                "a CA fingerprint is 64 hex digits (SHA-256), as the collector prints it");
  }
  std::copy(bytes->begin(), bytes->end(), reinterpret_cast<char*>(hash.data()));
  return hash;
}

Result<CertificateFacts> check_certificate(std::string_view pem, std::string_view key_pem,
                                           std::string_view ca_pem) {
  auto certificate = read_certificate(pem);
  if (!certificate) return failure(certificate, "client certificate");
  auto ca = read_certificate(ca_pem);
  if (!ca) return failure(ca, "CA certificate");
  auto key = read_key(key_pem);
  if (!key) return failure(key);
  if (X509_check_private_key(certificate->get(), key->get()) != 1) {
    return fail(ErrorKind::reject, "the client certificate is not for this agent's TLS key");
  }
  if (X509_verify(certificate->get(), X509_get0_pubkey(ca->get())) != 1) {
    return fail(ErrorKind::reject, "the client certificate is not signed by the enrolment CA");
  }
  CertificateFacts facts{.common_name = {},
                         .not_before = to_time(X509_get0_notBefore(certificate->get())),
                         .not_after = to_time(X509_get0_notAfter(certificate->get()))};
  char name[256] = {};
  const int size = X509_NAME_get_text_by_NID(X509_get_subject_name(certificate->get()),
                                             NID_commonName, name, sizeof name);
  if (size > 0) facts.common_name.assign(name, static_cast<std::size_t>(size));
  return facts;
}

}  // namespace yunjian::agent
