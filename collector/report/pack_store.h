#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "collector/report/month_pack.h"
#include "ledger/base/file_system.h"
#include "ledger/report_manifest.h"

namespace yunjian::collector {

// A month's pack as it lies on disk.
struct StoredPack {
  ledger::ReportManifest manifest;
  std::string note;                        // the signed manifest
  std::optional<std::uint64_t> leaf = {};  // of the log that holds its hash
  std::string directory;
};

// The packs of months that are over, one directory a month and revision:
//
//   2026-10/r1/manifest            the signed note
//   2026-10/r1/leaf                index of its report leaf, written when that is in the log
//   2026-10/r1/utilization.json …  the files that the manifest lists
//
// Life of a revision: begin() gives an empty directory → put() [each file durable] → finish()
// writes the manifest and gives the directory its name [durable: the revision is there] → the leaf
// is committed → set_leaf(). One thread writes; any may read what is finished.
class PackStore {
 public:
  PackStore(ledger::FileSystem& files, std::string directory)
      : files_(files), directory_(std::move(directory)) {}

  ledger::Result<std::vector<rules::Month>> months() const;                        // rising
  ledger::Result<std::vector<std::uint64_t>> revisions(rules::Month month) const;  // rising
  ledger::Result<std::optional<StoredPack>> newest(rules::Month month) const;
  // Reject: there is no such revision. Corrupt: its manifest cannot be read.
  ledger::Result<StoredPack> revision(rules::Month month, std::uint64_t number) const;
  // Reject: the manifest does not list it. Corrupt: it is not what the manifest says.
  ledger::Result<std::string> file(const StoredPack& pack, std::string_view path,
                                   ledger::Hasher& hasher) const;

  // `name`: of the directory beside the revisions; what is there already goes.
  ledger::Result<std::string> begin(rules::Month month, const std::string& name) const;
  ledger::Result<void> put(const std::string& directory, const std::string& path,
                           std::string_view bytes) const;
  ledger::Result<StoredPack> finish(const std::string& directory,
                                    const ledger::ReportManifest& manifest,
                                    const std::string& note) const;
  ledger::Result<void> set_leaf(StoredPack& pack, std::uint64_t leaf) const;
  ledger::Result<void> drop(const std::string& directory) const;  // with all that is in it

 private:
  std::string month_directory(rules::Month month) const;
  bool is_directory(const std::string& path) const;

  ledger::FileSystem& files_;
  const std::string directory_;
};

// What a pack says of the log, by scope ("city", "county/…", "unit/…"), as its file evidence.list
// keeps it. Reject: not such a file.
using EvidenceByScope = std::map<std::string, PackSources::Evidence, std::less<>>;
std::string format_evidence(const EvidenceByScope& evidence);
ledger::Result<EvidenceByScope> parse_evidence(std::string_view text);

}  // namespace yunjian::collector
