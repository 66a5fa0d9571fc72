#pragma once

#include <set>
#include <string>
#include <vector>

#include "collector/store/losses.h"
#include "collector/store/part_filing.h"

namespace yunjian::collector {

// Mends the files of a log that nobody has open. What is damaged is kept in `<data>/quarantine`,
// never thrown away; what was lost is written to `quarantine/losses` before anything takes its
// place.
//
// Parts: one that is damaged is taken from `copy` (a backup) when that has it whole, else made anew
// from its bodies; one whose index, columns or derived fields do not follow from its bodies is made
// anew too. Segments of the WAL, the manifest and the file of the streams: from `copy` only; what
// is in them is known nowhere else. Tiles that are not those of the leaves are written anew. A
// second run goes on where the first one stopped.
class StoreRepair {
 public:
  struct Options {
    std::string data;
    std::string copy;  // of the data directory; empty: none
    const ledger::Suite* suite = nullptr;
    const Deriver* deriver = nullptr;
  };
  struct Report {
    std::vector<std::string> done;  // one line each, for the operator
    std::uint64_t parts = 0;        // looked at
    std::uint64_t made_anew = 0;
    std::uint64_t from_copy = 0;  // files
    std::uint64_t tiles = 0;      // that go
    std::uint64_t batches_lost = 0;
    std::uint64_t leaves_lost = 0;
  };
  StoreRepair(ledger::FileSystem& files, Options options);

  // Corrupt: what cannot be mended; nothing but what is told in the report was changed.
  ledger::Result<Report> run();

 private:
  ledger::Result<void> mend_manifest();
  ledger::Result<void> mend_streams();
  ledger::Result<void> mend_part(std::size_t at);
  ledger::Result<std::string> fault_of(std::uint64_t number, const std::string& directory) const;
  ledger::Result<bool> take_part_from_copy(const ledger::PartManifest::Part& part);
  ledger::Result<void> make_anew(std::size_t at, const std::string& why);
  ledger::Result<void> mend_segments();
  ledger::Result<void> mend_tiles();
  ledger::Result<void> keep_losses(const std::vector<Loss>& more);
  // A copy of the file in the quarantine, durable; nothing when it is not there.
  ledger::Result<void> keep_aside(const std::string& path);
  ledger::Result<bool> take_from_copy(const std::string& path, std::string_view why);
  ledger::Result<ledger::PartRow> find_row(std::string_view stream, std::uint64_t batch) const;
  ledger::Result<ledger::Hash> root_of(std::string_view stream, std::uint64_t batch) const;
  std::string in_data(const std::string& path) const {
    return ledger::join_path(options_.data, path);
  }

  ledger::FileSystem& files_;
  const Options options_;
  FilingTools tools_;
  ledger::PartManifest manifest_;
  std::vector<Loss> losses_;
  Report report_;
};

}  // namespace yunjian::collector
