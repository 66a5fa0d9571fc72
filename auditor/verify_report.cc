#include "auditor/verify_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "auditor/findings_output.h"

namespace yunjian::auditor {
namespace {

struct VerdictWords {
  std::string_view word;
  std::string_view zh;
  std::string_view en;
};

VerdictWords words_of(int code) {
  switch (code) {
    case 0:
      return {"good", "完好:未发现改写、缺失或伪造",
              "good: nothing was rewritten, dropped or invented"};
    case 1:
      return {"tampered", "已被篡改", "tampered with"};
    case 2:
      return {"missing", "有缺失", "evidence is missing"};
    case 3:
      return {"declared gap", "有已申明的缺口,其余完好",
              "bodies are absent as declared; the rest is good"};
    default:
      return {"cannot tell", "无法判定", "cannot tell"};
  }
}

std::array<std::pair<std::string_view, std::uint64_t>, 17> rows_of(const VerifyResult& result) {
  const VerifyCounts& counts = result.counts;
  return {{{"leaves", counts.leaves},
           {"enrolments", counts.enrolments},
           {"unendorsed", counts.unendorsed},
           {"forks", counts.forks},
           {"streams", counts.streams},
           {"batches", counts.batches.batches},
           {"records", counts.batches.records},
           {"bodies_verified", counts.batches.bodies},
           {"bodies_absent", counts.batches.bodies_absent},
           {"batches_missing", counts.batches.batches_missing},
           {"bodies_purged", counts.batches.bodies_purged},
           {"silences", counts.batches.silences},
           {"rosters", counts.book.rosters},
           {"endorsements", counts.book.endorsements},
           {"retirements", counts.book.retirements},
           {"checkpoints_shown", counts.checkpoints_shown},
           {"checkpoints_kept", counts.checkpoints_kept}}};
}

constexpr std::array<std::string_view, 17> row_titles = {"日志叶子 leaves",
                                                         "登记 enrolments",
                                                         "其中未背书 unendorsed",
                                                         "分叉 forks",
                                                         "流 streams",
                                                         "批次 batches",
                                                         "记录 records",
                                                         "正文已核 bodies verified",
                                                         "正文缺失 bodies absent",
                                                         "缺失批次 batches missing",
                                                         "依法清除 bodies purged",
                                                         "静默时段 silences",
                                                         "名册 rosters",
                                                         "主管部门背书 endorsements",
                                                         "注销 retirements",
                                                         "代理所见检查点 checkpoints shown",
                                                         "历日所存检查点 checkpoints kept"};

// "  3  流:… streams: …   1234 in 0.10 s, 12340/s   note"
std::string format_levels(const std::vector<Level>& levels) {
  std::string out;
  int number = 0;
  for (const Level& level : levels) {
    const double seconds = level.took.count();
    out += fmt::format("  {}. {} / {}: {}", ++number, level.zh, level.en, level.count);
    if (seconds > 0) {
      out +=
          fmt::format(", {:.3f} s, {:.0f}/s", seconds, static_cast<double>(level.count) / seconds);
    }
    if (!level.note_zh.empty()) out += fmt::format("\n     {} / {}", level.note_zh, level.note_en);
    out += '\n';
  }
  return out + "\n";
}

void write_levels(JsonWriter& json, const std::vector<Level>& levels) {
  json.Key("levels");
  json.StartArray();
  for (const Level& level : levels) {
    json.StartObject();
    write_text(json, "name", level.name);
    write_number(json, "count", level.count);
    json.Key("seconds");
    json.Double(level.took.count());
    if (level.took.count() > 0) {
      json.Key("per_second");
      json.Double(std::round(static_cast<double>(level.count) / level.took.count()));
    }
    if (!level.note_en.empty()) {
      write_text(json, "zh", level.note_zh);
      write_text(json, "en", level.note_en);
    }
    json.EndObject();
  }
  json.EndArray();
}

}  // namespace

std::string format_text(const VerifyReport& report) {
  const VerifyResult& result = *report.result;
  std::string out = fmt::format("云鉴核验 Yunjian verify\n  日志 log      {}\n  来源 source   {}\n",
                                report.origin, report.source);
  out += fmt::format("  检查点 tree   {} leaves, root {}\n", result.tree.size,
                     ledger::to_base64(ledger::as_view(result.tree.root)));
  if (result.resumed_at > 0) {
    out += fmt::format(
        "  接续 resumed   叶子 0..{} 此前已核,本次未重读 / leaves 0..{} were verified "
        "before and not read again\n",
        result.resumed_at - 1, result.resumed_at - 1);
  }
  out += '\n';
  out += format_levels(result.levels);
  const auto rows = rows_of(result);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    out += fmt::format("  {:>12}  {}\n", rows[i].second, row_titles[i]);
  }
  out += '\n';
  out += format_findings(result.findings);
  for (const FindingKind kind :
       {FindingKind::tampered, FindingKind::missing, FindingKind::lost, FindingKind::cannot_tell,
        FindingKind::declared_gap, FindingKind::notice}) {
    const std::uint64_t count = result.findings.count(kind);
    if (count <= Findings::kept_per_kind_max) continue;
    out += fmt::format("  [{}] 共 {} 处,以上为前 {} 处 ({} in all, the first are shown)\n",
                       to_string(kind), count, Findings::kept_per_kind_max, count);
  }
  const VerdictWords verdict = words_of(result.findings.exit_code(report.strict));
  out += fmt::format("\n  结论 verdict: {} / {}\n", verdict.zh, verdict.en);
  const double seconds = report.took.count();
  out +=
      fmt::format("  用时 {:.2f} s, {:.0f} records/s\n", seconds,
                  seconds > 0 ? static_cast<double>(result.counts.batches.records) / seconds : 0);
  return out;
}

std::string format_json(const VerifyReport& report) {
  const VerifyResult& result = *report.result;
  const int code = result.findings.exit_code(report.strict);
  rapidjson::StringBuffer buffer;
  JsonWriter json(buffer);
  json.StartObject();
  write_text(json, "origin", report.origin);
  write_text(json, "source", report.source);
  json.Key("exit");
  json.Int(code);
  write_text(json, "verdict", words_of(code).word);
  write_number(json, "tree_size", result.tree.size);
  json.Key("counts");
  json.StartObject();
  for (const auto& [name, count] : rows_of(result)) write_number(json, name, count);
  json.EndObject();
  write_number(json, "resumed_at", result.resumed_at);
  write_levels(json, result.levels);
  write_findings(json, result.findings);
  json.Key("seconds");
  json.Double(report.took.count());
  json.EndObject();
  return std::string(buffer.GetString(), buffer.GetSize()) + "\n";
}

std::string format_progress(std::uint64_t done, std::uint64_t all,
                            std::chrono::duration<double> took) {
  constexpr std::uint64_t width = 30;
  const double share =
      all == 0 ? 1 : std::min(1.0, static_cast<double>(done) / static_cast<double>(all));
  const auto filled = static_cast<std::size_t>(share * width);
  return fmt::format("[{}{}] {:3.0f} %  {}/{} leaves  {:.0f} s", std::string(filled, '#'),
                     std::string(width - filled, '.'), std::floor(share * 100), done, all,
                     took.count());
}

}  // namespace yunjian::auditor
