#include <doctest/doctest.h>

#include <atomic>
#include <map>
#include <thread>

#include "ledger/archive/tiles.h"
#include "ledger/testing/memory_file_system.h"

namespace yunjian::ledger {
namespace {

using testing::Fault;
using testing::MemoryFileSystem;

const std::string root = "/data";

Hash leaf_hash(std::uint64_t index) {
  static const std::unique_ptr<Hasher> hasher = default_suite().hasher();
  return hasher->leaf("leaf " + std::to_string(index));
}

std::vector<Hash> leaf_hashes(std::uint64_t size) {
  std::vector<Hash> hashes;
  for (std::uint64_t i = 0; i < size; ++i) hashes.push_back(leaf_hash(i));
  return hashes;
}

TreeHead head_of(std::uint64_t size) {
  const auto hasher = default_suite().hasher();
  return {.size = size, .root = merkle_root(*hasher, leaf_hashes(size))};
}

// A disk with the directory, and the leaves a store has asked for when it was opened.
struct Disk : MemoryFileSystem {
  Disk() {
    REQUIRE(make_directory(root, 0700));
    REQUIRE(sync_directory("/"));
  }

  Result<std::unique_ptr<TileStore>> open_store(std::uint64_t size) {
    asked.clear();
    return TileStore::open(*this, root, default_suite(),
                           {size, [&](std::uint64_t index) -> Result<Hash> {
                              asked.push_back(index);
                              return leaf_hash(index);
                            }});
  }

  // Leaves a synced store of `size` leaves behind.
  void fill(std::uint64_t size) { REQUIRE(open_store(size)); }

  void flip(const std::string& path, std::size_t byte) {
    std::string bytes = content(path).value();
    bytes.at(byte) = static_cast<char>(bytes.at(byte) ^ 4);
    overwrite(path, bytes);
  }

