#include "collector/data_directory.h"

#include <doctest/doctest.h>

#include <cstdlib>

#include "ledger/testing/memory_file_system.h"
#include "ledger/testing/seeded_random.h"

namespace yunjian::collector {
namespace {

// The environment variable for as long as this lives.
struct Credentials {
  explicit Credentials(const char* directory) { ::setenv("CREDENTIALS_DIRECTORY", directory, 1); }
  ~Credentials() { ::unsetenv("CREDENTIALS_DIRECTORY"); }
  Credentials(const Credentials&) = delete;
  Credentials& operator=(const Credentials&) = delete;
};

TEST_CASE("the log's key may come as a credential of the service manager") {
  ledger::testing::MemoryFileSystem files;
  ledger::testing::SeededRandom random{3};
  const DataDirectory directory{"/data"};
  const ledger::Suite& suite = ledger::default_suite();
  const auto key = *suite.generate(random);
  const auto other = *suite.generate(random);
  const LogFacts facts{.origin = "log.test",
                       .suite = &suite,
                       .vkey = ledger::Verifier(suite, "log.test", key->public_key()).vkey()};
  for (const std::string path : {"/data", "/data/keys", "/run", "/run/empty"}) {
    REQUIRE(files.make_directory(path, 0700));
  }
  REQUIRE(write_secret(files, "/run/log.key", key->secret()));
  CHECK_FALSE(read_log_key(files, directory, facts));
  {
    const Credentials credentials("/run");
    CHECK((*read_log_key(files, directory, facts))->public_key() == key->public_key());
  }
  REQUIRE(write_secret(files, directory.log_key(), key->secret()));
  {
    const Credentials credentials("/run/empty");
    CHECK(read_log_key(files, directory, facts).has_value());
  }
  REQUIRE(write_secret(files, "/run/log.key", other->secret()));
  const Credentials credentials("/run");
  const auto wrong = read_log_key(files, directory, facts);
  REQUIRE_FALSE(wrong);
  CHECK(wrong.error().kind == ledger::ErrorKind::fatal);
  CHECK(wrong.error().message.find("/run/log.key") != std::string::npos);
}

}  // namespace
}  // namespace yunjian::collector
