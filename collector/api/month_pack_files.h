#pragma once

#include <string>
#include <string_view>

#include "collector/api/month_report.h"
#include "collector/report/month_pack.h"
#include "collector/report/render.h"

namespace yunjian::collector {

// The monthly pack of one scope: read once, then given out report by report and form by form.
class MonthPackFiles {
 public:
  // Reject: the month has not begun.
  static ledger::Result<MonthPackFiles> read(const MonthSources& sources, const Scope& scope,
                                             rules::Month month);
  // Of a table that was made before and the findings as they were then, with what else the catalog
  // holds now.
  static ledger::Result<MonthPackFiles> of_table(const MonthSources& sources, const Scope& scope,
                                                 UtilizationTable table,
                                                 const std::vector<Finding>& findings);
  // The pack of some of its units. Folds anew only hosts that had another unit before, whose
  // earlier records are not those units' business.
  ledger::Result<MonthPackFiles> narrowed(const MonthSources& sources, const Scope& scope) const;

  const UtilizationTable& table() const { return table_; }
  const PackSources::Evidence& evidence() const { return sources_.evidence; }
  // What an earlier build of the same month said of the log, so that the same month looks the same.
  void set_evidence(PackSources::Evidence evidence) { sources_.evidence = std::move(evidence); }

  struct Form {
    std::string_view report;  // one of report_names
    std::string_view format;  // xlsx, pdf, html, json, csv
    Language language = Language::zh;
  };
  // False: it is the same in all languages.
  static bool has_languages(const Form& form);
  // `scratch`: directory in which a workbook is made. Reject: no such report or format, or no font
  // for a PDF. `unknown_letters` of the answer is 0 but for a PDF.
  ledger::Result<Pdf> made(const Form& form, ledger::FileSystem& files,
                           const std::string& scratch) const;

 private:
  // What is known already of all hosts, and need not be read; null: it is read.
  struct Known {
    const std::vector<StoredOutcome>* outcomes = nullptr;  // of the months before
    const std::vector<Finding>* findings = nullptr;
  };
  static ledger::Result<MonthPackFiles> of_known(const MonthSources& sources, const Scope& scope,
                                                 UtilizationTable table, const Known& known);
  static ledger::Result<PackSources> sources_of(const MonthSources& sources, const Scope& scope,
                                                rules::Month month, const Known& known);
  Document document(std::string_view report) const;
  ledger::Result<std::string> bytes(const Form& form, ledger::FileSystem& files,
                                    const std::string& scratch) const;

  UtilizationTable table_;
  PackSources sources_;
  rules::Words scope_;
};

// "application/pdf" …; empty for a format that is none.
std::string_view media_type(std::string_view format);
bool is_report(std::string_view name);

// GET /v1/reports/{yyyy-mm}/{report}.{format}: lang, and unit or county to narrow the scope.
Outcome<Response> get_report(const ApiContext& context, const Call& call);

}  // namespace yunjian::collector
