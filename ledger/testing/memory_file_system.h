#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "ledger/base/file_system.h"

namespace yunjian::ledger::testing {

enum class Fault {
  none,
  fail,        // reported as failed, nothing happened
  fail_after,  // reported as failed, but it happened (all of it)
  fail_half,   // append: half of the bytes are there, reported as failed; else as `fail`
};

// A file system in memory that knows what a power cut leaves behind: file content up to the last
// sync of that file, names up to the last sync_directory. An unsynced truncate is undone too.
// Relative paths start at the root, which is always there; other directories must be made.
// Thread-safe by one mutex, which is not held while a test's own functions run.
class MemoryFileSystem : public FileSystem {
 public:
  MemoryFileSystem();
  ~MemoryFileSystem() override;

  // Called before every operation that changes something ("append", "sync", "truncate", "rename",
  // "remove", "make_directory", "sync_directory", "open_append"); decides its fate. It may call
  // crash(): the operation then fails and leaves nothing. For rename, `path` is where from.
  using Decide = std::function<Fault(std::string_view operation, const std::string& path)>;
  void set_decide(Decide decide);

  // The Nth changing call from now (1 = next) meets `fault`; with `for_ever` all later ones too.
  // Takes precedence over the decision of set_decide.
  void fail_nth(std::uint64_t nth, Fault fault, bool for_ever = false);
  // What injected failures say, `fatal` at first; a failed sync is always fatal.
  void set_fault_kind(ErrorKind kind);
  std::uint64_t changing_calls() const;  // since construction

  // Power cut: drops all that was not synced, closes every lock; open Files fail from now on.
  void crash();
  // The same, but of each unsynced tail `keep` decides how many bytes survive (torn writes).
  using Keep = std::function<std::uint64_t(const std::string& path, std::uint64_t unsynced)>;
  void crash_keeping(const Keep& keep);

  // Direct access for tests that damage files.
  Result<std::string> content(const std::string& path) const;
  Result<unsigned> mode(const std::string& path) const;
  // Durable at once; makes the directories that are missing.
  void overwrite(const std::string& path, std::string bytes);
  std::vector<std::string> paths() const;  // of all files, sorted, each from "/"

  Result<std::unique_ptr<File>> open_append(const std::string& path, unsigned mode) override;
  Result<std::unique_ptr<File>> open_read(const std::string& path) override;
  Result<std::string> read_file(const std::string& path) override;
  Result<bool> exists(const std::string& path) override;
  Result<std::vector<std::string>> list(const std::string& directory) override;
  Result<void> make_directory(const std::string& path, unsigned mode) override;
  Result<void> rename(const std::string& from, const std::string& to) override;
  Result<void> remove(const std::string& path) override;
  Result<void> sync_directory(const std::string& path) override;
  Result<std::unique_ptr<File>> lock(const std::string& path) override;

 private:
  struct State;
  std::shared_ptr<State> state_;
  friend class MemoryFile;
};

}  // namespace yunjian::ledger::testing
