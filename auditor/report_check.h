#pragma once

#include <functional>
#include <optional>
#include <set>
#include <string>

#include "auditor/month_refold.h"
#include "rules/month/hosts_csv.h"
#include "rules/month/standing_list.h"
#include "rules/month/table_diff.h"
#include "rules/month/terms.h"
#include "rules/month/utilization_table.h"

namespace yunjian::auditor {

// A pack as it was handed out. Reject: there is no such file.
using PackFile = std::function<ledger::Result<std::string>(const std::string& path)>;

struct ReportCheckResult {
  ledger::ReportManifest manifest;  // when it could be read
  Findings findings;
  std::uint64_t files = 0;            // compared with their hashes
  std::uint64_t absent = 0;           // not handed out
  std::uint64_t tables = 0;           // utilization.json: computed again, compared cell by cell
  std::uint64_t csv_tables = 0;       // the same of the table of hosts in utilization.csv
  std::uint64_t hosts = 0;            // in them
  std::uint64_t standings = 0;        // hosts whose flag was computed again
  std::uint64_t advices = 0;          // advice.json: its findings held against the log
  std::uint64_t registers = 0;        // operations.json, security.json: their entries, likewise
  std::uint64_t records = 0;          // read for that
  std::optional<std::uint64_t> leaf;  // that holds the manifest's hash
  std::uint64_t hash_only = 0;        // of `files`: nothing in them was computed again
};

// Checks one month's pack against a log that was verified before, whose checkpoint `tree` is:
// manifest (signature, its hash in a report leaf, its checkpoint, rules, calendar and inventory) →
// every file that was handed out → the figures of every utilization.json and of the hosts in every
// utilization.csv, refolded from the sealed records → every host's flag, from those figures and the
// outcomes of months before that the log holds → what was raised from them, and what findings.list
// and every advice.json say of findings (FindingCheck). Trusts the log's key and its verified
// checkpoint only. Used once, by one thread.
class ReportCheck {
 public:
  // `threads`: as RefoldRequest has it.
  ReportCheck(const ledger::Verifier& log, const ledger::TreeHead& tree, PackFile files,
              unsigned threads = 0);

  // Errors are the machine's or the network's; what is wrong is in the result. `month`: "yyyy-mm"
  // that was asked for, or "".
  ledger::Result<ReportCheckResult> run(Evidence& evidence, std::string_view month);

 private:
  void tampered(std::string place, std::string zh, std::string en);
  bool read_manifest(std::string_view month);
  bool read_rules();
  void check_files();
  std::optional<std::vector<ledger::PackInput>> read_inputs();
  void read_standings();
  ledger::Result<void> refold(Evidence& evidence);
  void check_leaf(const MonthRefold& refold);
  ledger::Result<rules::UtilizationTable> table_of(MonthRefold& refold);
  void check_inputs(const MonthRefold& refold);
  void check_standings(const rules::UtilizationTable& table);
  rules::HistorySource history_of(const MonthRefold& refold, const rules::MonthTerms& terms);
  void check_findings(const rules::UtilizationTable& table, const MonthRefold& refold);
  void check_advice(const std::vector<rules::StoredFinding>& findings, const MonthRefold& refold);
  void check_registers(rules::Month month, const MonthRefold& refold);
  ledger::Result<void> check_inventory(const MonthRefold& refold);
  void check_tables(const rules::UtilizationTable& table, const MonthRefold& refold);
  void check_table(const std::string& path, const rules::UtilizationTable& table);
  void check_hosts(const std::string& path, const rules::UtilizationTable& table,
                   rules::CsvLanguage language);
  void tell(const std::string& path,
            const ledger::Result<std::vector<rules::CellDifference>>& differences);

  const ledger::Verifier& log_;
  const ledger::TreeHead tree_;
  const PackFile files_;
  const unsigned threads_;
  std::unique_ptr<ledger::Hasher> hasher_;
  std::string note_;
  rules::Month month_{};
  std::optional<rules::RuleSet> rules_;
  std::optional<rules::Calendar> calendar_;
  std::vector<ledger::PackInput> inputs_;
  std::optional<std::string> standings_;           // as the pack has them
  std::optional<std::string> findings_;            // its findings.list
  rules::StandingHistory history_;                 // that they name
  std::set<std::string, std::less<>> good_files_;  // as the manifest has them
  ReportCheckResult result_;
};

}  // namespace yunjian::auditor
