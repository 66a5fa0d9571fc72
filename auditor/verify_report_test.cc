#include "auditor/verify_report.h"

#include <doctest/doctest.h>
#include <rapidjson/document.h>

#include "auditor/directory_evidence.h"
#include "auditor/testing/sample_log.h"
#include "auditor/testing/sample_usage.h"

namespace yunjian::auditor {
namespace {

using std::chrono::milliseconds;

// What was found and counted is made up here: only the words are looked at.
struct Made {
  Made() {
    result.tree.size = 4096;
    result.counts.leaves = 4096;
    result.counts.unendorsed = 2;
    result.counts.batches.records = 120000;
    result.levels.push_back({"log", "日志一致", "log consistency", 4096, milliseconds(500),
                             "无先前状态", "no earlier state"});
    result.levels.push_back({"hours", "小时与分钟", "hours against minutes", 24, {}, "", ""});
  }
  VerifyReport report(bool strict = false) const {
    return {&result, "log.example", "/mnt/copy", milliseconds(2000), strict};
  }
  void add(FindingKind kind, std::string place) {
    result.findings.add({kind, std::move(place), "正文缺失", "the records are absent"});
  }
  VerifyResult result;
};

bool has(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

TEST_CASE("a report says in both languages what was checked, with counts, time and speed") {
  Made made;
  made.result.resumed_at = 100;
  const std::string text = format_text(made.report());
  CHECK(has(text, "云鉴核验 Yunjian verify\n  日志 log      log.example\n"));
  CHECK(has(text, "来源 source   /mnt/copy\n  检查点 tree   4096 leaves, root AAAA"));
  CHECK(has(text, "叶子 0..99 此前已核,本次未重读 / leaves 0..99 were verified before"));
  CHECK(has(text,
            "  1. 日志一致 / log consistency: 4096, 0.500 s, 8192/s\n"
            "     无先前状态 / no earlier state\n"));
  CHECK(has(text, "  2. 小时与分钟 / hours against minutes: 24\n"));
  CHECK(has(text, "             2  其中未背书 unendorsed\n"));
  CHECK(has(text, "用时 2.00 s, 60000 records/s\n"));
}

TEST_CASE("each verdict has its words in both languages") {
  struct Case {
    std::optional<FindingKind> kind;
    int code;
    std::string_view word;
    std::string_view line;
  };
  using enum FindingKind;
  for (const Case& each : std::initializer_list<Case>{
           {std::nullopt, 0, "good",
            "结论 verdict: 完好:未发现改写、缺失或伪造 / good: nothing was rewritten, dropped or "
            "invented\n"},
           {tampered, 1, "tampered", "结论 verdict: 已被篡改 / tampered with\n"},
           {missing, 2, "missing", "结论 verdict: 有缺失 / evidence is missing\n"},
           {lost, 2, "missing", "结论 verdict: 有缺失 / evidence is missing\n"},
           {declared_gap, 3, "declared gap",
            "结论 verdict: 有已申明的缺口,其余完好 / bodies are absent as declared; the rest is "
            "good\n"},
           {cannot_tell, 4, "cannot tell", "结论 verdict: 无法判定 / cannot tell\n"}}) {
    Made made;
    if (each.kind) made.add(*each.kind, "stream 5f.1 batch 7");
    const std::string text = format_text(made.report());
    CHECK(has(text, each.line));
    rapidjson::Document json;
    json.Parse(format_json(made.report()).c_str());
    REQUIRE_FALSE(json.HasParseError());
    CHECK(json["exit"].GetInt() == each.code);
    CHECK(json["verdict"].GetString() == each.word);
    if (!each.kind) continue;
    CHECK(has(text, "stream 5f.1 batch 7"));
    CHECK(has(text, "正文缺失"));
    CHECK(has(text, "the records are absent"));
    const auto& finding = json["findings"][0];
    CHECK(finding["kind"].GetString() == to_string(*each.kind));
    CHECK(finding["place"].GetString() == std::string_view("stream 5f.1 batch 7"));
    CHECK(finding["zh"].GetString() == std::string_view("正文缺失"));
    CHECK(finding["en"].GetString() == std::string_view("the records are absent"));
  }
  Made made;
  made.add(FindingKind::notice, "leaf 3");
  CHECK(has(format_text(made.report()), "完好"));
  CHECK(has(format_text(made.report(true)), "无法判定 / cannot tell"));
}

TEST_CASE("findings beyond what is kept are counted, not shown") {
  Made made;
  for (int i = 0; i < 120; ++i) made.add(FindingKind::missing, "leaf " + std::to_string(i));
  const std::string text = format_text(made.report());
  CHECK(has(text, "[missing] 共 120 处,以上为前 100 处 (120 in all, the first are shown)\n"));
  CHECK(has(text, "leaf 99"));
  CHECK_FALSE(has(text, "leaf 100"));
}

TEST_CASE("the JSON has levels with count, time and speed, and all counts") {
  Made made;
  rapidjson::Document json;
  json.Parse(format_json(made.report()).c_str());
  REQUIRE_FALSE(json.HasParseError());
  const auto& level = json["levels"][0];
  CHECK(level["name"].GetString() == std::string_view("log"));
  CHECK(level["count"].GetUint64() == 4096);
  CHECK(level["seconds"].GetDouble() == 0.5);
  CHECK(level["per_second"].GetDouble() == 8192);
  CHECK(level["zh"].GetString() == std::string_view("无先前状态"));
  CHECK_FALSE(json["levels"][1].HasMember("per_second"));
  CHECK(json["counts"]["records"].GetUint64() == 120000);
  CHECK(json["tree_size"].GetUint64() == 4096);
  CHECK(json["resumed_at"].GetUint64() == 0);
  CHECK(json["seconds"].GetDouble() == 2.0);
}

TEST_CASE("the progress bar fills up and never runs over") {
  CHECK(format_progress(0, 1000, milliseconds(0)) ==
        "[..............................]   0 %  0/1000 leaves  0 s");
  CHECK(format_progress(500, 1000, milliseconds(81000)) ==
        "[###############...............]  50 %  500/1000 leaves  81 s");
  CHECK(format_progress(1200, 1000, milliseconds(1000)) ==
        "[##############################] 100 %  1200/1000 leaves  1 s");
  CHECK(has(format_progress(~std::uint64_t{0}, ~std::uint64_t{0}, milliseconds(0)), "100 %"));
}

TEST_CASE("hours have a time of their own, whether bodies come with their leaves or behind them") {
  testing::SampleLog log;
  log.enrol("collector", "collector");
  const std::size_t host = log.enrol("tax", "web-01");
  testing::SampleUsage usage(log.now());
  for (int i = 0; i < 5; ++i) log.seal(host, {usage.minute(10 + i)});
  log.seal(host, {usage.hour()});
  for (const std::size_t filed : {std::size_t{0}, log.entries().size()}) {
    log.write_with_part(filed);
    DirectoryEvidence evidence(log.files(), "/data", log.verifier().suite());
    LogVerifier verifier(log.verifier(), std::nullopt);
    const VerifyResult result = verifier.run(evidence).value();
    CHECK(result.findings.exit_code(false) == 0);
    const Level& bodies = result.levels.at(3);
    const Level& hours = result.levels.at(4);
    CHECK(bodies.name == "bodies");
    CHECK(bodies.count == 6);
    CHECK(bodies.took.count() > 0);
    CHECK(hours.name == "hours");
    CHECK(hours.count == 1);
    CHECK(hours.took.count() > 0);
  }
}

}  // namespace
}  // namespace yunjian::auditor
