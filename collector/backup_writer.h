#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "collector/backup_plan.h"
#include "collector/config.h"
#include "ledger/base/clock.h"
#include "ledger/base/file_system.h"

namespace yunjian::collector {

// Keeps copies of a data directory below one directory:
//
//   <directory>/20261127T180000Z/            a data directory as it was
//   <directory>/20261127T180000Z/SHA256SUMS  of all its files, for `sha256sum -c`; written last
//   <directory>/20261128T180000Z.new/        one that was not finished: the next run removes it
//
// What is as it was in the copy before is a second name of the same file there, so a copy takes the
// room of what is new. One thread; one process at a time (lock).
//
// Life of a copy: checkpoint, then tiles from the top level down (so that what says that a tile is
// there is never newer than the tile), then the plan is made, and what it names is copied: the WAL
// covers what checkpoint and tiles cover. All is durable before the last rename.
class BackupWriter {
 public:
  struct Parts {  // outlive the writer
    ledger::FileSystem& files;
    ledger::Clock& clock;
    // Makes a second name; a failure means a copy.
    std::function<ledger::Result<void>(const std::string& from, const std::string& to)> link;
  };
  struct Options {
    std::string data;        // what is copied
    std::string directory;   // where copies are kept
    std::uint64_t keep = 7;  // copies; older ones go
    std::function<ledger::Result<BackupPlan>()> begin;
    std::function<ledger::Result<void>()> end;  // fails when the files were not kept long enough
  };
  struct Summary {
    std::string path;
    std::uint64_t leaves = 0;
    std::uint64_t files = 0;
    std::uint64_t bytes = 0;
    std::uint64_t copied_files = 0;  // the others are as they were
    std::uint64_t copied_bytes = 0;
  };
  BackupWriter(Parts parts, Options options)
      : parts_(std::move(parts)), files_(parts_.files), options_(std::move(options)) {}

  // Reject: the directory holds copies of another log, or lies within the data.
  ledger::Result<Summary> run();

 private:
  ledger::Result<void> prepare();
  ledger::Result<void> find_earlier();
  ledger::Result<void> copy_tiles(std::string_view checkpoint);
  ledger::Result<void> copy_tile(unsigned level, std::uint64_t index, std::uint32_t width);
  ledger::Result<void> copy_plan(const BackupPlan& plan);
  ledger::Result<void> copy_small(const std::string& directory);
  ledger::Result<void> copy_file(const std::string& path, std::uint64_t bytes_max);
  ledger::Result<void> copy_from(const std::string& from, const std::string& path,
                                 std::uint64_t bytes_max);
  ledger::Result<void> put(const std::string& path, std::string_view bytes);
  ledger::Result<bool> is_as_before(const ledger::File& file, const std::string& path,
                                    std::uint64_t bytes) const;
  ledger::Result<bool> link_earlier(const std::string& path);
  ledger::Result<void> make_parents(const std::string& path);
  ledger::Result<void> finish();
  ledger::Result<void> remove_old();
  ledger::Result<void> remove_tree(const std::string& path);
  std::string target(const std::string& path) const { return ledger::join_path(making_, path); }

  const Parts parts_;
  ledger::FileSystem& files_;
  const Options options_;
  std::string making_;                        // directory of this copy until it is whole
  std::string earlier_;                       // directory of the copy before; empty: none
  std::map<std::string, std::string> known_;  // SHA-256 there, of each path
  std::map<std::string, std::string> sums_;   // of this one
  std::set<std::string> directories_;         // that were made
  Summary summary_;
};

// Where copies go and how many stay: --to and --keep of the request, else what is configured.
// Reject: neither says where, or --keep is no number from 1 on.
ledger::Result<BackupWriter::Options> backup_options(const CollectorConfig& config,
                                                     const AdminRequest& request);

}  // namespace yunjian::collector
