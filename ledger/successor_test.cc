#include "ledger/successor.h"

#include <doctest/doctest.h>

#include "ledger/leaves.h"
#include "ledger/testing/seeded_random.h"

namespace yunjian::ledger {
namespace {

struct TwoLogs {
  testing::SeededRandom random{5};
  std::unique_ptr<PrivateKey> dead_key = default_suite().generate(random).value();
  std::unique_ptr<PrivateKey> key = default_suite().generate(random).value();
  Verifier dead{default_suite(), "log.example/1", dead_key->public_key()};
  Verifier log{default_suite(), "log.example/2", key->public_key()};

  std::string checkpoint(const Verifier& of, const PrivateKey& by) const {
    const std::string text = format_checkpoint(
        {.origin = of.name(), .tree = {.size = 3, .root = sha256("tree")}, .extensions = {}});
    return format_note(text, {sign_line(of, by, text).value()});
  }
  Successor successor() const {
    return {.origin = log.name(),
            .previous = dead.vkey(),
            .checkpoint = checkpoint(dead, *dead_key),
            .opened = parse_time("2026-11-22T08:00:00.000000Z").value()};
  }
  std::string leaf(const Successor& successor) const {
    const std::string text = format_successor(successor);
    return format_note(text, {sign_line(log, *key, text).value()});
  }
};

TEST_CASE("a successor leaf names the dead log by key and checkpoint") {
  const TwoLogs logs;
  const std::string leaf = logs.leaf(logs.successor());
  CHECK(leaf_name(leaf).value() == "successor");
  const Successor back = verify_successor(leaf, logs.log).value();
  CHECK(back.previous == logs.dead.vkey());
  CHECK(open_checkpoint(back.checkpoint, logs.dead).value().tree.size == 3);
}

TEST_CASE("a successor leaf needs the new log's signature and a checkpoint of the dead one") {
  const TwoLogs logs;
  CHECK_FALSE(verify_successor(logs.leaf(logs.successor()), logs.dead));
  Successor forged = logs.successor();
  forged.checkpoint = logs.checkpoint(logs.dead, *logs.key);
  CHECK_FALSE(verify_successor(logs.leaf(forged), logs.log));
  Successor itself = logs.successor();
  itself.previous = logs.log.vkey();
  itself.checkpoint = logs.checkpoint(logs.log, *logs.key);
  CHECK(verify_successor(logs.leaf(itself), logs.log).error().message.find("succeed itself") !=
        std::string::npos);
}

}  // namespace
}  // namespace yunjian::ledger
