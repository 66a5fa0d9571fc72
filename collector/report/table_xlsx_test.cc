#include "collector/report/table_xlsx.h"

#include <doctest/doctest.h>

#include "collector/report/workbook.h"
#include "ledger/posix/posix_file_system.h"
#include "ledger/testing/temporary_directory.h"
#include "rules/month/testing/sample_table.h"

// What stands in the cells is checked by testing/workbook_test.py, which reads the file without us.

namespace yunjian::collector {
namespace {

TEST_CASE("a text that would become a formula is kept from it, and others stay as they are") {
  CHECK(safe_cell_text("=1+1") == "'=1+1");
  CHECK(safe_cell_text("+1") == "'+1");
  CHECK(safe_cell_text("-1") == "'-1");
  CHECK(safe_cell_text("@SUM(A1)") == "'@SUM(A1)");
  CHECK(safe_cell_text("\t=1") == "'\t=1");
  CHECK(safe_cell_text("web-01") == "web-01");
  CHECK(safe_cell_text("政务=平台") == "政务=平台");
  CHECK(safe_cell_text("") == "");
}

TEST_CASE("a text longer than a cell holds is cut at a character, not refused") {
  CHECK(safe_cell_text(std::string(32767, 'a')).size() == 32767);
  CHECK(safe_cell_text(std::string(32768, 'a')).size() == 32767);
  std::string wide;
  while (wide.size() < 40000) wide += "云";
  const std::string cut = safe_cell_text(wide);
  CHECK(cut.size() == 32766);
  CHECK(wide.starts_with(cut));
}

TEST_CASE("a table for nobody and one for one host are workbooks too") {
  ledger::PosixFileSystem files;
  const ledger::testing::TemporaryDirectory directory;
  UtilizationTable table = rules::testing::sample_table();
  table.rows.resize(1);
  CHECK(write_utilization_xlsx(files, directory.path() + "/one.xlsx", table));
  table.rows.clear();
  CHECK(write_utilization_xlsx(files, directory.path() + "/none.xlsx", table));
  CHECK(*files.list(directory.path()) == std::vector<std::string>{"none.xlsx", "one.xlsx"});
}

TEST_CASE("a report that cannot be written says where and leaves the old one whole") {
  ledger::PosixFileSystem files;
  const ledger::testing::TemporaryDirectory directory;
  const UtilizationTable table = rules::testing::sample_table();
  const auto failed = write_utilization_xlsx(files, directory.path() + "/none/a.xlsx", table);
  REQUIRE_FALSE(failed);
  CHECK(failed.error().message.find("/none/a.xlsx") != std::string::npos);

  const std::string path = directory.path() + "/a.xlsx";
  REQUIRE(ledger::replace_file(files, path, "the old report", 0644));
  REQUIRE(files.make_directory(path + ".tmp", 0755));  // in the way of the new one
  CHECK_FALSE(write_utilization_xlsx(files, path, table));
  CHECK(*files.read_file(path) == "the old report");
}

}  // namespace
}  // namespace yunjian::collector
