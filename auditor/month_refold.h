#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "auditor/evidence.h"
#include "auditor/pack_acts.h"
#include "ledger/batch.h"
#include "ledger/report_manifest.h"
#include "ledger/statement_leaves.h"
#include "rules/month/facts_fold.h"
#include "rules/utilization/month_fold.h"

namespace yunjian::auditor {

// What is asked of a log about one month's pack.
struct RefoldRequest {
  rules::Month month{};
  ledger::TreeHead tree;                      // the pack says that it was made from these leaves
  std::vector<ledger::PackInput> inputs;      // and from these records
  ledger::Hash manifest{};                    // its hash, which a report leaf holds
  ledger::TreeHead checkpoint;                // of the log, verified
  const rules::Calendar* calendar = nullptr;  // outlives the refold
  unsigned threads = 0;                       // besides the one that reads; 0: all is done by it
};

// Reads a log whose headers were verified and folds one month of it anew: every usage_hour record
// of the month, what the other records say of the hosts, and the inventory and the findings as the
// collector's own records tell them, the latter up to the pack's report leaf. Each body is held
// against the root in its header, the leaves against the checkpoint. What came into the log behind
// the pack's checkpoint counts only where the pack says that it used it.
//
// Life: Evidence::visit() → finish(), and when needs_second() visit() and finish() once more: the
// hours of hosts whose streams came in another order than their names are kept and folded sorted.
// One thread calls; a host's records are folded on one of `threads` others, in the log's order, so
// that what comes out does not depend on how many there are.
class MonthRefold : public EvidenceVisitor {
 public:
  MonthRefold(const ledger::Verifier& log, RefoldRequest request);
  ~MonthRefold() override;

  void leaf(std::string_view bytes, std::optional<std::string_view> body) override;
  void late_body(std::string_view stream, std::uint64_t batch, std::string_view body) override;
  void late_lines(std::string_view stream, std::uint64_t batch, std::string lines) override;
  void found(Finding finding) override { findings_.add(std::move(finding)); }
  bool wants_body(std::string_view leaf) override;

  void finish();
  bool needs_second() const;
  void begin_second();

  // What the records tell; the hosts as the table has them before terms and facts.
  const PackActs& acts() const { return acts_; }
  const std::map<std::string, ledger::Time, std::less<>>& enrolled() const { return enrolled_; }
  rules::MonthFacts facts_of(const std::string& host) const;
  ledger::Result<rules::FoldedHost> fold_of(const std::string& host,
                                            const rules::FoldWindow& window);
  bool had_other_units(const std::string& host) const;
  // Of the records that were folded, as the pack's inputs.list should have them; a batch that is
  // not known is given as the pack has it.
  std::vector<ledger::PackInput> inputs() const;

  struct ReportLeaf {
    std::uint64_t leaf = 0;
    ledger::Report report;
  };
  const std::vector<ReportLeaf>& reports() const { return reports_; }  // of the month
  Findings& findings() { return findings_; }
  std::uint64_t records() const { return records_; }

 private:
  struct Stream;
  struct Host;
  struct Wanted {  // a batch whose body is to be read
    ledger::Hash root{};
    std::uint64_t batch = 0;
    std::uint64_t first_record = 0;
    std::uint64_t records = 0;
    std::uint64_t leaf = 0;  // it is told in the order of these
    bool late = false;       // behind the pack's checkpoint
  };
  std::optional<Wanted> wanted(std::string_view bytes, std::string& stream) const;
  void enrolment(std::string_view text);
  void batch(std::string_view bytes, std::optional<std::string_view> body);
  void report(std::string_view text);
  enum class Form { body, lines };  // as it was sent, or joined by LF
  struct Hand;                      // what one thread folds with
  struct Body {
    Form form;
    std::string_view bytes;
  };
  void give(Stream& stream, const Wanted& wanted, Body body);
  void late(std::string_view stream, std::uint64_t batch, Body body);
  void take(Hand& hand, Stream& stream, const Wanted& wanted, Body body);
  void take_lines(Hand& hand, Stream& stream, const Wanted& wanted, std::string_view joined);
  void take_line(Stream& stream, const Wanted& wanted, std::uint64_t number, std::string_view line);
  void take_hour(Stream& stream, const Wanted& wanted, std::uint64_t number,
                 const ledger::ParsedRecord& record);
  void drain();
  void check_root();

  const ledger::Verifier& log_;
  const RefoldRequest request_;
  const ledger::Time from_;
  std::unique_ptr<ledger::Hasher> hasher_;
  ledger::MerkleFrontier frontier_;
  std::map<std::string, Stream, std::less<>> streams_;
  std::map<std::string, Host, std::less<>> hosts_;
  std::map<std::string, ledger::Time, std::less<>> enrolled_;
  std::map<std::string, std::uint64_t, std::less<>> last_input_;  // by stream: last record used
  std::string own_agent_;
  PackActs acts_;
  bool acts_end_ = false;  // the pack's leaf was seen
  std::vector<ReportLeaf> reports_;
  bool sorted_ = false;  // the second reading
  std::uint64_t records_ = 0;
  Findings findings_;
  std::vector<std::unique_ptr<Hand>> hands_;  // the first is the caller's; end before all above
};

}  // namespace yunjian::auditor
