#include "collector/http/certificates.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>

#include "collector/http/openssl_handles.h"
#include "ledger/base/bytes.h"

namespace yunjian::collector {
namespace {

using ledger::ErrorKind;
using ledger::fail;
using ledger::failure;
using ledger::Result;
using ledger::Time;

// Certificates are valid from before now on, because clocks of hosts differ from ours.
constexpr std::chrono::seconds backdated = std::chrono::hours(24);

int no_password(char*, int, int, void*) { return -1; }

BioHandle reading(std::string_view text) {
  return BioHandle(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

std::string content(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return {data, static_cast<std::size_t>(std::max(0L, size))};
}

Result<X509Handle> parse_certificate(std::string_view pem) {
  const BioHandle bio = reading(pem);
  X509Handle certificate(PEM_read_bio_X509(bio.get(), nullptr, no_password, nullptr));
  if (certificate) return certificate;
  return fail(ErrorKind::reject, "not a PEM certificate: " + openssl_error());
}

Result<KeyHandle> parse_key(std::string_view pem) {
  const BioHandle bio = reading(pem);
  KeyHandle key(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_password, nullptr));
  if (key) return key;
  return fail(ErrorKind::reject, "not an unencrypted PEM private key: " + openssl_error());
}

Result<std::string> certificate_text(X509* certificate) {
  const BioHandle bio(BIO_new(BIO_s_mem()));
  if (PEM_write_bio_X509(bio.get(), certificate) == 1) return content(bio.get());
  return fail(ErrorKind::fatal, "cannot write a certificate: " + openssl_error());
}

Result<std::string> key_text(EVP_PKEY* key) {
  const BioHandle bio(BIO_new(BIO_s_secmem()));
  if (PEM_write_bio_PKCS8PrivateKey(bio.get(), key, nullptr, nullptr, 0, nullptr, nullptr) == 1) {
    return content(bio.get());
  }
  return fail(ErrorKind::fatal, "cannot write a private key: " + openssl_error());
}

Result<KeyHandle> new_key() {
  KeyHandle key(EVP_EC_gen("P-256"));
  if (key) return key;
  return fail(ErrorKind::fatal, "cannot make a P-256 key: " + openssl_error());
}

Result<Time> to_time(const ASN1_TIME* time) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return fail(ErrorKind::reject, "bad certificate time");
  return Time(std::chrono::seconds(timegm(&parts)));
}

struct Extension {
  int nid;
  std::string value;
};

struct CertificateSpec {
  std::string organization;  // may be empty
  std::string common_name;
  EVP_PKEY* key = nullptr;  // the subject's
  Time not_before{};
  Time not_after{};
  std::vector<Extension> extensions;
};

struct Issuer {
  X509* certificate = nullptr;  // null: self-signed
  EVP_PKEY* key = nullptr;
};

bool add_name(X509_NAME* name, const char* field, std::string_view value) {
  const auto* const bytes = reinterpret_cast<const unsigned char*>(value.data());
  return value.empty() || X509_NAME_add_entry_by_txt(name, field, MBSTRING_UTF8, bytes,
                                                     static_cast<int>(value.size()), -1, 0) == 1;
}

bool set_serial(X509* certificate, ledger::Random& random) {
  std::array<unsigned char, 16> bytes{};
  random.fill(bytes);
  bytes[0] = static_cast<unsigned char>((bytes[0] & 0x7fU) | 0x40U);  // positive, always 128 bits
  const std::unique_ptr<BIGNUM, OpenSslFree<BN_free>> number(
      BN_bin2bn(bytes.data(), static_cast<int>(bytes.size()), nullptr));
  return number && BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate)) != nullptr;
}

bool set_time(ASN1_TIME* field, Time time) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time).time_since_epoch();
  return ASN1_TIME_set(field, seconds.count()) != nullptr;
}

bool add_extension(X509* certificate, X509V3_CTX& context, const Extension& extension) {
  const ExtensionHandle made(
      X509V3_EXT_conf_nid(nullptr, &context, extension.nid, extension.value.c_str()));
  return made && X509_add_ext(certificate, made.get(), -1) == 1;
}

bool add_extensions(X509* certificate, X509* issuer, const std::vector<Extension>& extensions) {
  X509V3_CTX context{};
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  return std::all_of(extensions.begin(), extensions.end(), [&](const Extension& extension) {
    return add_extension(certificate, context, extension);
  });
}

