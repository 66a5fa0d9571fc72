// A read in whose middle a segment of the WAL becomes parts.
#include <doctest/doctest.h>

#include <functional>
#include <thread>

#include "collector/store/testing/log_kit.h"

namespace yunjian::collector {
namespace {

using ledger::File;
using ledger::Result;
using testing::batch_entry;
using testing::event_lines;
using testing::only;
using testing::test_start;
using testing::TestAgent;
using testing::TestLog;
using namespace std::chrono_literals;

constexpr std::uint64_t small_segments = 6000;

// Calls `before_read` before each read of an open file.
class WatchedFiles : public ledger::FileSystem {
 public:
  explicit WatchedFiles(ledger::FileSystem& files) : files_(files) {}
  std::function<void()> before_read;

  Result<std::unique_ptr<File>> open_read(const std::string& path) override {
    auto file = files_.open_read(path);
    if (!file) return file;
    return std::make_unique<Watched>(*this, std::move(*file));
  }
  Result<std::unique_ptr<File>> open_append(const std::string& path, unsigned mode) override {
    return files_.open_append(path, mode);
  }
  Result<std::string> read_file(const std::string& path) override { return files_.read_file(path); }
  Result<bool> exists(const std::string& path) override { return files_.exists(path); }
  Result<std::vector<std::string>> list(const std::string& directory) override {
    return files_.list(directory);
  }
  Result<void> make_directory(const std::string& path, unsigned mode) override {
    return files_.make_directory(path, mode);
  }
  Result<void> rename(const std::string& from, const std::string& to) override {
    return files_.rename(from, to);
  }
  Result<void> remove(const std::string& path) override { return files_.remove(path); }
  Result<void> sync_directory(const std::string& path) override {
    return files_.sync_directory(path);
  }
  Result<std::unique_ptr<File>> lock(const std::string& path) override { return files_.lock(path); }

 private:
  struct Watched : File {
    Watched(WatchedFiles& of, std::unique_ptr<File> real) : all(of), file(std::move(real)) {}
    Result<void> append(std::string_view bytes) override { return file->append(bytes); }
    Result<void> sync() override { return file->sync(); }
    Result<void> truncate(std::uint64_t size) override { return file->truncate(size); }
    Result<std::uint64_t> size() const override { return file->size(); }
    Result<std::string> read_at(std::uint64_t offset, std::uint64_t length) const override {
      if (const auto call = std::exchange(all.before_read, nullptr)) call();
      return file->read_at(offset, length);
    }
    WatchedFiles& all;
    std::unique_ptr<File> file;
  };
  ledger::FileSystem& files_;
};

void file_all(EvidenceLog& log) {
  const auto limit = std::chrono::steady_clock::now() + 20s;
  while (log.stats().stored_leaves < log.size()) {
    REQUIRE(std::chrono::steady_clock::now() < limit);
    std::this_thread::yield();
  }
  for (;;) {
    const auto done = log.file_step();
    REQUIRE_MESSAGE(done, (done ? "" : done.error().message));
    if (!*done) return;
  }
}

void fill(TestLog& log, TestAgent& agent) {
  for (int i = 0; i < 40; ++i) {
    const auto lines = event_lines(test_start, 3, "filler" + std::to_string(i));
    REQUIRE(log->commit(only(batch_entry(agent.seal(lines), "tax", "web-01"))));
  }
}

}  // namespace

TEST_CASE("a record whose late body is filed while somebody asks for it is never told to be away") {
  TestLog log{small_segments};
  REQUIRE(log.create());
  REQUIRE(log.open());
  TestAgent agent(std::string(32, 'a'), 1, 1);
  REQUIRE(log.enrol(agent, "tax", "web-01"));
  const auto frame = agent.seal(event_lines(test_start, 3));
  BatchEntry hollow = batch_entry(frame, "tax", "web-01");
  hollow.hollow = true;
  hollow.body.clear();
  REQUIRE(log->commit(only(std::move(hollow))));
  fill(log, agent);
  file_all(*log);
  REQUIRE(log->row_of_record(agent.stream(), 1).value()->hollow);
  REQUIRE(log->commit(only(BodyFill{agent.stream(), 0, frame.body, std::nullopt})));
  fill(log, agent);
  log.close();

  // Opened anew: nothing of the parts is in memory, so that the question reads them.
  WatchedFiles files(log.files);
  auto opened = EvidenceLog::open(files, log.clock, log.options(), testing::log_key());
  REQUIRE(opened);
  EvidenceLog& read = **opened;
  bool filed = false;
  files.before_read = [&] {
    file_all(read);
    filed = true;
  };
  const auto row = read.row_of_record(agent.stream(), 1);
  files.before_read = nullptr;
  REQUIRE(filed);
  REQUIRE(row);
  REQUIRE(*row);
  CHECK_FALSE((*row)->hollow);
}

}  // namespace yunjian::collector
