#include <CLI/CLI.hpp>

#include "auditor/proof_command.h"
#include "auditor/search_command.h"
#include "auditor/verify_command.h"
#include "ledger/posix/posix_file_system.h"

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

void add_verify(CLI::App& app, VerifyOptions& options, std::string& proof) {
  CLI::App* verify = app.add_subcommand("verify",
                                        "核验日志:签名、历史一致、每条流的链、每个正文 / check "
                                        "that nothing was rewritten, dropped or invented");
  auto* collector = add_live(*verify, options.live);
  auto* data =
      verify->add_option("--data", options.data, "复制的数据目录 / a copied data directory");
  collector->excludes(data);
  auto* offline =
      verify->add_option("--proof", proof, "一条记录的证明文件 / proof file of one record");
  offline->excludes(collector)->excludes(data);
  add_key(*verify, options.vkey);
  verify->add_option("--state", options.state,
                     "保存已核验检查点的目录 / directory that remembers what was verified");
  verify->add_flag("--json", options.json, "输出 JSON / print JSON");
  verify->add_flag("--strict", options.strict, "提示也算作无法判定 / notices make the exit code 4")
      ->excludes(offline);
  verify->callback([&options, &proof] {
    if (options.live.collector.empty() && options.data.empty() && proof.empty()) {
      throw CLI::ValidationError("verify", "give --collector URL, --data DIR or --proof FILE");
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

}  // namespace

int main(int argc, char** argv) {
  CLI::App app(
      "云鉴审计工具 / Yunjian auditor: checks a collector's log without trusting the collector",
      "yunjian-audit");
  app.require_subcommand(1);
  VerifyOptions verify;
  std::string proof;
  ProveOptions prove;
  SearchOptions search;
  add_verify(app, verify, proof);
  const CLI::App* proving = add_prove(app, prove);
  const CLI::App* searching = add_search(app, search);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : exit_usage;
  }
  yunjian::ledger::PosixFileSystem files;
  if (proving->parsed()) return run_prove(files, prove);
  if (searching->parsed()) return run_search(files, search);
  if (proof.empty()) return run_verify(files, verify);
  return run_verify_proof(files, {proof, verify.vkey, verify.state, verify.json});
}
