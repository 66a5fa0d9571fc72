// Writes the sample table's utilization.json and utilization.xlsx into the directory given: for the
// check by an independent reader. With a second directory also the pack in every form, to look at.

#include <cstdlib>

#include "collector/report/month_pack.h"
#include "collector/report/render.h"
#include "collector/report/table_xlsx.h"
#include "ledger/posix/posix_file_system.h"
#include "rules/month/testing/sample_table.h"

namespace {

using namespace yunjian;

ledger::Result<void> write_pack(ledger::FileSystem& files, const std::string& directory) {
  if (auto made = files.make_directory(directory, 0755); !made) return made;
  const auto table = rules::testing::sample_table();
  const rules::Words city{"全市", "the whole city"};
  for (const auto& document : {collector::utilization_document(table, {}, city),
                               collector::advice_document(table, {}, city),
                               collector::operations_document(table, {}, city),
                               collector::security_document(table, {}, city)}) {
    using collector::Language;
    const std::string path = ledger::join_path(directory, document.key);
    const auto put = [&](const std::string& ending, const std::string& bytes) {
      return ledger::replace_file(files, path + ending, bytes, 0644);
    };
    auto pdf = document_pdf(document, Language::zh);
    if (!pdf) return ledger::failure(pdf);
    if (auto done = put(".pdf", pdf->bytes); !done) return done;
    if (auto done = put(".html", document_html(document, Language::zh)); !done) return done;
    if (auto done = put(".en.html", document_html(document, Language::en)); !done) return done;
    if (auto done = put(".csv", document_csv(document, Language::zh)); !done) return done;
    if (auto done = document_xlsx(files, path + ".xlsx", document, Language::zh); !done)
      return done;
  }
  return {};
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 2 && count != 3) return EXIT_FAILURE;
  ledger::PosixFileSystem files;
  const auto table = rules::testing::sample_table();
  const auto charts =
      charts_of(collector::utilization_document(table, {}, {"全市", "the whole city"}));
  if (!collector::write_utilization_report(files, arguments[1], table, charts)) {
    return EXIT_FAILURE;
  }
  if (count == 3 && !write_pack(files, arguments[2])) return EXIT_FAILURE;
  return EXIT_SUCCESS;
}
