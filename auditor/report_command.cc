#include "auditor/report_command.h"

#include <fmt/format.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <chrono>
#include <thread>

#include "auditor/collector_client.h"
#include "auditor/pinned_state.h"
#include "auditor/printable.h"
#include "auditor/report_check.h"
#include "auditor/saved_check.h"
#include "auditor/verifier.h"

namespace yunjian::auditor {

using ledger::ErrorKind;
using ledger::Result;

namespace {

using SteadyClock = std::chrono::steady_clock;

// What the command was at when it ended, and how long it took.
struct Times {
  double log_s = 0;
  double report_s = 0;
  std::uint64_t resumed_at = 0;
};

double seconds_since(SteadyClock::time_point start) {
  return std::chrono::duration<double>(SteadyClock::now() - start).count();
}

// The log, verified from where --state says that it was verified before.
Result<VerifyResult> verify_log(ledger::FileSystem& files, const ReportOptions& options,
                                const ledger::Verifier& log) {
  const VerifyOptions& where = options.log;
  VerifySettings settings{.threads = std::thread::hardware_concurrency()};
  std::optional<PinnedState> state;
  if (!where.state.empty()) {
    auto opened = PinnedState::open(files, where.state, log);
    if (!opened) return ledger::failure(opened);
    state = std::move(*opened);
    const std::string path = saved_check_path(where.state, log);
    auto saved = read_saved_check(files, path);
    if (!saved) return ledger::failure(saved);
    settings.resume = std::move(*saved);
    settings.save = [&files, path](const SavedCheck& check) {
      if (auto written = write_saved_check(files, path, check); !written) {
        complain(0, "cannot keep the progress: " + written.error().message);
      }
    };
  }
  auto evidence = open_evidence(files, where, log.suite());
  if (!evidence) return ledger::failure(evidence);
  LogVerifier verifier(log, state ? state->tree() : std::nullopt, std::move(settings));
  auto result = verifier.run(**evidence);
  if (!result) return result;
  const int code = result->findings.exit_code(false);
  if (state && !result->checkpoint.empty() && (code == 0 || code == 3 || code == 4)) {
    if (auto kept = state->save(result->checkpoint, result->tree); !kept) {
      return ledger::failure(kept);
    }
  }
  return result;
}

// Files of a directory, or of the running collector, or of the copied data directory's newest
// revision.
Result<PackFile> pack_files(ledger::FileSystem& files, const ReportOptions& options) {
  if (!options.pack.empty()) {
    return PackFile([&files, directory = options.pack](const std::string& path) {
      return files.read_file(ledger::join_path(directory, path));
    });
  }
  if (!options.log.data.empty()) {
    const std::string month = options.log.data + "/reports/" + options.month;
    auto names = files.list(month);
    if (!names) return ledger::failure(names, "no pack of this month");
    std::uint64_t newest = 0;
    for (const std::string& name : *names) {
      const auto number = ledger::parse_decimal(std::string_view(name).substr(1));
      if (name.starts_with('r') && number) newest = std::max(newest, *number);
    }
    return PackFile(
        [&files, directory = fmt::format("{}/r{}", month, newest)](const std::string& path) {
          return files.read_file(ledger::join_path(directory, path));
        });
  }
  auto client = CollectorClient::open(files, options.log.live);
  if (!client) return ledger::failure(client);
  auto shared = std::make_shared<CollectorClient>(std::move(*client));
  return PackFile([shared, month = options.month](const std::string& path) {
    return shared->text("/v1/reports/" + month + "/pack/" + escape_path(path));
  });
}

void print_json(const ReportCheckResult& result, const Times& times, int code) {
  rapidjson::StringBuffer buffer;
  rapidjson::Writer<rapidjson::StringBuffer> json(buffer);
  const auto text = [&json](const char* key, std::string_view value) {
    json.Key(key);
    json.String(value.data(), static_cast<rapidjson::SizeType>(value.size()));
  };
  const auto number = [&json](const char* key, std::uint64_t value) {
    json.Key(key);
    json.Uint64(value);
  };
  json.StartObject();
  json.Key("exit");
  json.Int(code);
  text("month", result.manifest.month);
  number("revision", result.manifest.revision);
  if (result.leaf) number("leaf", *result.leaf);
  number("files", result.files);
  number("files_absent", result.absent);
  number("files_hash_only", result.hash_only);
  number("tables", result.tables);
  number("csv_tables", result.csv_tables);
  number("hosts", result.hosts);
  number("standings", result.standings);
  number("advices", result.advices);
  number("registers", result.registers);
  number("records", result.records);
  number("resumed_at", times.resumed_at);
  json.Key("log_seconds");
  json.Double(times.log_s);
  json.Key("report_seconds");
  json.Double(times.report_s);
  json.Key("findings");
  json.StartArray();
  for (const Finding& finding : result.findings.kept()) {
    json.StartObject();
    text("kind", to_string(finding.kind));
    text("place", finding.place);
    text("zh", finding.zh);
    text("en", finding.en);
    json.EndObject();
  }
  json.EndArray();
  json.EndObject();
  fmt::print("{}\n", buffer.GetString());
}

void print_text(const ReportCheckResult& result, const Times& times, int code) {
  fmt::print(
      "{} 月报第 {} 版:{} 个文件与清单一致核对,{} 个未提供;{} 张利用情况表(JSON)和 {} "
      "张主机明细(CSV)、"
      "{} 台云主机由 {} 条封存记录重算,用时 {:.1f} 秒(核验日志 {:.1f} 秒)\n",
      printable(result.manifest.month), result.manifest.revision, result.files, result.absent,
      result.tables, result.csv_tables, result.hosts, result.records, times.report_s, times.log_s);
  fmt::print(
      "report of {}, revision {}: {} files held against the manifest, {} not handed out; {} tables "
      "(JSON) and {} tables of hosts (CSV) of {} hosts refolded from {} sealed records in {:.1f} s "
      "(log verified in {:.1f} s)\n",
      printable(result.manifest.month), result.manifest.revision, result.files, result.absent,
      result.tables, result.csv_tables, result.hosts, result.records, times.report_s, times.log_s);
  fmt::print(
      "  {} 个文件只核对了哈希,内容未重算 / {} files: hash only, nothing in them was computed "
      "again\n",
      result.hash_only, result.hash_only);
  for (const Finding& finding : result.findings.kept()) {
    fmt::print("  [{}] {}\n      {}\n      {}\n", to_string(finding.kind), printable(finding.place),
               printable(finding.zh), printable(finding.en));
  }
  if (code != 0) return;
  fmt::print(
      "  相符:上述表格与封存记录重算结果一致;其余文件只是封存时的原样,其中的数字未经核对\n"
      "  equal: the tables named above are what the sealed records give; the other files are only "
      "as "
      "they were sealed, their figures were not checked\n");
}

Result<ReportCheckResult> check_against(ledger::FileSystem& files, const ReportOptions& options,
                                        const ledger::Verifier& log, const ledger::TreeHead& tree) {
  auto pack = pack_files(files, options);
  if (!pack) return ledger::failure(pack);
  auto evidence = open_evidence(files, options.log, log.suite());
  if (!evidence) return ledger::failure(evidence);
  return ReportCheck(log, tree, std::move(*pack), std::thread::hardware_concurrency())
      .run(**evidence, options.month);
}

// A report whose leaf lies in front of what --state says was verified: the leaves must give that
// root, and bodies are held against their headers; nothing else has to be verified again. Without a
// leaf in the result the log has to be verified first.
Result<ReportCheckResult> check_verified(ledger::FileSystem& files, const ReportOptions& options,
                                         const ledger::Verifier& log, Times& times) {
  if (options.log.state.empty()) return ReportCheckResult();
  auto state = PinnedState::open(files, options.log.state, log);
  if (!state) return ledger::failure(state);
  if (!state->tree()) return ReportCheckResult();
  const auto start = SteadyClock::now();
  auto result = check_against(files, options, log, *state->tree());
  times.report_s = seconds_since(start);
  times.resumed_at = state->tree()->size;
  return result;
}

Result<ReportCheckResult> verify_and_check(ledger::FileSystem& files, const ReportOptions& options,
                                           const ledger::Verifier& log, Times& times) {
  auto start = SteadyClock::now();
  auto verified = verify_log(files, options, log);
  if (!verified) return ledger::failure(verified);
  times.log_s = seconds_since(start);
  times.resumed_at = verified->resumed_at;
  start = SteadyClock::now();
  auto result = check_against(files, options, log, verified->tree);
  if (!result) return result;
  times.report_s = seconds_since(start);
  // What is wrong with the log is wrong with what was made from it.
  Findings all;
  for (const Finding& finding : verified->findings.kept()) {
    if (finding.kind != FindingKind::notice) all.add(finding);
  }
  all.merge(result->findings);
  result->findings = std::move(all);
  return result;
}

int code_of(const ledger::Error& error) {
  if (error.kind == ErrorKind::corrupt) return complain(1, error.message);
  return complain(error.kind == ErrorKind::reject ? exit_usage : exit_cannot_tell, error.message);
}

}  // namespace

int run_report_check(ledger::FileSystem& files, const ReportOptions& options) {
  auto log = ledger::Verifier::from_vkey(first_line(options.log.vkey));
  if (!log) return complain(exit_usage, "--vkey: " + log.error().message);
  if (options.pack.empty() && !rules::parse_month(options.month)) {
    return complain(exit_usage, "give --month YYYY-MM, or --pack DIR");
  }
  Times times;
  auto result = check_verified(files, options, *log, times);
  if (result && !result->leaf) result = verify_and_check(files, options, *log, times);
  if (!result) return code_of(result.error());
  const int code = result->findings.exit_code(options.log.strict);
  if (options.log.json) {
    print_json(*result, times, code);
  } else {
    print_text(*result, times, code);
  }
  return code;
}

}  // namespace yunjian::auditor
