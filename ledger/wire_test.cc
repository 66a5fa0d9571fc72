#include "ledger/wire.h"

#include <doctest/doctest.h>

namespace yunjian::ledger {
namespace {

TEST_CASE("frames come back, and a post cut anywhere else than between frames is refused") {
  std::string post;
  append_frame(post, "header one", "body one");
  const std::size_t boundary = post.size();
  append_frame(post, "header two", "");
  const auto frames = split_frames(post).value();
  REQUIRE(frames.size() == 2);
  CHECK(frames[0].body == "body one");
  CHECK(frames[1].header == "header two");
  CHECK(frames[1].body.empty());
  for (std::size_t size = 0; size < post.size(); ++size) {
    CHECK(split_frames(post.substr(0, size)).has_value() == (size == boundary));
  }
}

TEST_CASE("a post keeps to the limits on header, body and frames") {
  std::string post;
  append_frame(post, std::string(header_bytes_max, 'h'), "");
  CHECK(split_frames(post));
  post.clear();
  append_frame(post, std::string(header_bytes_max + 1, 'h'), "");
  CHECK_FALSE(split_frames(post));
  post.clear();
  append_frame(post, "", "body without header");
  CHECK_FALSE(split_frames(post));
  post.clear();
  for (std::size_t n = 0; n < post_frames_max; ++n) append_frame(post, "h", "");
  CHECK(split_frames(post));
  append_frame(post, "h", "");
  CHECK_FALSE(split_frames(post));
  CHECK_FALSE(split_frames(std::string("\xFF\xFF\xFF\xFFx", 5)));
}

TEST_CASE("each verdict comes back with what belongs to it") {
  std::string out;
  append_answer(out, {"a.1", 1, Verdict::accepted, "proof\nlines\n", 0, ""});
  append_answer(out, {"a.1", 2, Verdict::expected, "", 7, ""});
  append_answer(out, {"a.1", 3, Verdict::fork, "", 0, "signed \"twice\""});
  const auto answers = parse_answers(out).value();
  REQUIRE(answers.size() == 3);
  CHECK(answers[0].receipt == "proof\nlines\n");
  CHECK(answers[1].expected == 7);
  CHECK(answers[2].problem == "signed \"twice\"");
  CHECK(out.starts_with("{\"stream\":\"a.1\",\"batch\":1,\"result\":\"accepted\",\"receipt\":"));
}

TEST_CASE("an answer that is not understood is refused") {
  for (const std::string_view bad :
       {"x\n", "{}\n", "[1]\n", "{\"stream\":\"a\",\"batch\":1,\"result\":\"maybe\"}\n",
        "{\"stream\":\"a\",\"batch\":-1,\"result\":\"accepted\"}\n",
        "{\"stream\":\"a\",\"batch\":1,\"result\":\"expected\"}\n",
        "{\"stream\":\"a\",\"batch\":1,\"result\":\"accepted\"}"}) {
    CHECK_FALSE(parse_answers(bad));
  }
  CHECK_FALSE(parse_answers(std::string(200000, '[') + "\n"));
}

}  // namespace
}  // namespace yunjian::ledger
