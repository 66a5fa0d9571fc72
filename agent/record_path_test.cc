#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <new>

#include "agent/mask/masker.h"
#include "agent/sealer.h"
#include "agent/sources/file_tail.h"
#include "ledger/testing/manual_clock.h"
#include "ledger/testing/memory_file_system.h"
#include "ledger/testing/seeded_random.h"
#include "ledger/testing/temporary_directory.h"

namespace {

thread_local std::uint64_t allocations = 0;

}  // namespace

// All of this thread are counted, in the whole test program; sanitizers bring their own.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool is_counting = false;
#else
constexpr bool is_counting = true;
void* operator new(std::size_t size) {
  ++allocations;
  if (void* memory = std::malloc(std::max<std::size_t>(size, 1))) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
#endif

namespace yunjian::agent {
namespace {

constexpr int lines_counted = 10'000;
// For what is done once a batch: 10 000 lines are three of them.
constexpr std::uint64_t allocations_max = 1000;

// The way of a line as the loop walks it: file, mask, batch, seal, spool.
struct Path {
  ledger::testing::MemoryFileSystem files;
  ledger::testing::ManualClock clock{ledger::Time(std::chrono::seconds(1'795'334'400))};
  ledger::testing::SeededRandom random{7};
  ledger::testing::TemporaryDirectory directory;
  std::string log = directory.path() + "/app.log";
  std::optional<Spool> spool;
  std::unique_ptr<Sealer> sealer;
  Masker masker{MaskOptions{}};
  std::optional<FileTail> tail;
  int written = 0;

  Path() {
    REQUIRE(files.make_directory("/state", 0700));
    auto key = ledger::default_suite().generate(random);
    REQUIRE(ledger::Ratchet::create(
        files, "/state/stream.state",
        {.origin = "log.example", .agent = std::string(32, 'a'), .incarnation = 1}, **key));
    spool.emplace(std::move(*Spool::open(files, "/state/spool", {})));
    auto opened = Sealer::open(std::move(*ledger::Ratchet::open(files, "/state/stream.state")),
                               {.spool = &*spool,
                                .clock = &clock,
                                .random = &random,
                                .boot_id = "6f7b2f5e-0000-4000-8000-000000000001"});
    REQUIRE(opened);
    sealer = std::move(*opened);
    write(1);
    FileTailOptions options;
    options.patterns = {log};
    tail.emplace(std::move(options));
    tail->restore("");
  }

  void write(int lines) {
    std::ofstream out(log, std::ios::app);
    for (int i = 0; i < lines; ++i) {
      out << fmt::format("{:08} sshd[712]: session opened for user 张三 by \"root\"\tuid={}\n",
                         written, written * 7919 % 1000);
      ++written;
    }
  }

  struct Intake : RecordSink {
    explicit Intake(Path& owner) : path(&owner) {}
    bool take(std::string_view line) override {
      if (!path->sealer->add(path->masker.mask(line), true)) return false;
      path->masker.taken();
      return true;
    }
    Path* path;
  };

  // Reads and seals all that was written; how many allocations that took.
  std::uint64_t seal_all() {
    Intake intake(*this);
    const std::uint64_t before = allocations;
    for (bool more = true; more;) {
      clock.advance(std::chrono::seconds(2));
      more = tail->poll(clock.wall(), intake);
      REQUIRE(sealer->seal({.positions = tail->position()}, {}));
    }
    return allocations - before;
  }
};

TEST_CASE("A line on its way from its file into a sealed batch costs no allocation of its own") {
  Path path;
  path.write(lines_counted);
  path.seal_all();
  const std::uint64_t before = path.sealer->ratchet().next_record();
  path.write(lines_counted);
  const std::uint64_t counted = path.seal_all();
  CHECK(path.sealer->ratchet().next_record() - before == lines_counted);
  CHECK((counted > 0) == is_counting);
  CHECK(counted < allocations_max);
  MESSAGE(counted, " allocations for ", lines_counted, " lines");
}

}  // namespace
}  // namespace yunjian::agent
