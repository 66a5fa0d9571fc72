// Writes the sample table's utilization.json and utilization.xlsx into the directory given: for the
// check by an independent reader, and to look at.

#include <cstdlib>

#include "collector/report/table_xlsx.h"
#include "collector/report/testing/sample_table.h"
#include "ledger/posix/posix_file_system.h"

int main(int count, char** arguments) {
  if (count != 2) return EXIT_FAILURE;
  yunjian::ledger::PosixFileSystem files;
  const auto table = yunjian::collector::testing::sample_table();
  const auto written = yunjian::collector::write_utilization_report(files, arguments[1], table);
  return written ? EXIT_SUCCESS : EXIT_FAILURE;
}
