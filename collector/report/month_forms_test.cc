// Months that are not like others, in every report and every form.
#include <doctest/doctest.h>
#include <rapidjson/document.h>

#include <functional>

#include "collector/catalog/csv.h"
#include "collector/report/month_pack.h"
#include "collector/report/render.h"
#include "collector/report/table_xlsx.h"
#include "collector/report/testing/text_parts.h"
#include "ledger/posix/posix_file_system.h"
#include "ledger/testing/temporary_directory.h"
#include "rules/month/testing/sample_table.h"

namespace yunjian::collector {
namespace {

using namespace std::chrono_literals;
using rules::testing::sample_host;
using testing::count_of;
using testing::has;

const rules::Words city{"全市", "the whole city"};

UtilizationTable table_of(rules::Month month, const std::vector<HostFacts>& hosts,
                          const rules::HourSource& source) {
  const auto rule_set = rules::default_rule_set();
  const auto calendar = rules::cn_calendar();
  auto table = build_utilization_table({.month = month,
                                        .as_of = rules::month_end(month),
                                        .rules = &*rule_set,
                                        .calendar = &*calendar},
                                       hosts, source);
  REQUIRE_MESSAGE(table, table.error().message);
  for (UtilizationRow& row : table->rows) row.host.rules = nullptr;
  return std::move(*table);
}

ledger::Result<std::uint64_t> each_hour_of_february(const HostFacts&, ledger::Time from,
                                                    ledger::Time to, const rules::HourSink& sink) {
  std::uint64_t number = 0;
  for (ledger::Time hour = from; hour < to; hour += 1h) {
    auto taken = sink(rules::testing::flat_hour(hour, 300, 450), "stream.1", ++number);
    if (!taken) return ledger::failure(taken);
  }
  return 0;
}

struct MonthCase {
  const char* name;
  std::function<UtilizationTable()> table;
  std::size_t rows;
  std::vector<const char*> told;  // by the pages of the utilization report
};

const std::vector<MonthCase>& month_cases() {
  static const auto sample = [](const char* host) {
    return table_of(2026y / 10, {sample_host(host)}, rules::testing::sample_source());
  };
  static const std::vector<MonthCase> all = {
      {"one host",
       [] { return sample("ecs-0001"); },
       1,
       {"本月共 1 台云主机：正常 1 台。", "web-01", "2026-10"}},
      {"hosts without data",
       [] { return sample("ecs-0004"); },
       1,
       {"本月共 1 台云主机：数据不足 1 台。", "没有任何测量数据，不作判定，也不表示利用率为 0"}},
      {"a month with a resize",
       [] { return sample("ecs-0005"); },
       2,
       {"本月共 1 台云主机", "app-01", "<td class=\"n\">4</td>", "<td class=\"n\">8</td>"}},
      {"29 February",
       [] { return table_of(2028y / 2, {sample_host("ecs-0001")}, each_hour_of_february); },
       1,
       {"2028-02", "2028-03-01 00:00", "100.0%"}},
      {"no host at all",
       [] { return table_of(2028y / 2, {}, each_hour_of_february); },
       0,
       {"本月共 0 台云主机", "本月无。"}},
  };
  return all;
}

void check_page(const std::string& html) {
  CHECK(html.ends_with("</html>\n"));
  for (const char* tag : {"tr", "td", "table", "svg", "section"}) {
    CHECK(count_of(html, std::string("<") + tag + ">") +
              count_of(html, std::string("<") + tag + " ") ==
          count_of(html, std::string("</") + tag + ">"));
  }
  for (const char* wrong : {"nan", "inf\"", "-0.0%"}) CHECK_FALSE(has(html, wrong));
}

void check_lists(const Document& document) {
  for (const Language language : {Language::zh, Language::en}) {
    const std::string csv = document_csv(document, language);
    const auto rows = parse_csv(csv);
    CHECK_MESSAGE(rows, rows.error().message);
    CHECK_FALSE(has(csv, "nan"));
  }
  rapidjson::Document json;
  json.Parse(document_json(document).c_str());
  CHECK_FALSE(json.HasParseError());
  CHECK(json["sections"].Size() == document.sections.size());
}

void check_files(const Document& document, const UtilizationTable& table) {
  ledger::PosixFileSystem files;
  const ledger::testing::TemporaryDirectory directory;
  const auto pdf = document_pdf(document, Language::zh);
  REQUIRE_MESSAGE(pdf, pdf.error().message);
  CHECK(pdf->bytes.starts_with("%PDF-"));
  CHECK(pdf->unknown_letters == 0);
  CHECK(document_xlsx(files, directory.path() + "/a.xlsx", document, Language::zh));
  CHECK(write_utilization_xlsx(files, directory.path() + "/t.xlsx", table, charts_of(document)));
}

TEST_CASE("months that are not like others look right in every report and form") {
  for (const MonthCase& one : month_cases()) {
    CAPTURE(one.name);
    const UtilizationTable table = one.table();
    CHECK(table.rows.size() == one.rows);
    CHECK_FALSE(utilization_json(table).empty());
    const Document utilization = utilization_document(table, {}, city);
    const std::string page = document_html(utilization, Language::zh);
    for (const char* words : one.told) CHECK_MESSAGE(has(page, words), words);
    for (const Document& document :
         {utilization, advice_document(table, {}, city), operations_document(table, {}, city),
          security_document(table, {}, city)}) {
      CAPTURE(document.key);
      check_page(document_html(document, Language::zh));
      check_page(document_html(document, Language::en));
      check_lists(document);
      check_files(document, table);
    }
  }
}

TEST_CASE("29 February is expected, measured and counted like any day") {
  const UtilizationTable table =
      table_of(2028y / 2, {sample_host("ecs-0001")}, each_hour_of_february);
  REQUIRE(table.rows.size() == 1);
  CHECK(table.rows[0].expected == 29 * 24h);
  CHECK(table.rows[0].measured == 29 * 24h);
  CHECK(table.rows[0].days == 29);
  CHECK_FALSE(table.rows[0].working_days);  // the notice for 2028 is not published
  CHECK(table.rows[0].judgement.verdict == rules::Verdict::normal);
}

}  // namespace
}  // namespace yunjian::collector
