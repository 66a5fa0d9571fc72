#include "auditor/verify_command.h"

#include <fmt/format.h>

#include <chrono>
#include <cstdio>

#include "auditor/directory_evidence.h"
#include "auditor/live_evidence.h"
#include "auditor/pinned_state.h"
#include "auditor/verify_report.h"

namespace yunjian::auditor {

using ledger::Result;

namespace {

int complain(int code, std::string_view message) {
  fmt::print(stderr, "yunjian-audit: {}\n", message);
  return code;
}

std::string first_line(std::string_view text) {
  return std::string(text.substr(0, text.find_first_of("\r\n")));
}

Result<std::unique_ptr<Evidence>> open_evidence(ledger::FileSystem& files,
                                                const VerifyOptions& options,
                                                const ledger::Suite& suite) {
  if (!options.data.empty()) {
    return std::unique_ptr<Evidence>(new DirectoryEvidence(files, options.data, suite));
  }
  auto client = open_client(files, options.live);
  if (!client) return ledger::failure(client);
  return std::unique_ptr<Evidence>(new LiveEvidence(std::move(*client), suite));
}

}  // namespace

int run_verify(ledger::FileSystem& files, const VerifyOptions& options) {
  auto log = ledger::Verifier::from_vkey(first_line(options.vkey));
  if (!log) return complain(exit_usage, "--vkey: " + log.error().message);
  std::optional<PinnedState> state;
  if (!options.state.empty()) {
    auto opened = PinnedState::open(files, options.state, *log);
    if (!opened) {
      const bool wrong_key = opened.error().kind == ledger::ErrorKind::reject;
      return complain(wrong_key ? exit_usage : exit_cannot_tell, opened.error().message);
    }
    state = std::move(*opened);
  }
  auto evidence = open_evidence(files, options, log->suite());
  if (!evidence) return complain(exit_usage, evidence.error().message);

  const auto start = std::chrono::steady_clock::now();
  LogVerifier verifier(*log, state ? state->tree() : std::nullopt);
  auto result = verifier.run(**evidence);
  if (!result)
    return complain(exit_cannot_tell, "无法核验 cannot verify: " + result.error().message);
  const VerifyReport report{&*result, log->name(),
                            options.data.empty() ? options.live.collector : options.data,
                            std::chrono::steady_clock::now() - start, options.strict};
  fmt::print("{}", options.json ? format_json(report) : format_text(report));

  const int code = result->findings.exit_code(options.strict);
  // Only a log that held in full becomes what later runs are measured by.
  if (state && !result->checkpoint.empty() && (code == 0 || code == 3 || code == 4)) {
    auto saved = state->save(result->checkpoint, result->tree);
    if (!saved)
      return complain(exit_cannot_tell, "cannot keep the state: " + saved.error().message);
  }
  return code;
}

}  // namespace yunjian::auditor
