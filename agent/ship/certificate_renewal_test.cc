#include "agent/ship/certificate_renewal.h"

#include <doctest/doctest.h>

#include "agent/ship/tls_identity.h"
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
  CertificateRenewal renewal{{.files = &files,
                              .places = places,
                              .agent = std::string(32, 'a'),
                              .clock = &clock,
                              .ask = [this](const std::string&) -> ledger::Result<HttpAnswer> {
                                ++asked;
                                return HttpAnswer{.status = 500};
                              },
                              .installed = [] {}}};

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
