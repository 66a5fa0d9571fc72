#include "auditor/pinned_state.h"

#include <doctest/doctest.h>

#include "auditor/testing/sample_log.h"

namespace yunjian::auditor {
namespace {

using ledger::testing::MemoryFileSystem;
using testing::SampleLog;

TEST_CASE("what was verified is remembered and never goes back") {
  SampleLog log;
  const std::size_t a = log.enrol("water-bureau", "web-01");
  log.write();
  const std::string small = log.files().content("/data/checkpoint").value();
  log.seal(a, {log.random_line(40)});
  log.write();
  const std::string large = log.files().content("/data/checkpoint").value();
  const auto tree = [&](const std::string& note) {
    return ledger::open_checkpoint(note, log.verifier()).value().tree;
  };

  MemoryFileSystem files;
  {
    auto state = PinnedState::open(files, "/state", log.verifier()).value();
    CHECK_FALSE(state.tree());
    REQUIRE(state.save(large, tree(large)));
    REQUIRE(state.save(small, tree(small)));
  }
  const auto again = PinnedState::open(files, "/state", log.verifier()).value();
  CHECK(again.tree() == tree(large));
}

TEST_CASE("another key for the same log is refused, damage is named") {
  SampleLog log;
  log.enrol("water-bureau", "web-01");
  log.write();
  const std::string note = log.files().content("/data/checkpoint").value();
  MemoryFileSystem files;
  auto state = PinnedState::open(files, "/state", log.verifier()).value();
  REQUIRE(state.save(note, ledger::open_checkpoint(note, log.verifier()).value().tree));

  const SampleLog impostor(2);
  const auto refused = PinnedState::open(files, "/state", impostor.verifier());
  REQUIRE_FALSE(refused);
  CHECK(refused.error().kind == ledger::ErrorKind::reject);

  const std::string path = "/state/" + files.list("/state").value().front();
  std::string damaged = files.content(path).value();
  damaged[damaged.size() - 10] = damaged[damaged.size() - 10] == 'A' ? 'B' : 'A';
  files.overwrite(path, damaged);
  const auto broken = PinnedState::open(files, "/state", log.verifier());
  REQUIRE_FALSE(broken);
  CHECK(broken.error().kind == ledger::ErrorKind::corrupt);
}

}  // namespace
}  // namespace yunjian::auditor
