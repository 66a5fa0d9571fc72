#include "auditor/verify_command.h"

#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <thread>

#include "auditor/directory_evidence.h"
#include "auditor/index_level.h"
#include "auditor/live_evidence.h"
#include "auditor/pinned_state.h"
#include "auditor/verify_report.h"
#include "rules/classify/derived_fields.h"

namespace yunjian::auditor {

using ledger::Result;

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

namespace {

// On a terminal only.
class ProgressLine {
 public:
  ProgressLine() : shown_(::isatty(STDERR_FILENO) != 0) {}
  ~ProgressLine() {
    if (told_) fmt::print(stderr, "\r\x1b[K");
  }
  void operator()(std::uint64_t done, std::uint64_t all) {
    const auto now = std::chrono::steady_clock::now();
    if (!shown_ || all == 0 || now - last_ < std::chrono::milliseconds(200)) return;
    last_ = now;
    told_ = true;
    fmt::print(stderr, "\r{}", format_progress(done, all, now - start_));
    std::fflush(stderr);
  }

 private:
  bool shown_;
  bool told_ = false;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  std::chrono::steady_clock::time_point last_;
};

Result<VerifySettings> settings_of(const VerifyOptions& options) {
  VerifySettings settings;
  auto authorities = read_vkeys(options.authorities, ledger::SignatureKind::plain);
  if (!authorities) return ledger::failure(authorities, "--authority-vkey");
  auto witnesses = read_vkeys(options.witnesses, ledger::SignatureKind::cosignature);
  if (!witnesses) return ledger::failure(witnesses, "--witness-vkey");
  settings.authorities = std::move(*authorities);
  settings.witnesses = std::move(*witnesses);
  settings.quorum = options.quorum;
  settings.threads = options.threads > 0 ? options.threads : std::thread::hardware_concurrency();
  return settings;
}

// Lets the check go on where an earlier one stopped, and keeps where it gets.
Result<void> add_saved(ledger::FileSystem& files, const VerifyOptions& options,
                       const ledger::Verifier& log, VerifySettings& settings) {
  if (options.state.empty()) return {};
  const std::string path = saved_check_path(options.state, log);
  if (options.resume) {
    auto saved = read_saved_check(files, path);
    if (!saved) return ledger::failure(saved);
    settings.resume = std::move(*saved);
  }
  settings.save = [&files, path](const SavedCheck& check) {
    if (auto written = write_saved_check(files, path, check); !written) {
      complain(0, "cannot keep the progress: " + written.error().message);
    }
  };
  return {};
}

// What is held of a dead log: all that its data directory still gives; else where the streams stood
// when `state` was written. Reject: another key is pinned for that log.
Result<DeadLog> read_dead_log(ledger::FileSystem& files, const VerifyOptions& options,
                              const ledger::Verifier& dead) {
  DeadLog known;
  std::optional<ledger::TreeHead> pinned;
  if (!options.state.empty()) {
    auto state = PinnedState::open(files, options.state, dead);
    if (!state) return ledger::failure(state, "the dead log");
    pinned = state->tree();
    if (options.predecessor.empty()) {
      auto saved = read_saved_check(files, saved_check_path(options.state, dead));
      if (!saved || !*saved) return known;
      known.streams = stream_ends((*saved)->streams, dead);
      return known;
    }
  }
  if (options.predecessor.empty()) return known;
  DirectoryEvidence evidence(files, options.predecessor, dead.suite());
  auto result = LogVerifier(dead, pinned, {}).run(evidence);
  if (!result) return ledger::failure(result, options.predecessor);
  if (result->findings.count(FindingKind::tampered) > 0) {
    return ledger::fail(
        ledger::ErrorKind::reject,
        options.predecessor + ": the dead log is tampered with; verify it by itself");
  }
  known.streams = std::move(result->ends);
  known.held = true;
  return known;
}

struct Run {
  ledger::FileSystem& files;
  const VerifyOptions& options;
  ledger::Verifier log;
  VerifySettings settings;
  std::optional<PinnedState> state;
};

int verify(Run& run) {
  auto evidence = open_evidence(run.files, run.options, run.log.suite());
  if (!evidence) return complain(exit_usage, evidence.error().message);
  const auto start = std::chrono::steady_clock::now();
  Result<VerifyResult> result = [&] {
    ProgressLine progress;
    run.settings.progress = [&progress](std::uint64_t done, std::uint64_t all) {
      progress(done, all);
    };
    LogVerifier verifier(run.log, run.state ? run.state->tree() : std::nullopt,
                         std::move(run.settings));
    return verifier.run(**evidence);
  }();
  if (!result) {
    return complain(exit_cannot_tell, "无法核验 cannot verify: " + result.error().message);
  }
  if (!run.options.data.empty() && run.options.index) {
    const rules::Classifier& classifier = rules::Classifier::builtin();
    check_index(run.files, run.options.data,
                {rules::version_number(classifier), rules::derive_fields(classifier)}, *result);
  }
  const VerifyReport report{
      &*result, run.log.name(),
      run.options.data.empty() ? run.options.live.collector : run.options.data,
      std::chrono::steady_clock::now() - start, run.options.strict};
  fmt::print("{}", run.options.json ? format_json(report) : format_text(report));
  const int code = result->findings.exit_code(run.options.strict);
  // Only a log that held in full becomes what later runs are measured by.
  const bool held = code == 0 || code == 3 || code == 4 ||
                    (code == 2 && result->findings.count(FindingKind::missing) == 0);
  if (run.state && !result->checkpoint.empty() && held) {
    auto saved = run.state->save(result->checkpoint, result->tree);
    if (!saved)
      return complain(exit_cannot_tell, "cannot keep the state: " + saved.error().message);
  }
  return code;
}

}  // namespace

int run_verify(ledger::FileSystem& files, const VerifyOptions& options) {
  auto log = ledger::Verifier::from_vkey(first_line(options.vkey));
  if (!log) return complain(exit_usage, "--vkey: " + log.error().message);
  auto settings = settings_of(options);
  if (!settings) return complain(exit_usage, settings.error().message);
  Run run{files, options, std::move(*log), std::move(*settings), std::nullopt};
  if (!options.state.empty()) {
    auto opened = PinnedState::open(files, options.state, run.log);
    if (!opened) {
      const bool wrong_key = opened.error().kind == ledger::ErrorKind::reject;
      return complain(wrong_key ? exit_usage : exit_cannot_tell, opened.error().message);
    }
    run.state = std::move(*opened);
  }
  run.settings.dead_log = [&](const ledger::Verifier& dead) {
    return read_dead_log(files, options, dead);
  };
  if (auto added = add_saved(files, options, run.log, run.settings); !added) {
    return complain(exit_cannot_tell, added.error().message);
  }
  return verify(run);
}

}  // namespace yunjian::auditor
