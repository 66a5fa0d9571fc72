#include "agent/ship/send_window.h"

#include <doctest/doctest.h>

namespace yunjian::agent {
namespace {

TEST_CASE("On a slow line a request carries what crosses in ten seconds") {
  SendWindow window;
  CHECK(window.bytes() == post_bytes_aim);
  window.answered(post_bytes_aim, 4096);
  CHECK(window.bytes() == 40'960);
  window.answered(40'960, 100'000'000);
  CHECK(window.bytes() == 81'920);
  for (int i = 0; i < 20; ++i) window.answered(window.bytes(), 100'000'000);
  CHECK(window.bytes() == post_bytes_aim);
  window.answered(post_bytes_aim, 1);
  CHECK(window.bytes() == SendWindow::bytes_min);
}

TEST_CASE("Each request that is cut off makes the next one smaller, down to a floor") {
  SendWindow window;
  window.failed(post_bytes_aim);
  CHECK(window.bytes() == post_bytes_aim / 4);
  for (int i = 0; i < 20; ++i) window.failed(window.bytes());
  CHECK(window.bytes() == SendWindow::bytes_min);
}

TEST_CASE("A slice of a post holds whole frames, at least one") {
  Post post;
  const std::string body(1000, 'b');
  for (std::uint64_t i = 0; i < 5; ++i) REQUIRE(post.add(i, {}, {.header = "h", .body = body}));
  CHECK(post.slice(0, 1).frames == 1);
  CHECK(post.slice(0, 1).bytes.size() == 1009);
  CHECK(post.slice(0, 2018).frames == 2);
  CHECK(post.slice(1, 100'000).frames == 4);
  CHECK(post.slice(1, 100'000).bytes == post.bytes(1));
}

}  // namespace
}  // namespace yunjian::agent