bool fill(X509* certificate, const CertificateSpec& spec, X509* issuer) {
  X509_NAME* const subject = X509_get_subject_name(certificate);
  return X509_set_version(certificate, X509_VERSION_3) == 1 &&
         add_name(subject, "O", spec.organization) && add_name(subject, "CN", spec.common_name) &&
         X509_set_issuer_name(certificate, X509_get_subject_name(issuer)) == 1 &&
         set_time(X509_getm_notBefore(certificate), spec.not_before) &&
         set_time(X509_getm_notAfter(certificate), spec.not_after) &&
         X509_set_pubkey(certificate, spec.key) == 1 &&
         add_extensions(certificate, issuer, spec.extensions);
}

Result<X509Handle> make_certificate(const CertificateSpec& spec, Issuer issuer,
                                    ledger::Random& random) {
  X509Handle certificate(X509_new());
  X509* const by = issuer.certificate == nullptr ? certificate.get() : issuer.certificate;
  if (certificate && set_serial(certificate.get(), random) && fill(certificate.get(), spec, by) &&
      X509_sign(certificate.get(), issuer.key, EVP_sha256()) > 0) {
    return certificate;
  }
  return fail(ErrorKind::fatal, "cannot issue a certificate: " + openssl_error());
}

bool is_ip_address(const std::string& name) {
  const std::unique_ptr<ASN1_OCTET_STRING, OpenSslFree<ASN1_OCTET_STRING_free>> address(
      a2i_IPADDRESS(name.c_str()));
  return address != nullptr;
}

bool is_dns_name(std::string_view name) {
  return !name.empty() && name.size() <= 253 && name.front() != '-' && name.front() != '.' &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return c == '-' || c == '.' || c == '_' || (c >= '0' && c <= '9') ||
                  (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
         });
}

Result<std::string> alternative_names(const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& name : names) {
    if (!out.empty()) out.push_back(',');
    if (is_ip_address(name)) {
      out.append("IP:").append(name);
    } else if (is_dns_name(name)) {
      out.append("DNS:").append(name);
    } else {
      return fail(ErrorKind::reject, "\"" + name + "\" is neither a DNS name nor an IP address");
    }
  }
  if (out.empty()) return fail(ErrorKind::reject, "a server certificate needs a name");
  return out;
}

bool is_named_p256(EVP_PKEY* key) {
  std::array<char, 32> group{};
  std::array<char, 32> encoding{};
  return EVP_PKEY_get_base_id(key) == EVP_PKEY_EC &&
         EVP_PKEY_get_group_name(key, group.data(), group.size(), nullptr) == 1 &&
         std::string_view(group.data()) == SN_X9_62_prime256v1 &&
         EVP_PKEY_get_utf8_string_param(key, OSSL_PKEY_PARAM_EC_ENCODING, encoding.data(),
                                        encoding.size(), nullptr) == 1 &&
         std::string_view(encoding.data()) == OSSL_PKEY_EC_ENCODING_GROUP;
}

bool is_strong_signature(const X509_REQ* request) {
  const int nid = X509_REQ_get_signature_nid(request);
  return nid == NID_ED25519 || nid == NID_ecdsa_with_SHA256 || nid == NID_ecdsa_with_SHA384 ||
         nid == NID_ecdsa_with_SHA512;
}

bool only_white_space(std::string_view text) {
  return text.find_first_not_of(" \t\r\n") == std::string_view::npos;
}

// One block and nothing beside it: what is signed is all that was sent.
Result<RequestHandle> decode_csr(std::string_view pem) {
  constexpr std::string_view begin = "-----BEGIN CERTIFICATE REQUEST-----";
  constexpr std::string_view end = "-----END CERTIFICATE REQUEST-----";
  if (pem.size() > csr_bytes_max) {
    return fail(ErrorKind::reject, "the certificate request is larger than 4096 bytes");
  }
  const std::size_t last = pem.find(end);
  if (!pem.starts_with(begin) || last == std::string_view::npos ||
      !only_white_space(pem.substr(last + end.size()))) {
    return fail(ErrorKind::reject, "the certificate request is not one PEM block");
  }
  const BioHandle bio = reading(pem);
  RequestHandle request(PEM_read_bio_X509_REQ(bio.get(), nullptr, no_password, nullptr));
  if (request) return request;
  return fail(ErrorKind::reject, "the certificate request cannot be decoded: " + openssl_error());
}

