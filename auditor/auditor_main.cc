#include <CLI/CLI.hpp>

#include "auditor/verify_command.h"
#include "ledger/posix/posix_file_system.h"

namespace {

void add_verify(CLI::App& app, yunjian::auditor::VerifyOptions& options) {
  CLI::App* verify = app.add_subcommand("verify",
                                        "核验日志:签名、历史一致、每条流的链、每个正文 / check "
                                        "that nothing was rewritten, dropped or invented");
  auto* collector = verify->add_option("--collector", options.collector,
                                       "运行中的采集中心 URL / URL of a running collector");
  auto* data =
      verify->add_option("--data", options.data, "复制的数据目录 / a copied data directory");
  collector->excludes(data);
  auto* ca = verify->add_option("--ca", options.ca_file,
                                "采集中心的 CA 证书 / the collector's CA certificate (PEM)");
  auto* token = verify->add_option("--token-file", options.token_file,
                                   "令牌文件 / file that holds the API token");
  collector->needs(ca)->needs(token);
  verify
      ->add_option("--vkey", options.vkey,
                   "日志公钥,须由其他渠道取得 / the log's key, obtained out of band")
      ->required();
  verify->add_option("--state", options.state,
                     "保存已核验检查点的目录 / directory that remembers what was verified");
  verify->add_flag("--json", options.json, "输出 JSON / print JSON");
  verify->add_flag("--strict", options.strict, "提示也算作无法判定 / notices make the exit code 4");
  verify->callback([&options] {
    if (options.collector.empty() && options.data.empty()) {
      throw CLI::ValidationError("verify", "give --collector URL or --data DIR");
    }
  });
  verify->footer(
      "退出码 exit code: 0 完好 good, 1 篡改 tampered, 2 缺失 missing, 3 已申明缺口 declared gap, "
      "4 无法判定 cannot tell, 64 用法 usage");
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app(
      "云鉴审计工具 / Yunjian auditor: checks a collector's log without trusting the collector",
      "yunjian-audit");
  app.require_subcommand(1);
  yunjian::auditor::VerifyOptions options;
  add_verify(app, options);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : yunjian::auditor::exit_usage;
  }
  yunjian::ledger::PosixFileSystem files;
  return yunjian::auditor::run_verify(files, options);
}
