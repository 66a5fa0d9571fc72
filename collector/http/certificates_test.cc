#include "collector/http/certificates.h"

#include <doctest/doctest.h>
#include <openssl/pem.h>

#include "collector/http/openssl_handles.h"
#include "collector/http/testing/tls_client.h"
#include "ledger/testing/memory_file_system.h"
#include "ledger/testing/seeded_random.h"

namespace yunjian::collector {
namespace {

using testing::make_csr;

const ledger::Time now{std::chrono::sys_days{std::chrono::year{2026} / 11 / 22}};

std::string csr_with(KeyHandle key, const EVP_MD* digest) {
  const RequestHandle request(X509_REQ_new());
  X509_REQ_set_pubkey(request.get(), key.get());
  X509_REQ_sign(request.get(), key.get(), digest);
  const BioHandle bio(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509_REQ(bio.get(), request.get());
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return {data, static_cast<std::size_t>(size)};
}

struct CertificatesFixture {
  ledger::testing::SeededRandom random{1};
  CertificateAuthority authority = *CertificateAuthority::create("log.example", random, now);
};

TEST_CASE_FIXTURE(CertificatesFixture,
                  "a client certificate names agent and incarnation and lasts 90 days") {
  auto issued =
      authority.issue_client(make_csr().csr, {"0123456789abcdef0123456789abcdef", 3}, now);
  REQUIRE(issued);
  auto facts = read_certificate(*issued);
  REQUIRE(facts);
  CHECK(facts->common_name == "0123456789abcdef0123456789abcdef");
  CHECK(facts->not_after == now + std::chrono::days(90));
  CHECK(facts->not_before <= now);
  CHECK(facts->sha256.size() == 64);
}

TEST_CASE_FIXTURE(CertificatesFixture, "two certificates for one request differ in their serial") {
  const auto made = make_csr();
  CHECK(*authority.issue_client(made.csr, {"a", 1}, now) !=
        *authority.issue_client(made.csr, {"a", 1}, now));
}

TEST_CASE_FIXTURE(CertificatesFixture,
                  "keys other than P-256 and Ed25519 and weak signatures are refused") {
  CHECK(check_csr(csr_with(KeyHandle(EVP_EC_gen("P-256")), EVP_sha256())));
  CHECK(check_csr(csr_with(KeyHandle(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519")), nullptr)));
  CHECK_FALSE(check_csr(csr_with(KeyHandle(EVP_EC_gen("P-384")), EVP_sha384())));
  CHECK_FALSE(check_csr(csr_with(KeyHandle(EVP_EC_gen("P-256")), EVP_sha1())));
  CHECK_FALSE(check_csr(csr_with(KeyHandle(EVP_RSA_gen(2048)), EVP_sha256())));
}

TEST_CASE_FIXTURE(CertificatesFixture, "a request that is not one intact PEM block is refused") {
  const std::string csr = make_csr().csr;
  CHECK_FALSE(check_csr(""));
  CHECK_FALSE(check_csr("x" + csr));
  CHECK_FALSE(check_csr(csr + csr));
  CHECK_FALSE(check_csr(csr + "x"));
  CHECK_FALSE(check_csr(csr + std::string(csr_bytes_max, '\n')));
  CHECK_FALSE(check_csr(authority.certificate_pem()));
  CHECK(check_csr(csr + "\n"));
  for (std::size_t at = 40; at < csr.size() - 40; at += 7) {
    std::string changed = csr;
    changed[at] = changed[at] == 'A' ? 'B' : 'A';
    if (changed != csr) CHECK_FALSE(check_csr(changed));
  }
}

TEST_CASE_FIXTURE(CertificatesFixture,
                  "a server certificate needs names that are DNS names or addresses") {
  CHECK(authority.issue_server({"collector.example", "localhost", "127.0.0.1", "::1"}, now));
  CHECK_FALSE(authority.issue_server({}, now));
  CHECK_FALSE(authority.issue_server({"a,DNS:b"}, now));
  CHECK_FALSE(authority.issue_server({"a b"}, now));
  CHECK_FALSE(authority.issue_server({""}, now));
}

TEST_CASE_FIXTURE(CertificatesFixture,
                  "an authority comes back from its files and its key is for the owner only") {
  ledger::testing::MemoryFileSystem files;
  REQUIRE(files.make_directory("/tls", 0700));
  REQUIRE(save_pair(files, {"/tls", "ca"}, authority.pair()));
  auto pair = load_pair(files, {"/tls", "ca"});
  REQUIRE(pair);
  auto again = CertificateAuthority::load(*pair, random);
  REQUIRE(again);
  CHECK(again->fingerprint() == authority.fingerprint());
  CHECK(again->fingerprint() == read_certificate(authority.certificate_pem())->sha256);
}

TEST_CASE_FIXTURE(CertificatesFixture,
                  "a certificate that is no authority, or a foreign key, is not loaded") {
  auto server = authority.issue_server({"a"}, now);
  REQUIRE(server);
  CHECK_FALSE(CertificateAuthority::load(*server, random));
  CHECK_FALSE(
      CertificateAuthority::load({authority.certificate_pem(), server->private_key}, random));
  CHECK_FALSE(CertificateAuthority::load({"", ""}, random));
}

}  // namespace
}  // namespace yunjian::collector