Result<RequestHandle> verified_csr(std::string_view pem) {
  auto request = decode_csr(pem);
  if (!request) return request;
  EVP_PKEY* const key = X509_REQ_get0_pubkey(request->get());
  if (key == nullptr || !(is_named_p256(key) || EVP_PKEY_get_base_id(key) == EVP_PKEY_ED25519)) {
    openssl_error();
    return fail(ErrorKind::reject, "the certificate request's key is neither P-256 nor Ed25519");
  }
  if (!is_strong_signature(request->get()) || X509_REQ_verify(request->get(), key) != 1) {
    openssl_error();
    return fail(ErrorKind::reject, "the certificate request is not signed by its own key");
  }
  return request;
}

}  // namespace

struct CertificateAuthority::Impl {
  X509Handle certificate;
  KeyHandle key;
  std::string certificate_pem;
  std::string key_pem;
  std::string fingerprint;
  ledger::Random* random = nullptr;

  ~Impl() { ledger::wipe(key_pem); }
};

CertificateAuthority::CertificateAuthority(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
CertificateAuthority::CertificateAuthority(CertificateAuthority&&) noexcept = default;
CertificateAuthority& CertificateAuthority::operator=(CertificateAuthority&&) noexcept = default;
CertificateAuthority::~CertificateAuthority() = default;

Result<CertificateAuthority> CertificateAuthority::create(std::string_view common_name,
                                                          ledger::Random& random, Time now) {
  auto key = new_key();
  if (!key) return failure(key);
  const CertificateSpec spec{.organization = "Yunjian",
                             .common_name = std::string(common_name.substr(0, 64)),
                             .key = key->get(),
                             .not_before = now - backdated,
                             .not_after = now + ca_validity,
                             .extensions = {{NID_basic_constraints, "critical,CA:TRUE,pathlen:0"},
                                            {NID_key_usage, "critical,keyCertSign,cRLSign"},
                                            {NID_subject_key_identifier, "hash"}}};
  auto certificate = make_certificate(spec, {nullptr, key->get()}, random);
  if (!certificate) return failure(certificate);
  auto certificate_pem = certificate_text(certificate->get());
  if (!certificate_pem) return failure(certificate_pem);
  auto key_pem = key_text(key->get());
  if (!key_pem) return failure(key_pem);
  CertificatePair pair{std::move(*certificate_pem), std::move(*key_pem)};
  auto authority = load(pair, random);
  ledger::wipe(pair.private_key);
  return authority;
}

Result<CertificateAuthority> CertificateAuthority::load(const CertificatePair& pair,
                                                        ledger::Random& random) {
  auto certificate = parse_certificate(pair.certificate);
  if (!certificate) return failure(certificate, "CA certificate");
  auto key = parse_key(pair.private_key);
  if (!key) return failure(key, "CA private key");
  if (X509_check_ca(certificate->get()) != 1) {
    return fail(ErrorKind::reject, "the CA certificate is not one of a certificate authority");
  }
  if (X509_check_private_key(certificate->get(), key->get()) != 1) {
    openssl_error();
    return fail(ErrorKind::reject, "the CA private key does not belong to the CA certificate");
  }
  auto impl = std::make_unique<Impl>();
  impl->certificate_pem = pair.certificate;
  impl->key_pem = pair.private_key;
  impl->fingerprint = certificate_sha256(certificate->get());
  impl->certificate = std::move(*certificate);
  impl->key = std::move(*key);
  impl->random = &random;
  return CertificateAuthority(std::move(impl));
}

const std::string& CertificateAuthority::certificate_pem() const { return impl_->certificate_pem; }
const std::string& CertificateAuthority::fingerprint() const { return impl_->fingerprint; }
CertificatePair CertificateAuthority::pair() const {
  return {impl_->certificate_pem, impl_->key_pem};
}

Result<CertificatePair> CertificateAuthority::issue_server(const std::vector<std::string>& names,
                                                           Time now) const {
  auto alternatives = alternative_names(names);
  if (!alternatives) return failure(alternatives);
  auto key = new_key();
  if (!key) return failure(key);
  const CertificateSpec spec{.organization = "Yunjian",
                             .common_name = names.front().substr(0, 64),
                             .key = key->get(),
                             .not_before = now - backdated,
                             .not_after = now + server_validity,
                             .extensions = {{NID_basic_constraints, "critical,CA:FALSE"},
                                            {NID_key_usage, "critical,digitalSignature"},
                                            {NID_ext_key_usage, "serverAuth"},
                                            {NID_subject_alt_name, *alternatives},
                                            {NID_subject_key_identifier, "hash"},
                                            {NID_authority_key_identifier, "keyid:always"}}};
  auto certificate =
      make_certificate(spec, {impl_->certificate.get(), impl_->key.get()}, *impl_->random);
  if (!certificate) return failure(certificate);
  auto certificate_pem = certificate_text(certificate->get());
  if (!certificate_pem) return failure(certificate_pem);
  auto key_pem = key_text(key->get());
  if (!key_pem) return failure(key_pem);
  return CertificatePair{std::move(*certificate_pem), std::move(*key_pem)};
}

Result<std::string> CertificateAuthority::issue_client(std::string_view csr_pem,
                                                       const ClientSubject& subject,
                                                       Time now) const {
  auto request = verified_csr(csr_pem);
  if (!request) return failure(request);
  const auto validity = std::max(subject.validity, client_validity_min);
  const CertificateSpec spec{
      .organization =
          subject.is_account ? "account" : "incarnation-" + std::to_string(subject.incarnation),
      .common_name = subject.agent,
      .key = X509_REQ_get0_pubkey(request->get()),
      .not_before = now - std::min(backdated, validity / 9),
      .not_after = now + validity,
      .extensions = {{NID_basic_constraints, "critical,CA:FALSE"},
                     {NID_key_usage, "critical,digitalSignature"},
                     {NID_ext_key_usage, "clientAuth"},
                     {NID_subject_key_identifier, "hash"},
                     {NID_authority_key_identifier, "keyid:always"}}};
  auto certificate =
      make_certificate(spec, {impl_->certificate.get(), impl_->key.get()}, *impl_->random);
  if (!certificate) return failure(certificate);
  return certificate_text(certificate->get());
}

Result<void> check_csr(std::string_view csr_pem) {
  auto request = verified_csr(csr_pem);
  if (!request) return failure(request);
  return {};
}

Result<std::string> csr_key_sha256(std::string_view csr_pem) {
  auto request = verified_csr(csr_pem);
  if (!request) return failure(request);
  unsigned char* der = nullptr;
  const int size = i2d_X509_PUBKEY(X509_REQ_get_X509_PUBKEY(request->get()), &der);
  if (size <= 0) return fail(ErrorKind::fatal, "cannot encode a public key: " + openssl_error());
  std::array<unsigned char, 32> digest{};
  unsigned int bytes = 0;
  const bool hashed = EVP_Digest(der, static_cast<std::size_t>(size), digest.data(), &bytes,
                                 EVP_sha256(), nullptr) == 1;
  OPENSSL_free(der);
  if (!hashed) return fail(ErrorKind::fatal, "cannot hash a public key: " + openssl_error());
  return ledger::to_hex(ledger::as_view(digest));
}

Result<CertificateFacts> read_certificate(std::string_view pem) {
  auto certificate = parse_certificate(pem);
  if (!certificate) return failure(certificate);
  auto not_before = to_time(X509_get0_notBefore(certificate->get()));
  if (!not_before) return failure(not_before);
  auto not_after = to_time(X509_get0_notAfter(certificate->get()));
  if (!not_after) return failure(not_after);
  return CertificateFacts{.sha256 = certificate_sha256(certificate->get()),
                          .common_name = subject_common_name(certificate->get()),
                          .not_before = *not_before,
                          .not_after = *not_after};
}

Result<void> save_pair(ledger::FileSystem& files, const CertificatePlace& place,
                       const CertificatePair& pair) {
  const std::string path = ledger::join_path(place.directory, place.name);
  auto saved = ledger::replace_file(files, path + ".key", pair.private_key, 0600);
  if (!saved) return saved;
  return ledger::replace_file(files, path + ".crt", pair.certificate, 0644);
}

Result<CertificatePair> load_pair(ledger::FileSystem& files, const CertificatePlace& place) {
  const std::string path = ledger::join_path(place.directory, place.name);
  auto certificate = files.read_file(path + ".crt");
  if (!certificate) return failure(certificate);
  auto key = files.read_file(path + ".key");
  if (!key) return failure(key);
  return CertificatePair{std::move(*certificate), std::move(*key)};
}

}  // namespace yunjian::collector