  std::vector<std::uint64_t> asked;
};

void append_up_to(TileStore& store, std::uint64_t size) {
  while (store.size() < size) REQUIRE(store.append(leaf_hash(store.size())));
}

std::map<std::string, std::string> files_of(const MemoryFileSystem& files) {
  std::map<std::string, std::string> all;
  for (const std::string& path : files.paths()) all[path] = files.content(path).value();
  return all;
}

}  // namespace

TEST_CASE("the root is that of the leaves at every size") {
  Disk files;
  const auto store = files.open_store(0);
  REQUIRE(store);
  const auto hasher = default_suite().hasher();
  MerkleFrontier frontier(*hasher);
  CHECK((*store)->head()->root == frontier.root());
  for (std::uint64_t size = 1; size <= 1100; ++size) {
    frontier.add_hash(leaf_hash(size - 1));
    REQUIRE((*store)->append(leaf_hash(size - 1)));
    if (size % 97 == 0) REQUIRE((*store)->sync());
    REQUIRE((*store)->head().value() == TreeHead{.size = size, .root = frontier.root()});
  }
}

TEST_CASE("proofs from the tiles verify, synced or not, from memory and from disk") {
  constexpr std::uint64_t size = 70'000;
  Disk files;
  files.fill(size);
  const auto store = files.open_store(size);
  REQUIRE(store);
  const TreeHead head = (*store)->head().value();
  CHECK(head == head_of(size));
  const auto hasher = default_suite().hasher();
  for (const std::uint64_t index :
       {0U, 1U, 255U, 256U, 40'000U, 65'535U, 65'536U, 69'887U, 69'999U}) {
    CAPTURE(index);
    const auto proof = prove_inclusion(*hasher, index, size, (*store)->source());
    REQUIRE(proof);
    CHECK(verify_inclusion(*hasher, {leaf_hash(index), index}, head, *proof));
    const auto consistency = prove_consistency(*hasher, index + 1, size, (*store)->source());
    REQUIRE(consistency);
    CHECK(verify_consistency(*hasher, head_of(index + 1), head, *consistency));
  }
}

TEST_CASE("tiles hold the subtree hashes of the specification, also for smaller trees") {
  constexpr std::uint64_t size = 70'000;
  Disk files;
  files.fill(size);
  const auto store = files.open_store(size);
  REQUIRE(store);
  const auto hasher = default_suite().hasher();
  const std::vector<Hash> leaves = leaf_hashes(size);
  const auto tile_of = [&](TileId id) { return (*store)->tile(id).value(); };
  CHECK(tile_of({.level = 0, .index = 7}) ==
        std::string(reinterpret_cast<const char*>(leaves[7 * 256].data()), 8192));
  CHECK(tile_of({.level = 0, .index = 273, .width = 112}) ==
        std::string(reinterpret_cast<const char*>(leaves[273 * 256].data()), 112 * 32));
  CHECK(tile_of({.level = 0, .index = 273, .width = 3}) ==
        tile_of({.level = 0, .index = 273, .width = 112}).substr(0, 96));
  const Hash second = merkle_root(*hasher, std::span(leaves).subspan(257 * 256, 256));
  CHECK(tile_of({.level = 1, .index = 1, .width = 17}).substr(32, 32) == as_view(second));
  const Hash large = merkle_root(*hasher, std::span(leaves).first(65'536));
  CHECK(tile_of({.level = 2, .index = 0, .width = 1}) == as_view(large));

  CHECK((*store)->tile({.level = 0, .index = 273, .width = 113}).error().kind == ErrorKind::reject);
  CHECK_FALSE((*store)->tile({.level = 0, .index = 273}));
  CHECK_FALSE((*store)->tile({.level = 0, .index = 0, .width = 0}));
  CHECK_FALSE((*store)->tile({.level = 0, .index = 274, .width = 1}));
  CHECK_FALSE((*store)->tile({.level = 3, .index = 0, .width = 1}));
  CHECK_FALSE((*store)->tile({.level = 63, .index = 0, .width = 1}));
  CHECK_FALSE((*store)->tile({.level = 0, .index = 0, .entries = true}));
  CHECK_FALSE((*store)->subtree(0, size));
  CHECK_FALSE((*store)->subtree(17, 0));
  CHECK_FALSE((*store)->subtree(64, 0));
}

TEST_CASE("the files are the hashes and nothing else") {
  Disk files;
  files.fill(600);
  CHECK(files.paths() == std::vector<std::string>{"/data/tile/0/000", "/data/tile/0/001",
                                                  "/data/tile/0/002", "/data/tile/1/000"});
  CHECK(files.content("/data/tile/0/000")->size() == 8192);
  CHECK(files.content("/data/tile/0/002")->size() == 88 * 32);
  CHECK(files.content("/data/tile/1/000")->size() == 2 * 32);
}

TEST_CASE("what was synced is there after a power cut, and its leaves need not be asked for") {
  Disk files;
  files.fill(600);
  files.crash();
  const auto store = files.open_store(700);
  REQUIRE(store);
  CHECK((*store)->head().value() == head_of(700));
  CHECK(files.asked.front() == 512);
  CHECK(files.asked.size() == 700 - 512);
}

TEST_CASE("whatever call fails and wherever the power goes, the tree is whole when opened again") {
  constexpr std::uint64_t before = 500;
  constexpr std::uint64_t after = 1030;
  std::uint64_t calls = 0;
  {
    Disk files;
    files.fill(before);
    const auto store = files.open_store(before);
    REQUIRE(store);
    append_up_to(**store, after);
    const std::uint64_t made = files.changing_calls();
    REQUIRE((*store)->sync());
    calls = files.changing_calls() - made;
  }
  CHECK(calls > 10);
  const TreeHead expected = head_of(after);
  for (std::uint64_t nth = 1; nth <= calls; ++nth) {
    for (const Fault fault : {Fault::fail, Fault::fail_after, Fault::fail_half}) {
      for (const std::uint64_t part : {0U, 1U, 2U}) {
        CAPTURE(nth);
        CAPTURE(part);
        Disk files;
        files.fill(before);
        const auto store = files.open_store(before);
        REQUIRE(store);
        append_up_to(**store, after);
        files.fail_nth(nth, fault);
        REQUIRE((*store)->sync().error().kind == ErrorKind::fatal);
        REQUIRE((*store)->append(leaf_hash(after)).error().kind == ErrorKind::fatal);
        REQUIRE((*store)->sync().error().kind == ErrorKind::fatal);
        files.crash_keeping([&](const std::string&, std::uint64_t unsynced) {
          return unsynced * part / 2 + part % 2 * 7;  // nothing, a torn half, all
        });
        const auto again = files.open_store(after);
        REQUIRE(again);
        REQUIRE((*again)->head().value() == expected);
        files.crash();
        const auto third = files.open_store(after);
        REQUIRE(third);
        REQUIRE(files.asked.size() == after % 256);
        REQUIRE((*third)->head().value() == expected);
      }
    }
  }
}

TEST_CASE("a cut while the first tile of level 1 fills leaves nothing that is taken on trust") {
  constexpr std::uint64_t before = 65'530;
  constexpr std::uint64_t after = 65'540;
  Disk base;
  base.fill(before);
  const auto start = files_of(base);
  const TreeHead expected = head_of(after);
  bool done = false;
  for (std::uint64_t nth = 1; !done; ++nth) {
    for (const Fault fault : {Fault::fail, Fault::fail_after}) {
      CAPTURE(nth);
      Disk files;
      for (const auto& [path, bytes] : start) files.overwrite(path, bytes);
      const auto store = files.open_store(before);
      REQUIRE(store);
      append_up_to(**store, after);
      files.fail_nth(nth, fault);
      done = (*store)->sync().has_value();
      files.fail_nth(1, Fault::none);
      files.crash();
      const auto again = files.open_store(after);
      REQUIRE(again);
      REQUIRE((*again)->head().value() == expected);
    }
  }
}

TEST_CASE("a hash of level 2 stands for tiles whose names are durable, wherever the power goes") {
  constexpr std::uint64_t before = 68'200;  // tile 1 of level 1 is there and grows
  constexpr std::uint64_t after = 131'080;  // in one sync it fills and gets its hash above
  Disk base;
  base.fill(before);
  const auto start = files_of(base);
  const auto synced_up_to = [&](Disk& files, std::uint64_t nth) {
    for (const auto& [path, bytes] : start) files.overwrite(path, bytes);
    const auto store = files.open_store(before);
    REQUIRE(store);
    append_up_to(**store, after);
    const std::uint64_t made = files.changing_calls();
    if (nth > 0) files.fail_nth(nth, Fault::fail_after);
    REQUIRE((*store)->sync().has_value() == (nth == 0));
    files.fail_nth(1, Fault::none);
    return files.changing_calls() - made;
  };
  Disk whole;
  const std::uint64_t calls = synced_up_to(whole, 0);
  for (std::uint64_t nth = calls - 12; nth <= calls; ++nth) {
    CAPTURE(nth);
    Disk files;
    synced_up_to(files, nth);
    files.crash();
    const auto again = files.open_store(after);
    REQUIRE(again);
    for (std::uint64_t index = 266; index < 512; ++index) {
      REQUIRE((*again)->tile({.level = 0, .index = index}));
    }
    REQUIRE((*again)->tile({.level = 1, .index = 1}));
  }
}

TEST_CASE("a longer tree that was removed does not come back under other leaves") {
  constexpr std::uint64_t shorter = 512;  // no tile of level 0 grows
  constexpr std::uint64_t size = 1'100;
  const auto other = [](std::uint64_t index) {
    return leaf_hash(index < shorter ? index : index + size);
  };
  const auto open = [&](Disk& files, std::uint64_t leaves) {
    return TileStore::open(
        files, root, default_suite(),
        {leaves, [&](std::uint64_t index) -> Result<Hash> { return other(index); }});
  };
  bool done = false;
  for (std::uint64_t nth = 1; !done; ++nth) {
    CAPTURE(nth);
    Disk files;
    files.fill(size);
    const auto store = open(files, shorter);
    REQUIRE(store);
    while ((*store)->size() < size) REQUIRE((*store)->append(other((*store)->size())));
    files.fail_nth(nth, Fault::fail_after);
    done = (*store)->sync().has_value();
    files.fail_nth(1, Fault::none);
    files.crash();
    const auto again = open(files, size);
    REQUIRE_MESSAGE(again, again.error().message);
    const auto hasher = default_suite().hasher();
    MerkleFrontier frontier(*hasher);
    for (std::uint64_t i = 0; i < size; ++i) frontier.add_hash(other(i));
    REQUIRE((*again)->head()->root == frontier.root());
  }
}

TEST_CASE("a changed hash in any file is noticed when the store is opened") {
  constexpr std::uint64_t size = 600;
  Disk files;
  files.fill(size);
  for (const auto& [path, good] : files_of(files)) {
    for (std::size_t byte = 5; byte < good.size(); byte += 32) {
      CAPTURE(path);
      CAPTURE(byte);
      files.flip(path, byte);
      const auto store = files.open_store(size);
      REQUIRE_FALSE(store);
      REQUIRE(store.error().kind == ErrorKind::corrupt);
      files.overwrite(path, good);
    }
  }
  CHECK(files.open_store(size));
}

TEST_CASE("a changed tile far below the edge is noticed when it is read") {
  constexpr std::uint64_t size = 70'000;
  Disk files;
  files.fill(size);
  files.flip("/data/tile/0/003", 100);
  const auto store = files.open_store(size);
  REQUIRE(store);
  CHECK((*store)->tile({.level = 0, .index = 3}).error().kind == ErrorKind::corrupt);
  CHECK((*store)->subtree(0, 3 * 256 + 9).error().kind == ErrorKind::corrupt);
  CHECK((*store)->tile({.level = 0, .index = 2}));
  files.flip("/data/tile/1/000", 100);
  CHECK(files.open_store(size).error().kind == ErrorKind::corrupt);
}

TEST_CASE("a missing, short or torn file is written anew") {
  constexpr std::uint64_t size = 600;
  Disk files;
  files.fill(size);
  const auto good = files_of(files);
  for (const auto& [path, bytes] : good) {
    for (const std::size_t length : {std::size_t{0}, std::size_t{31}, bytes.size() / 2 + 9,
                                     bytes.size() - 32, bytes.size() - 1}) {
      for (const std::size_t zeros : {0U, 1U, 32U, 4096U}) {
        CAPTURE(path);
        CAPTURE(length);
        files.overwrite(path, bytes.substr(0, length / 32 * 32) + std::string(zeros, '\0'));
        REQUIRE(files.open_store(size));
        files.crash();
        REQUIRE(files_of(files) == good);
        files.overwrite(path, bytes.substr(0, length));
        REQUIRE(files.open_store(size));
        files.crash();
        REQUIRE(files_of(files) == good);
      }
    }
    REQUIRE(files.remove(path));
    REQUIRE(files.open_store(size));
    REQUIRE(files_of(files) == good);
  }
}

TEST_CASE("files of a longer tree are cut and removed") {
  Disk shorter;
  shorter.fill(300);
  Disk files;
  files.fill(2000);
  REQUIRE(files.open_store(300));
  files.crash();
  CHECK(files_of(files) == files_of(shorter));
  const auto store = files.open_store(300);
  REQUIRE(store);
  append_up_to(**store, 2000);
  CHECK((*store)->head().value() == head_of(2000));
  CHECK((*store)->sync());
}

TEST_CASE("other leaves than those of the files are noticed") {
  Disk files;
  files.fill(100);
  const auto store =
      TileStore::open(files, root, default_suite(), {100, [](std::uint64_t index) -> Result<Hash> {
                                                       return leaf_hash(index == 50 ? 1000 : index);
                                                     }});
  REQUIRE_FALSE(store);
  CHECK(store.error().kind == ErrorKind::corrupt);
  CHECK(store.error().message.find("hash 50") != std::string::npos);
}

TEST_CASE("a leaf that cannot be given ends the opening with its error") {
  Disk files;
  const auto store = TileStore::open(files, root, default_suite(),
                                     {10, [](std::uint64_t index) -> Result<Hash> {
                                        if (index == 4)
                                          return fail(ErrorKind::corrupt, "unreadable");
                                        return leaf_hash(index);
                                      }});
  REQUIRE_FALSE(store);
  CHECK(store.error().message == "leaf 4: unreadable");
}

TEST_CASE("a sync when nothing changed touches no file") {
  Disk files;
  const auto store = files.open_store(300);
  REQUIRE(store);
  const std::uint64_t calls = files.changing_calls();
  CHECK((*store)->sync());
  CHECK(files.changing_calls() == calls);
  CHECK((*store)->append(leaf_hash(300)));
  CHECK((*store)->sync());
  CHECK(files.changing_calls() == calls + 2);  // append, sync
}

TEST_CASE("readers see a whole tree while the writer appends and syncs") {
  Disk files;
  const auto opened = files.open_store(0);
  REQUIRE(opened);
  TileStore& store = **opened;
  constexpr std::uint64_t last = 3000;
  std::atomic<bool> all_good = true;
  std::atomic<std::uint64_t> rounds = 0;
  std::thread reader([&] {
    const auto hasher = default_suite().hasher();
    for (std::uint64_t size = 0; size < last; ++rounds) {
      const auto head = store.head();
      size = head ? head->size : last;
      if (size == 0) continue;
      const std::uint64_t index = rounds % size;
      const auto proof = prove_inclusion(*hasher, index, size, store.source());
      const auto leaf = store.subtree(0, index);
      if (!proof || !leaf || !verify_inclusion(*hasher, {*leaf, index}, *head, *proof)) {
        all_good = false;
      }
    }
  });
  for (std::uint64_t i = 0; i < last; ++i) {
    REQUIRE(store.append(leaf_hash(i)));
    if (i % 100 == 0) REQUIRE(store.sync());
  }
  reader.join();
  CHECK(all_good);
  CHECK(rounds > 0);
}

}  // namespace yunjian::ledger
