#include "agent/ship/certificate_renewal.h"

#include <doctest/doctest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "agent/ship/tls_identity.h"
#include "ledger/record.h"
#include "ledger/testing/manual_clock.h"
#include "ledger/testing/memory_file_system.h"

namespace yunjian::agent {
namespace {

using ledger::testing::MemoryFileSystem;

const CertificatePlaces places{.key = "/state/tls.key",
                               .certificate = "/state/tls.crt",
                               .ca = "/state/ca.pem",
                               .next_key = "/state/tls-next.key",
                               .next_certificate = "/state/tls-next.crt"};

struct Place {
  MemoryFileSystem files;
  ledger::testing::ManualClock clock{ledger::Time(std::chrono::seconds(1'795'334'400))};
  int asked = 0;
  int installed = 0;
  std::function<HttpAnswer(const std::string& json)> answer;
  CertificateRenewal renewal{{.files = &files,
                              .places = places,
                              .agent = std::string(32, 'a'),
                              .clock = &clock,
                              .ask = [this](const std::string& json) -> ledger::Result<HttpAnswer> {
                                ++asked;
                                return answer ? answer(json) : HttpAnswer{.status = 500};
                              },
                              .installed = [this] { ++installed; }}};

  Place() {
    REQUIRE(files.make_directory("/state", 0700));
    REQUIRE(files.sync_directory("/"));
    write(places.key, "old key");
    write(places.certificate, "old certificate");
    write(places.ca, "ca");
  }
  void write(const std::string& path, std::string_view text) {
    REQUIRE(replace_file(files, path, text, 0600));
  }
  std::string read(const std::string& path) { return files.content(path).value_or("gone"); }
};

TEST_CASE("A certificate that cannot be read stops renewing, nothing else") {
  Place place;
  CHECK_FALSE(place.renewal.load());
  place.renewal.step({});
  CHECK(place.asked == 0);
  CHECK_FALSE(place.renewal.ended({}));
  CHECK_FALSE(place.renewal.standing().known());
}

TEST_CASE("A renewal that was cut between its two renames is finished; one without answer waits") {
  Place place;
  place.write(places.next_key, "new key");
  REQUIRE(CertificateRenewal::recover(place.files, places));
  CHECK(place.read(places.key) == "old key");
  CHECK(place.read(places.next_key) == "new key");

  place.write(places.next_certificate, "new certificate");
  SUBCASE("before the first rename") {}
  SUBCASE("between the two") {
    REQUIRE(place.files.rename(places.next_key, places.key));
    REQUIRE(place.files.sync_directory("/state"));
  }
  REQUIRE(CertificateRenewal::recover(place.files, places));
  place.files.crash();
  CHECK(place.read(places.key) == "new key");
  CHECK(place.read(places.certificate) == "new certificate");
  CHECK(place.read(places.next_key) == "gone");
  CHECK(place.read(places.next_certificate) == "gone");
}

template <typename T, auto Free>
using Owned = std::unique_ptr<T, decltype([](T* object) { Free(object); })>;
using Key = Owned<EVP_PKEY, EVP_PKEY_free>;
using Certificate = Owned<X509, X509_free>;
using Memory = Owned<BIO, BIO_free_all>;

// A CA that puts any name into a certificate.
struct Authority {
  Key key{EVP_EC_gen("P-256")};
  ledger::Time now;

  std::string certificate(EVP_PKEY* subject, const std::string& name) const {
    const Certificate made(X509_new());
    X509_set_version(made.get(), 2);
    ASN1_INTEGER_set(X509_get_serialNumber(made.get()), 1);
    const std::time_t from = std::chrono::system_clock::to_time_t(now) - 3000;
    ASN1_TIME_set(X509_getm_notBefore(made.get()), from);
    ASN1_TIME_set(X509_getm_notAfter(made.get()), from + 4000);
    set_name(X509_get_subject_name(made.get()), name);
    set_name(X509_get_issuer_name(made.get()), "ca");
    X509_set_pubkey(made.get(), subject);
    REQUIRE(X509_sign(made.get(), key.get(), EVP_sha256()) > 0);
    const Memory out(BIO_new(BIO_s_mem()));
    REQUIRE(PEM_write_bio_X509(out.get(), made.get()) == 1);
    char* text = nullptr;
    const long size = BIO_get_mem_data(out.get(), &text);
    return {text, static_cast<std::size_t>(size)};
  }
  std::string issue(const std::string& request, const std::string& name) const {
    const Memory in(BIO_new_mem_buf(request.data(), static_cast<int>(request.size())));
    const Owned<X509_REQ, X509_REQ_free> read(
        PEM_read_bio_X509_REQ(in.get(), nullptr, nullptr, nullptr));
    REQUIRE(read);
    return certificate(X509_REQ_get0_pubkey(read.get()), name);
  }
  static void set_name(X509_NAME* into, const std::string& name) {
    X509_NAME_add_entry_by_txt(into, "CN", MBSTRING_UTF8,
                               reinterpret_cast<const unsigned char*>(name.data()),
                               static_cast<int>(name.size()), -1, 0);
  }
};

TEST_CASE("Only a certificate that names this agent takes the place of the old one") {
  Place place;
  const Authority authority{.now = place.clock.wall()};
  const std::string own(32, 'a');
  const auto key = make_tls_key();
  const std::string old = authority.issue(make_tls_request(*key).value(), own);
  place.write(places.ca, authority.certificate(authority.key.get(), "ca"));
  place.write(places.key, *key);
  place.write(places.certificate, old);
  REQUIRE(place.renewal.load());
  std::string name(32, 'b');
  place.answer = [&](const std::string& json) {
    const auto asked = ledger::parse_record(json);
    std::string body = "{\"certificate\":";
    ledger::append_json_string(
        body, authority.issue(std::string((*asked)->find("csr").value_or("")), name));
    return HttpAnswer{.status = 200, .body = body + "}"};
  };
  place.renewal.step({});
  CHECK(place.asked == 1);
  CHECK(place.renewal.standing().problem.find("names another agent") != std::string::npos);
  CHECK(place.read(places.certificate) == old);
  CHECK(place.installed == 0);
  name = own;
  place.clock.advance(std::chrono::minutes(10));
  place.renewal.step({});
  CHECK(place.installed == 1);
  CHECK(place.renewal.standing().problem.empty());
  CHECK(place.read(places.certificate) != old);
  CHECK(place.read(places.key) != *key);
}

TEST_CASE("The key is in its place for good before its certificate is") {
  Place place;
  place.write(places.next_key, "new key");
  place.write(places.next_certificate, "new certificate");
  place.files.set_decide([&](std::string_view call, std::string_view path) {
    if (call == "rename" && path == places.next_certificate) place.files.crash();
    return ledger::testing::Fault::none;
  });
  CHECK_FALSE(CertificateRenewal::recover(place.files, places));
  place.files.set_decide({});
  CHECK(place.read(places.key) == "new key");
  CHECK(place.read(places.certificate) == "old certificate");
  REQUIRE(CertificateRenewal::recover(place.files, places));
  CHECK(place.read(places.certificate) == "new certificate");
}

}  // namespace
}  // namespace yunjian::agent
