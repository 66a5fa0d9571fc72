#include "agent/shown_evidence.h"

#include <doctest/doctest.h>

#include "agent/ship/testing/small_log.h"
#include "ledger/record.h"
#include "ledger/split_view.h"
#include "ledger/testing/memory_file_system.h"

namespace yunjian::agent {
namespace {

using ledger::testing::MemoryFileSystem;
using testing::SmallLog;

const ledger::Time now{std::chrono::seconds(1'795'334'400)};

struct Setup {
  MemoryFileSystem files;
  ShownEvidence evidence{files, "/alarms"};
  SmallLog one;
  SmallLog other;

  Setup() {
    one.append(one.hasher->leaf("a"));
    one.append(one.hasher->leaf("b"));
    other.append(one.hasher->leaf("a"));
    other.append(one.hasher->leaf("c"));
  }
};

TEST_CASE_FIXTURE(Setup, "Two trees of one size are kept as a proof that needs the key alone") {
  const auto kept = evidence.keep({one.checkpoint(), other.checkpoint()}, now);
  REQUIRE(kept);
  CHECK(kept->path.starts_with("/alarms/2026-11-22-split-view-"));
  const auto view = ledger::parse_split_view(*files.content(kept->path));
  REQUIRE(view);
  CHECK(ledger::check_split_view(*view, one.verifier()));
  REQUIRE(kept->records.size() == 2);
  for (const std::string& line : kept->records) {
    const auto record = ledger::parse_record(line);
    REQUIRE(record);
    CHECK((*record)->find("what") == "checkpoint");
  }
  CHECK(kept->records[1].find("contradiction") != std::string::npos);
}

TEST_CASE_FIXTURE(Setup,
                  "The same contradiction is kept once, however often and long it is shown") {
  REQUIRE(!evidence.keep({one.checkpoint(), other.checkpoint()}, now)->path.empty());
  const auto again =
      evidence.keep({one.checkpoint(), other.checkpoint()}, now + std::chrono::days(1));
  REQUIRE(again);
  CHECK(again->path.empty());
  CHECK(again->records.empty());
}

TEST_CASE_FIXTURE(Setup, "A log that went back is kept as both notes, and not without end") {
  const std::string early = one.checkpoint_of(1, {});
  const auto kept = evidence.keep({one.checkpoint(), early}, now);
  REQUIRE(kept);
  CHECK(kept->path.find("roll-back") != std::string::npos);
  CHECK(*files.content(kept->path) == one.checkpoint() + "\n" + early);
  std::size_t files_kept = 1;
  for (int i = 0; i < 40; ++i) {
    one.append(one.hasher->leaf("more"));
    const auto next = evidence.keep({one.checkpoint(), early}, now);
    REQUIRE(next);
    if (!next->path.empty()) ++files_kept;
  }
  CHECK(files_kept == alarm_files_max);
}

}  // namespace
}  // namespace yunjian::agent
