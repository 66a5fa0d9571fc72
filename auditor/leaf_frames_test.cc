#include "auditor/leaf_frames.h"

#include <doctest/doctest.h>

namespace yunjian::auditor {
namespace {

std::string answer_of(const std::vector<std::pair<std::string, std::string>>& frames) {
  std::string out;
  for (const auto& [header, body] : frames) ledger::append_frame(out, header, body);
  return out;
}

TEST_CASE("Each leaf gets the body of the frame that has its bytes, whatever was left out") {
  LeafFrames frames;
  frames.take(answer_of({{"a", "1"}, {"b", ""}, {"d", "4"}, {"e", "5"}}));
  CHECK(frames.body_of("a") == "1");
  CHECK(frames.body_of("b") == "");
  CHECK(!frames.body_of("c"));
  CHECK(frames.body_of("e") == "5");
  CHECK(frames.empty());
}

TEST_CASE("A frame with another header is nobody's, and none is given twice") {
  LeafFrames frames;
  frames.take(answer_of({{"changed", "1"}, {"b", "2"}}));
  CHECK(!frames.body_of("a"));
  CHECK(frames.body_of("b") == "2");
  CHECK(!frames.body_of("b"));
}

TEST_CASE("An answer that is no frames gives nothing, at whatever place it is cut") {
  const std::string whole = answer_of({{"a", "1"}, {"b", "2"}});
  for (std::size_t size = 0; size < whole.size(); ++size) {
    LeafFrames frames;
    frames.take(whole.substr(0, size));
    CHECK((!frames.body_of("b")));
  }
}

}  // namespace
}  // namespace yunjian::auditor
