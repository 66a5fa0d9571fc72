#include <CLI/CLI.hpp>

#include "auditor/export_command.h"
#include "auditor/proof_command.h"
#include "auditor/report_command.h"
#include "auditor/search_command.h"
#include "auditor/verify_command.h"
#include "auditor/witness_command.h"
#include "ledger/posix/posix_file_system.h"
#include "ledger/posix/secrecy.h"
#include "ledger/posix/system_clock.h"

namespace {

using namespace yunjian::auditor;

constexpr const char* exit_codes =
    "退出码 exit code: 0 完好 good, 1 篡改 tampered, 2 缺失 missing, 3 已申明缺口 declared gap, "
    "4 无法判定 cannot tell, 64 用法 usage";

void add_key(CLI::App& command, std::string& vkey) {
  command
      .add_option("--vkey", vkey, "日志公钥,须由其他渠道取得 / the log's key, obtained out of band")
      ->required();
}

// Options of a running collector; all three or none.
CLI::Option* add_live(CLI::App& command, LiveOptions& live) {
  auto* collector = command.add_option("--collector", live.collector,
                                       "运行中的采集中心 URL / URL of a running collector");
  auto* ca = command.add_option("--ca", live.ca_file,
                                "采集中心的 CA 证书 / the collector's CA certificate (PEM)");
  auto* token = command.add_option("--token-file", live.token_file,
                                   "令牌文件 / file that holds the API token");
  collector->needs(ca)->needs(token);
  return collector;
}

// Files that `verify` checks instead of a log.
struct VerifyFiles {
  std::string proof;
  std::string alarm;
  std::string exported;
  std::string lines;
};

void add_verify_keys(CLI::App& verify, VerifyOptions& options) {
  verify
      .add_option("--authority-vkey", options.authorities,
                  "主管部门背书公钥,可多次 / key whose endorsements count; several times")
      ->take_all();
  verify
      .add_option("--witness-vkey", options.witnesses,
                  "见证方公钥,可多次 / key whose cosignatures count; several times")
      ->take_all();
  verify.add_option("--quorum", options.quorum, "须有几个见证签名 / how many of them are needed")
      ->capture_default_str();
  verify.add_option("--threads", options.threads, "线程数 / threads (default: one a core)")
      ->check(CLI::Range(1U, 1024U));
  verify.add_flag("--resume", options.resume,
                  "从 --state 已核处接续,不重读之前的叶子 / go on behind what --state says was "
                  "verified; earlier leaves are not read again");
}

void add_verify(CLI::App& app, VerifyOptions& options, VerifyFiles& given) {
  CLI::App* verify = app.add_subcommand("verify",
                                        "核验日志:签名、历史一致、每条流的链、每个正文 / check "
                                        "that nothing was rewritten, dropped or invented");
  auto* collector = add_live(*verify, options.live);
  auto* data =
      verify->add_option("--data", options.data, "复制的数据目录 / a copied data directory");
  collector->excludes(data);
  verify
      ->add_flag_callback(
          "--no-index", [&options] { options.index = false; },
          "不核索引与派生字段(耗时) / do not check index and derived fields, which takes long")
      ->needs(data);
  auto* offline =
      verify->add_option("--proof", given.proof, "一条记录的证明文件 / proof file of one record");
  offline->excludes(collector)->excludes(data);
  verify
      ->add_option("--alarm", given.alarm,
                   "告警的证据文件 / evidence file of an alarm, kept by `witness` or an agent")
      ->excludes(collector)
      ->excludes(data)
      ->excludes(offline);
  auto* exported = verify->add_option("--export", given.exported,
                                      "`export` 的导出文件 / file that `export` wrote");
  exported->excludes(collector)->excludes(data)->excludes(offline);
  verify
      ->add_option("--lines", given.lines,
                   "将导出所含本期记录写入此文件 / file that gets the records of the export")
      ->needs(exported);
  add_key(*verify, options.vkey);
  add_verify_keys(*verify, options);
  verify->add_option("--state", options.state,
                     "保存已核验检查点的目录 / directory that remembers what was verified");
  verify
      ->add_option(
          "--predecessor", options.predecessor,
          "本日志所接续的、已失日志的数据目录(尽其所存) / data directory of the dead log that "
          "this one goes on for, as far as it is left")
      ->excludes(offline);
  verify->add_flag("--json", options.json, "输出 JSON / print JSON");
  verify->add_flag("--strict", options.strict, "提示也算作无法判定 / notices make the exit code 4")
      ->excludes(offline);
  verify->callback([&options, &given] {
    if (options.live.collector.empty() && options.data.empty() && given.proof.empty() &&
        given.alarm.empty() && given.exported.empty()) {
      throw CLI::ValidationError("verify",
                                 "give --collector URL, --data DIR, --proof, --export or --alarm "
                                 "FILE");
    }
  });
  verify->footer(exit_codes);
}

CLI::App* add_prove(CLI::App& app, ProveOptions& options) {
  CLI::App* prove = app.add_subcommand(
      "prove",
      "为一条记录出具可离线核验的证明文件 / write a proof of one record that is checked "
      "offline");
  prove->add_option("--record", options.record, "STREAM/NUMBER, 见 search / as search prints it")
      ->required();
  prove->add_option("--out", options.out, "证明文件 / file that gets the proof")->required();
  add_live(*prove, options.live)->required();
  add_key(*prove, options.vkey);
  prove->add_option("--state", options.state,
                    "已核验检查点的目录 / directory of what `verify` verified");
  prove->add_flag("--json", options.json, "输出 JSON / print JSON");
  prove->footer(exit_codes);
  return prove;
}

CLI::App* add_export(CLI::App& app, ExportOptions& options) {
  CLI::App* command = app.add_subcommand(
      "export",
      "导出单位或主机一段时期的记录,附完整性证明 / write a period of a unit or host with a proof "
      "that nothing of it is missing");
  auto* unit = command->add_option("--unit", options.unit, "单位 / unit");
  command->add_option("--host", options.host, "主机 / host")->excludes(unit);
  command->add_option("--from", options.from, "起 from (RFC 3339)")->required();
  command->add_option("--to", options.to, "止(不含)before (RFC 3339)")->required();
  command->add_option("--out", options.out, "导出文件 / file that gets the export")->required();
  add_live(*command, options.live)->required();
  add_key(*command, options.vkey);
  command->add_option("--state", options.state,
                      "已核验检查点的目录 / directory of what `verify` verified");
  command->add_flag("--json", options.json, "输出 JSON / print JSON");
  command->callback([&options] {
    if (options.unit.empty() && options.host.empty()) {
      throw CLI::ValidationError("export", "give --unit ID or --host NAME");
    }
  });
  command->footer(exit_codes);
  return command;
}

CLI::App* add_make_key(CLI::App& app, KeyOptions& options) {
  CLI::App* key = app.add_subcommand(
      "key",
      "生成见证或背书密钥,打印其公钥 / make a key of a witness or an authority; prints its vkey");
  key->add_option("--out", options.out, "密钥文件 / file that gets the key")->required();
  key->add_option("--name", options.name,
                  "密钥名称 / name of the key, such as witness.example.gov.cn")
      ->required();
  key->add_option("--kind", options.kind, "witness 见证 | authority 背书")->capture_default_str();
  key->add_option("--suite", options.suite, "算法 / algorithms: that of the log")
      ->capture_default_str();
  return key;
}

CLI::App* add_witness(CLI::App& app, WitnessOptions& options) {
  CLI::App* witness = app.add_subcommand(
      "witness",
      "见证:核验日志只增不改,签署并送回 / verify that the log only grows, cosign, give it back");
  auto* collector = add_live(*witness, options.live);
  auto* vkey = witness->add_option("--vkey", options.vkey, "日志公钥 / the log's key, out of band");
  collector->needs(vkey);
  witness
      ->add_option(
          "--logs", options.logs,
          "多个日志,每行 URL CA 令牌文件 公钥 / several: URL CA-FILE TOKEN-FILE VKEY a line")
      ->excludes(collector);
  witness->add_option("--key", options.key, "见证密钥 / key of the witness, made by `key`")
      ->required();
  witness
      ->add_option("--state", options.state,
                   "记住已签检查点的目录 / directory that remembers what was signed")
      ->required();
  witness->add_option(
      "--interval", options.interval_s,
      "每隔几秒一轮;不给则一轮即止 / seconds between rounds; without it, one round");
  witness
      ->add_option("--stale-after", options.stale_s,
                   "检查点几秒未增长即告警 / seconds without growth that are an alarm")
      ->capture_default_str();
  witness->add_flag("--json", options.json, "每行一个 JSON / one JSON object a line");
  witness->callback([&options] {
    if (options.live.collector.empty() && options.logs.empty()) {
      throw CLI::ValidationError("witness", "give --collector URL or --logs FILE");
    }
  });
  witness->footer(exit_codes);
  return witness;
}

CLI::App* add_endorse(CLI::App& app, EndorseOptions& options) {
  CLI::App* endorse = app.add_subcommand(
      "endorse",
      "为登记背书;不给 --stream 或 --all 则列出未背书者 / endorse enrolments; without "
      "--stream or --all, list those that are unendorsed");
  add_live(*endorse, options.live)->required();
  add_key(*endorse, options.vkey);
  endorse->add_option("--key", options.key, "背书密钥 / key made by `key --kind authority`")
      ->required();
  auto* stream = endorse->add_option("--stream", options.stream, "只背书此流 / this stream only");
  endorse->add_flag("--all", options.all, "全部未背书者 / all that are unendorsed")
      ->excludes(stream);
  endorse->add_option("--state", options.state,
                      "已核验检查点的目录 / directory of what `verify` verified");
  endorse->add_flag("--json", options.json, "列表以 JSON 输出 / list as JSON");
  endorse->footer(exit_codes);
  return endorse;
}

CLI::App* add_search(CLI::App& app, SearchOptions& options) {
  CLI::App* search =
      app.add_subcommand("search", "检索记录(未经核验)/ search records (not verified)");
  auto& question = options.question;
  search->add_option("--q", question.q, "检索式 / query, as the audit API takes it")->required();
  search->add_option("--from", question.from, "起 from (RFC 3339)");
  search->add_option("--to", question.to, "止(不含)before (RFC 3339)");
  search->add_option("--limit", question.limit, "最多几条 / at most so many")
      ->capture_default_str()
      ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{1'000'000'000}));
  add_live(*search, options.live)->required();
  search->add_flag("--json", options.json, "每行一个 JSON / one JSON object a line");
  search->footer("退出码 exit code: 0, 4 无应答 no answer, 64 用法或检索式有误 usage, query");
  return search;
}

CLI::App* add_report_check(CLI::App& app, ReportOptions& options) {
  CLI::App* command = app.add_subcommand("report-check",
                                         "月报核对:由封存记录重算每个数字 / recompute every figure "
                                         "of a monthly report from the sealed "
                                         "records; says equal, or which cell differs");
  auto* collector = add_live(*command, options.log.live);
  command->add_option("--data", options.log.data, "复制的数据目录 / a copied data directory")
      ->excludes(collector);
  command->add_option("--month", options.month, "月份 / month, YYYY-MM");
  command->add_option(
      "--pack", options.pack,
      "收到的月报目录(含 manifest)/ directory of the report as it was handed out, with its "
      "manifest; default: as it lies where the log is");
  add_key(*command, options.log.vkey);
  command->add_option(
      "--state", options.log.state,
      "已核验检查点的目录 / directory of what `verify` verified: the log is gone on "
      "from there");
  command->add_flag("--json", options.log.json, "输出 JSON / print JSON");
  command->add_flag("--strict", options.log.strict,
                    "提示也算作无法判定 / notices make the exit code 4");
  command->callback([&options] {
    if (options.log.live.collector.empty() && options.log.data.empty()) {
      throw CLI::ValidationError("report-check", "give --collector URL or --data DIR");
    }
  });
  command->footer(exit_codes);
  return command;
}

struct Commands {
  VerifyOptions verify;
  VerifyFiles verify_files;
  ProveOptions prove;
  SearchOptions search;
  KeyOptions key;
  WitnessOptions witness;
  EndorseOptions endorse;
  ExportOptions exporting_options;
  ReportOptions report;
  const CLI::App* exporting = nullptr;
  const CLI::App* proving = nullptr;
  const CLI::App* reporting = nullptr;
  const CLI::App* searching = nullptr;
  const CLI::App* making_key = nullptr;
  const CLI::App* witnessing = nullptr;
  const CLI::App* endorsing = nullptr;

  void add_to(CLI::App& app) {
    add_verify(app, verify, verify_files);
    proving = add_prove(app, prove);
    searching = add_search(app, search);
    exporting = add_export(app, exporting_options);
    reporting = add_report_check(app, report);
    witnessing = add_witness(app, witness);
    endorsing = add_endorse(app, endorse);
    making_key = add_make_key(app, key);
  }

  int run() const {
    yunjian::ledger::PosixFileSystem files;
    yunjian::ledger::SystemClock clock;
    yunjian::ledger::SystemRandom random;
    if (proving->parsed()) return run_prove(files, prove);
    if (searching->parsed()) return run_search(files, search);
    if (making_key->parsed()) return run_key(files, random, key);
    if (witnessing->parsed()) return run_witness(files, clock, witness);
    if (endorsing->parsed()) return run_endorse(files, clock, endorse);
    if (exporting->parsed()) return run_export(files, exporting_options);
    if (reporting->parsed()) return run_report_check(files, report);
    if (!verify_files.exported.empty()) {
      return run_verify_export(
          files, {verify_files.exported, verify.vkey, verify_files.lines, verify.json});
    }
    if (!verify_files.alarm.empty()) {
      return run_verify_alarm(files,
                              {verify_files.alarm, verify.vkey, verify.witnesses, verify.json});
    }
    if (verify_files.proof.empty()) return run_verify(files, verify);
    return run_verify_proof(files, {verify_files.proof, verify.vkey, verify.state, verify.json});
  }
};

}  // namespace

int main(int argc, char** argv) {
  yunjian::ledger::keep_memory_secret();
  CLI::App app(
      "云鉴审计工具 / Yunjian auditor: checks a collector's log without trusting the collector",
      "yunjian-audit");
  app.require_subcommand(1);
  Commands commands;
  commands.add_to(app);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : exit_usage;
  }
  return commands.run();
}
