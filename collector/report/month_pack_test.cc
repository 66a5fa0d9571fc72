#include "collector/report/month_pack.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "collector/report/render.h"
#include "collector/report/testing/text_parts.h"
#include "rules/month/hosts_csv.h"
#include "rules/month/month_findings.h"
#include "rules/month/testing/sample_table.h"

namespace yunjian::collector {
namespace {

using namespace std::chrono_literals;
using testing::count_of;
using testing::has;

RegistryEntry entry(const std::string& kind, const std::string& id,
                    std::map<std::string, std::string, std::less<>> fields) {
  return {.kind = kind, .id = id, .unit = "u-01", .fields = std::move(fields)};
}

PackSources sources() {
  PackSources pack;
  pack.entries["change"] = {entry("change", "C-1",
                                  {{"title", "升级"},
                                   {"applied", "2026-10-08"},
                                   {"planned", "2026-10-13"},
                                   {"impact", "无"}}),
                            entry("change", "C-2",
                                  {{"title", "割接"},
                                   {"applied", "2026-10-10"},
                                   {"planned", "2026-10-13"},
                                   {"impact", "无"}}),
                            entry("change", "C-3",
                                  {{"title", "上月"},
                                   {"applied", "2026-08-09"},
                                   {"planned", "2026-09-13"},
                                   {"impact", "无"}})};
  pack.entries["drill"] = {
      entry("drill", "D-1", {{"date", "2026-03-01"}, {"scenario", "断电"}, {"result", "好"}})};
  pack.entries["incident"] = {entry("incident", "I-1",
                                    {{"title", "<b>中断</b>"},
                                     {"level", "3"},
                                     {"began", "2026-10-31T15:59:59.999999Z"},
                                     {"responsible", "云"}}),
                              entry("incident", "I-2",
                                    {{"title", "次月"},
                                     {"level", "3"},
                                     {"began", "2026-10-31T16:00:00.000000Z"},
                                     {"responsible", "云"}})};
  pack.entries["vulnerability"] = {
      entry("vulnerability", "V-1",
            {{"title", "旧未修"}, {"severity", "high"}, {"found", "2026-05-01"}}),
      entry("vulnerability", "V-2",
            {{"title", "早已修"},
             {"severity", "high"},
             {"found", "2026-05-01"},
             {"fixed", "2026-06-01"}})};
  pack.findings = {{.id = "ecs-0002:reclaim:2026-10",
                    .host = "ecs-0002",
                    .unit = "u-02",
                    .verdict = "low",
                    .state = "notified",
                    .month = "2026-10",
                    .due = "2026-11-16",
                    .details = {{"why_zh", "因"},
                                {"recommended", "s2"},
                                {"saving_fen", "123456"},
                                {"payer", "county"}}},
                   {.id = "ecs-0003:expand:2026-10",
                    .host = "ecs-0003",
                    .unit = "u-01",
                    .verdict = "severe",
                    .state = "remeasured",
                    .month = "2026-10"}};
  pack.evidence = {.leaves = 7, .streams = 2, .silent = 1, .records = 99};
  return pack;
}

const rules::Words city{"全市", "the whole city"};

TEST_CASE("every host of the table stands in the document, with what it was judged") {
  const UtilizationTable table = rules::testing::sample_table();
  const Document document = utilization_document(table, sources(), city);
  const auto& hosts = document.sections[1].tables[0];
  CHECK(hosts.rows.size() == table.rows.size());
  for (const auto& row : hosts.rows) CHECK(row.size() == hosts.columns.size());
  std::size_t why = 0;
  for (const auto& section : document.sections) {
    for (const auto& shown : section.tables) {
      if (shown.key == "low" || shown.key == "high" || shown.key == "insufficient")
        why += shown.rows.size();
    }
  }
  std::size_t normal = 0;
  for (const auto& row : table.rows)
    normal += row.judgement.verdict == rules::Verdict::normal ? 1 : 0;
  CHECK(why + normal == table.rows.size());
}

TEST_CASE("allocated and used sizes of all units add up to those of the hosts") {
  const UtilizationTable table = rules::testing::sample_table();
  const Document document = utilization_document(table, sources(), city);
  std::uint64_t vcpus = 0;
  for (const auto& row : document.sections[0].tables[0].rows)
    vcpus += std::get<std::uint64_t>(row[3]);
  std::uint64_t wanted = 0;
  for (const auto& row : table.rows) {
    if (row.part == row.parts) wanted += row.vcpus.value_or(row.host.vcpus.value_or(0));
  }
  CHECK(vcpus == wanted);
}

TEST_CASE("advice sums savings by payer and counts what has no price") {
  const Document document = advice_document(rules::testing::sample_table(), sources(), city);
  const auto& savings = document.sections[0].tables[0];
  REQUIRE(savings.rows.size() == 1);
  CHECK(cell_text(savings.rows[0][3], Language::zh) == "1,234.56");
  CHECK(document.sections[1].tables[0].rows.size() == 1);
  CHECK(document.sections[2].tables[0].rows.empty());
  CHECK(document.sections[3].tables[0].rows.size() == 1);  // closed
}

TEST_CASE("savings are summed in units too, and what was reclaimed is held against them") {
  const UtilizationTable table = rules::testing::sample_table();
  PackSources pack = sources();
  pack.findings[0].details["saving_vcpus"] = "2";
  pack.findings[0].details["saving_memory_gb"] = "4.00";
  const auto finding = [](const std::string& host) {
    return Finding{.id = host + ":reclaim:2026-06",
                   .host = host,
                   .unit = "u-02",
                   .verdict = "low",
                   .state = "reclaimed",
                   .month = "2026-06",
                   .details = {{"vcpus", "8"},
                               {"memory_gb", "16.00"},
                               {"month_fen", "60000"},
                               {"saving_vcpus", "4"},
                               {"saving_memory_gb", "8.00"},
                               {"saving_fen", "180000"}}};
  };
  pack.findings.push_back(finding("ecs-0001"));  // 4 vCPU and 8 GB now, without a price
  pack.findings.push_back(finding("ecs-gone"));
  Finding grown = finding("ecs-0005");  // 8 vCPU and 16 GB behind its resize
  grown.verdict = "high";
  grown.state = "remeasured";
  grown.details = {
      {"vcpus", "4"}, {"memory_gb", "8.00"}, {"saving_vcpus", "-4"}, {"saving_memory_gb", "-8.00"}};
  pack.findings.push_back(grown);
  for (const Finding& measured : rules::measured_findings(table, pack.findings)) {
    *std::ranges::find(pack.findings, measured.id, &Finding::id) = measured;
  }
  Finding later = finding("ecs-0003");  // carried out behind this month: not measured yet
  later.changed = rules::month_end(table.month);
  CHECK(rules::measured_findings(table, std::vector{later}).empty());
  pack.findings.push_back(later);
  const Document document = advice_document(table, pack, city);
  const auto& savings = document.sections[0].tables[0];
  CHECK(cell_text(savings.rows[0][5], Language::zh) == "2.00");
  CHECK(cell_text(savings.rows[0][6], Language::zh) == "4.00");
  const auto& outcome = document.sections[3].tables[1];
  std::vector<std::string> told;
  for (const auto& row : outcome.rows) {
    std::string line;
    for (const CellValue& cell : row) line += cell_plain(cell, Language::en) + " ";
    told.push_back(line);
  }
  CHECK(told ==
        std::vector<std::string>{
            "ecs-0001:reclaim:2026-06 ecs-0001 city 4.00 4.00 8.00 8.00 300.00  2026-10 ",
            "ecs-gone:reclaim:2026-06 ecs-gone city 4.00 8.00 8.00 16.00 300.00 600.00 2026-10 ",
            "ecs-0003:reclaim:2026-06 ecs-0003 city 4.00  8.00  300.00   ",
            "ecs-0005:reclaim:2026-06 ecs-0005 city -4.00 -4.00 -8.00 -8.00   2026-10 "});
}

TEST_CASE("operations hold the month's entries, and flag short notice and missing drills") {
  const Document document = operations_document(rules::testing::sample_table(), sources(), city);
  const std::string html = document_html(document, Language::zh);
  CHECK(has(html, "I-1"));
  CHECK_FALSE(has(html, "I-2"));  // a microsecond later: November in China
  CHECK_FALSE(has(html, "C-3"));
  CHECK(count_of(html, "不少于 3 个工作日") == 1);
  CHECK(count_of(html, "不足 3 个工作日") == 1);
  CHECK(has(html, "今年已开展应急演练 1 次，不足 2 次"));
  CHECK(has(html, "&lt;b&gt;中断&lt;/b&gt;"));
  CHECK_FALSE(has(html, "<b>"));
}

TEST_CASE("the security report shows what is still open, and what the log says of itself") {
  const Document document = security_document(rules::testing::sample_table(), sources(), city);
  const std::string csv = document_csv(document, Language::zh);
  CHECK(has(csv, "旧未修"));
  CHECK_FALSE(has(csv, "早已修"));
  CHECK(has(document.sections[0].paragraphs[0].en, "2 streams with 99 records"));
}

TEST_CASE("pages stand alone: no script, nothing from elsewhere, each chart drawn") {
  const Document document = utilization_document(rules::testing::sample_table(), sources(), city);
  const std::string html = document_html(document, Language::en);
  CHECK_FALSE(has(html, "<script"));
  for (const char* from_elsewhere : {"src=", "href=", "url(", "@import", "http-equiv=\"refresh"}) {
    CHECK_FALSE(has(html, from_elsewhere));
  }
  CHECK(count_of(html, "<svg") == 6);
  CHECK(count_of(html, "<svg") == count_of(html, "</svg>"));
  CHECK(count_of(html, "<tr>") == count_of(html, "</tr>"));
}

TEST_CASE("a CSV cell never begins a formula, and numbers stay numbers") {
  Document document{.key = "x", .name = {"甲", "x"}, .month = 2026y / 10};
  DocumentTable table{
      .key = "t", .name = {"表", "t"}, .columns = {{"a", {"甲", "a"}}, {"b", {"乙", "b"}}}};
  table.rows = {{std::string("=1+1"), Yuan{-150}}, {std::string("a,\"b\""), CellValue()}};
  document.sections.push_back({.tables = {table}});
  const std::string csv = document_csv(document, Language::zh);
  CHECK(has(csv, "'=1+1,-1.50\r\n"));
  CHECK(has(csv, "\"a,\"\"b\"\"\",\r\n"));
  CHECK(has(document_json(document), R"({"a":"=1+1","b":-1.50})"));
  CHECK(has(document_json(document), R"("b":null)"));
}

TEST_CASE("the auditor reads the hosts of the CSV, and finds a cell that was changed") {
  const UtilizationTable table = rules::testing::sample_table();
  for (const Language language : {Language::zh, Language::en}) {
    const bool chinese = language == Language::zh;
    const auto read = [&](const std::string& csv) {
      auto found = rules::hosts_csv_differences(
          csv, table, chinese ? rules::CsvLanguage::zh : rules::CsvLanguage::en);
      REQUIRE_MESSAGE(found, found.error().message);
      return *found;
    };
    std::string csv = document_csv(utilization_document(table, sources(), city), language);
    CHECK(read(csv).empty());
    const auto at = csv.find("test-legacy");
    REQUIRE(at != std::string::npos);
    csv.replace(at, 4, "TEST");
    const auto found = read(csv);
    REQUIRE(found.size() == 1);
    CHECK(rules::describe(found.front()) == (chinese
                                                 ? "ecs-0002 云主机: TEST-legacy -> test-legacy"
                                                 : "ecs-0002 host: TEST-legacy -> test-legacy"));
  }
}

TEST_CASE("a pack of some units does not deny what is done for the whole cloud") {
  PackSources pack = sources();
  pack.narrow = true;
  const Document document = operations_document(rules::testing::sample_table(), pack, city);
  const std::string html = document_html(document, Language::zh);
  CHECK(count_of(html, "本节为全市统一事项") == 3);
  CHECK(count_of(html, "涉及全市的事项见全市报告") == 2);
  const std::string security =
      document_html(security_document(rules::testing::sample_table(), pack, city), Language::zh);
  CHECK(count_of(security, "涉及全市的事项见全市报告") == 3);
  for (const char* kind : {"change", "drill", "duty"}) CHECK(find_kind(kind)->open);
  for (const char* kind : {"incident", "backup", "security_event", "vulnerability"}) {
    CHECK_FALSE(find_kind(kind)->open);
  }
}

TEST_CASE("operations list the systems with their protection level and zone") {
  PackSources pack = sources();
  pack.entries["system"] = {
      entry("system", "sys-1",
            {{"name", "门户"}, {"mlps_level", "3"}, {"zone", "internet"}, {"public", "yes"}})};
  pack.entries["host_terms"] = {entry("host_terms", "t-1", {{"host", "a"}, {"system", "sys-1"}})};
  const Document document = operations_document(rules::testing::sample_table(), pack, city);
  const std::string csv = document_csv(document, Language::zh);
  CHECK(has(csv, "等保级别,网络区域,面向公众,云主机"));
  CHECK(has(csv, "门户,3,互联网区,是,1"));
  const std::string english = document_html(document, Language::en);
  CHECK(has(english, ">MLPS level<"));
  CHECK(has(english, ">System<"));
  CHECK_FALSE(has(english, "mlps_level"));
}

TEST_CASE("the days of the heat map are named in the reader's language") {
  const Document document = utilization_document(rules::testing::sample_table(), sources(), city);
  const std::string chinese = document_html(document, Language::zh);
  const std::string english = document_html(document, Language::en);
  for (const auto& [zh, en] : weekdays) {
    CHECK(has(chinese, ">" + std::string(zh) + "<"));
    CHECK_FALSE(has(english, ">" + std::string(zh) + "<"));
    CHECK(has(english, ">" + std::string(en) + "<"));
  }
}

TEST_CASE("an empty month gives whole reports that say so") {
  UtilizationTable table{.month = 2026y / 2, .as_of = rules::month_end(2026y / 2)};
  table.rules = rules::default_rule_set().value();
  for (const Document& document :
       {utilization_document(table, {}, city), advice_document(table, {}, city),
        operations_document(table, {}, city), security_document(table, {}, city)}) {
    const std::string html = document_html(document, Language::zh);
    CHECK(has(html, "2026-02"));
    CHECK(has(html, "</html>"));
    const auto pdf = document_pdf(document, Language::zh);
    REQUIRE_MESSAGE(pdf, pdf.error().message);
    CHECK(pdf->bytes.starts_with("%PDF-"));
  }
}

TEST_CASE("the same document gives the same PDF") {
  const Document document = utilization_document(rules::testing::sample_table(), sources(), city);
  const auto first = document_pdf(document, Language::zh);
  const auto second = document_pdf(document, Language::zh);
  REQUIRE_MESSAGE(first, first.error().message);
  CHECK(first->bytes == second->bytes);
  CHECK(first->bytes.size() > 20000);
}

TEST_CASE("letters that no font of the machine has are counted, wherever they stand") {
  UtilizationTable table = rules::testing::sample_table();
  const auto unknown = [&] {
    const auto pdf = document_pdf(utilization_document(table, sources(), city), Language::zh);
    REQUIRE_MESSAGE(pdf, pdf.error().message);
    return pdf->unknown_letters;
  };
  CHECK(unknown() == 0);
  table.rows.back().host.name = "web-\xf4\x8f\xbf\xbd";  // U+10FFFD, of private use
  CHECK(unknown() == 2);  // in the list of hosts and where its verdict is explained
}

TEST_CASE("values read alike in every form") {
  CHECK(cell_text(CellValue(), Language::zh) == "—");
  CHECK(cell_plain(CellValue(), Language::zh).empty());
  CHECK(cell_text(Percent{1234}, Language::zh) == "12.3%");
  CHECK(cell_plain(Percent{1234}, Language::zh) == "12.34");
  CHECK(cell_text(std::uint64_t{1234567}, Language::zh) == "1,234,567");
  CHECK(cell_text(Yuan{-123456}, Language::zh) == "-1,234.56");
  CHECK(cell_text(rules::Words{"中", "en"}, Language::en) == "en");
}

}  // namespace
}  // namespace yunjian::collector
