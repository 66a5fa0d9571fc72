#pragma once

#include <atomic>
#include <mutex>
#include <string>
#include <vector>

#include "collector/api/month_pack_files.h"
#include "collector/report/pack_store.h"
#include "collector/store/own_stream.h"

namespace yunjian::collector {

// Builds the packs of months that are over, so that anybody can check them later.
//
// Life of a pack: what waits in the own stream is sealed, and the inventory read, at one checkpoint
// → the month is judged from the sealed records → what it flags becomes findings, what was carried
// out is measured, outcomes are kept [each an act first, all sealed] → files for the city, each
// county, each unit, one by one [durable] → compared with the revision before: the same files mean
// that nothing is written → else the manifest, signed, and its hash as a report leaf of the log.
// One build at a time; any thread.
class MonthPacks {
 public:
  struct Parts {
    Catalog& catalog;
    EvidenceLog& log;
    OwnStream& own;
    RecordStore& records;
    ledger::FileSystem& files;
    ledger::Clock& clock;
    std::string scratch;    // for workbooks that are being made
    std::string directory;  // of the packs
    HourFolds& folds;
    std::mutex& acts;  // held while the catalog and the own stream are changed together
  };
  explicit MonthPacks(Parts parts)
      : parts_(std::move(parts)), store_(parts_.files, parts_.directory) {}

  struct Request {
    rules::Month month{};
    // Counties and units too, and English besides Chinese; what an earlier revision had is always
    // made.
    bool narrow = true;
    bool english = false;
    std::string who;  // for the acts
  };
  struct Built {
    StoredPack pack;
    bool fresh = false;  // a new revision; false: byte for byte what was there
    std::uint64_t hosts = 0;
    std::uint64_t rows = 0;
    std::size_t raised = 0;  // findings
    double city_s = 0;       // time taken: reading, judging and the authority's files …
    double narrow_s = 0;     // … and those of counties and units
    std::string note;        // forms that could not be made or not whole, for a person
  };
  // Reject: the month is not over.
  ledger::Result<Built> build(const Request& request);

  // Folds the hours of one day that is over, so that the month is built quickly. False: none is
  // left. Any thread.
  ledger::Result<bool> fold_day() { return parts_.folds.step(&cancelled_); }
  // Ends a build that runs, and all later ones: retry.
  void cancel() { cancelled_ = true; }

  const PackStore& store() const { return store_; }
  MonthSources sources() const;

 private:
  struct Making;
  struct Basis {
    ledger::TreeHead tree;
    rules::Inventory inventory;
    ledger::Hash inventory_hash{};
  };
  ledger::Result<Basis> basis();
  struct Raised {
    std::size_t fresh = 0;          // findings
    std::vector<Finding> findings;  // all there are then, as the pack tells of them
    std::string list;               // the pack's findings.list
  };
  ledger::Result<Raised> raise_findings(const Request& request, const UtilizationTable& table);
  ledger::Result<void> step(const Request& request, const Finding& finding, std::string_view name);
  ledger::Result<void> keep_outcomes(rules::Month month,
                                     const std::vector<StoredOutcome>& outcomes);
  ledger::Result<void> record_outcomes(const std::vector<StoredOutcome>& outcomes);
  ledger::Result<void> seal_history(rules::Month month);
  ledger::Result<void> add_scopes(Making& making, const MonthPackFiles& city);
  struct PackForm {
    std::string path;  // below the scope's own
    MonthPackFiles::Form form;
  };
  std::vector<PackForm> forms_of_pack(bool english) const;
  std::vector<ledger::Result<Pdf>> made(const MonthPackFiles& pack,
                                        const std::vector<PackForm>& forms) const;
  ledger::Result<void> add_pack(Making& making, MonthPackFiles& pack, const std::string& scope);
  ledger::Result<void> add_file(Making& making, const std::string& path, std::string_view bytes);
  ledger::Result<std::string> inputs_of(const UtilizationTable& table) const;
  ledger::Result<void> fill_changes(Making& making) const;
  ledger::Result<Built> finish(Making& making, const Basis& basis);
  ledger::Result<void> seal(StoredPack& pack);

  const Parts parts_;
  const PackStore store_;
  std::mutex building_;
  std::atomic<bool> cancelled_ = false;
};

}  // namespace yunjian::collector
