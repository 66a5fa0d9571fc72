#include "ledger/archive/tiles.h"

#include <doctest/doctest.h>

namespace yunjian::ledger {

TEST_CASE("paths of tiles are those of the tlog-tiles specification") {
  const std::vector<std::pair<TileId, std::string>> vectors = {
      {{.level = 0, .index = 0}, "tile/0/000"},
      {{.level = 0, .index = 999}, "tile/0/999"},
      {{.level = 0, .index = 1000}, "tile/0/x001/000"},
      {{.level = 0, .index = 1234067}, "tile/0/x001/x234/067"},
      {{.level = 0, .index = 273, .width = 112}, "tile/0/273.p/112"},
      {{.level = 2, .index = 0, .width = 1}, "tile/2/000.p/1"},
      {{.level = 63, .index = 1234067, .width = 255}, "tile/63/x001/x234/067.p/255"},
      {{.level = 0, .index = 1234067, .entries = true}, "tile/entries/x001/x234/067"},
      {{.level = 0, .index = 5, .width = 8, .entries = true}, "tile/entries/005.p/8"},
      {{.level = 1, .index = 999'999'999'999'999'999}, "tile/1/x999/x999/x999/x999/x999/999"},
  };
  for (const auto& [id, path] : vectors) {
    CHECK(tile_path(id) == path);
    const auto parsed = parse_tile_path(path);
    REQUIRE(parsed);
    CHECK(*parsed == id);
  }
}

TEST_CASE("a path that is not the only spelling of a tile is refused") {
  for (const char* path : {"",
                           "tile",
                           "tile/",
                           "tile/0",
                           "tile/0/",
                           "/tile/0/000",
                           "tile//000",
                           "tile/00/000",
                           "tile/64/000",
                           "tile/-1/000",
                           "tile/a/000",
                           "tile/0/0",
                           "tile/0/0000",
                           "tile/0/x000/001",
                           "tile/0/001/000",
                           "tile/0/x001",
                           "tile/0/x001/",
                           "tile/0/x001/x000",
                           "tile/0/X001/000",
                           "tile/0/x1/000",
                           "tile/0/000/",
                           "tile/0/000.p",
                           "tile/0/000.p/",
                           "tile/0/000.p/0",
                           "tile/0/000.p/256",
                           "tile/0/000.p/01",
                           "tile/0/000.p/1/",
                           "tile/0/000.p/1.p/1",
                           "tile/0/000.P/1",
                           "tile/entries",
                           "tile/entries/",
                           "tile/entries/0/000",
                           "tile/0/../000",
                           "tile/0/000?x",
                           "tile/0/xx001/000",
                           "tile/0/00x",
                           "tile/0/x001//000",
                           "tile/0/000\n",
                           "tile/0/x123/x456/x789/x012/x345/x678/901"}) {
    CAPTURE(path);
    const auto parsed = parse_tile_path(path);
    REQUIRE_FALSE(parsed);
    CHECK(parsed.error().kind == ErrorKind::reject);
  }
}

TEST_CASE("a tree of 70000 leaves has the tiles the specification lists") {
  constexpr std::uint64_t size = 70000;
  CHECK(tile_width_at(0, 0, size) == 256);
  CHECK(tile_width_at(0, 272, size) == 256);
  CHECK(tile_width_at(0, 273, size) == 112);
  CHECK(tile_width_at(0, 274, size) == 0);
  CHECK(tile_width_at(1, 0, size) == 256);
  CHECK(tile_width_at(1, 1, size) == 17);
  CHECK(tile_width_at(1, 2, size) == 0);
  CHECK(tile_width_at(2, 0, size) == 1);
  CHECK(tile_width_at(2, 1, size) == 0);
  CHECK(tile_width_at(3, 0, size) == 0);
  CHECK(tile_width_at(63, 0, size) == 0);
  CHECK(tile_width_at(0, ~std::uint64_t{0}, size) == 0);
  CHECK(tile_width_at(0, 0, 0) == 0);
  CHECK(tile_width_at(0, 1, 256) == 0);
}

TEST_CASE("an entry bundle gives back its entries") {
  const std::string longest(65535, 'z');
  const std::vector<std::string_view> entries = {"", "a", "云鉴\n", longest};
  const std::string bundle = format_entries(entries);
  CHECK(bundle.substr(0, 5) == std::string("\0\0\0\1a", 5));
  CHECK(parse_entries(bundle).value() == entries);
  const std::vector<std::string_view> most(256, "x");
  CHECK(parse_entries(format_entries(most)).value() == most);
}

TEST_CASE("an entry bundle that is empty, cut at any byte or too long is refused") {
  const std::string bundle = format_entries({"first", "second"});
  const std::size_t boundary = 2 + 5;
  for (std::size_t length = 0; length < bundle.size(); ++length) {
    CHECK(parse_entries(bundle.substr(0, length)).has_value() == (length == boundary));
  }
  CHECK_FALSE(parse_entries(std::string(2 * 257, '\0')));
}

}  // namespace yunjian::ledger
