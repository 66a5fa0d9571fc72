#include "auditor/witness_command.h"

#include <fmt/format.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>
#include <signal.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <optional>
#include <sstream>

#include "auditor/alarm_statement.h"
#include "auditor/command_kit.h"
#include "auditor/findings_output.h"
#include "auditor/pinned_state.h"
#include "auditor/printable.h"
#include "auditor/witness.h"
#include "ledger/split_view.h"

namespace yunjian::auditor {

using ledger::ErrorKind;
using ledger::Result;

namespace {

constexpr std::size_t logs_max = 1000;

class LiveLog : public WitnessedLog {
 public:
  explicit LiveLog(CollectorClient client) : client_(std::move(client)) {}
  Result<std::string> candidate() override {
    auto note = client_.text("/v1/log/candidate");
    // A log that holds no candidate still is to be asked for its checkpoint.
    return note || note.error().kind != ErrorKind::reject ? note : client_.checkpoint();
  }
  Result<std::string> checkpoint() override { return client_.checkpoint(); }
  Result<std::string> tile(const ledger::TileId& id) override { return client_.tile(id); }
  Result<std::string> post(const std::string& note) override {
    return client_.post("/v1/log/cosignatures", note);
  }

 private:
  CollectorClient client_;
};

struct Followed {
  std::string url;
  std::string origin;
  LiveLog log;
  Witness witness;
};

struct LogLine {
  LiveOptions live;
  std::string vkey;
};

struct Round {
  const WitnessOptions& options;
  ledger::Time now;
};

// A line that cannot be read is told in its place among the others.
Result<std::vector<Result<LogLine>>> read_logs(ledger::FileSystem& files,
                                               const WitnessOptions& options) {
  if (options.logs.empty()) {
    return std::vector<Result<LogLine>>{LogLine{options.live, options.vkey}};
  }
  auto text = files.read_file(options.logs);
  if (!text) return ledger::failure(text);
  std::vector<Result<LogLine>> logs;
  std::istringstream lines(*text);
  for (std::string line; std::getline(lines, line) && logs.size() < logs_max;) {
    if (line.empty() || line.starts_with('#')) continue;
    std::istringstream words(line);
    LogLine log;
    std::string more;
    words >> log.live.collector >> log.live.ca_file >> log.live.token_file >> log.vkey;
    if (!words || words >> more) {
      logs.emplace_back(ledger::fail(
          ErrorKind::reject,
          fmt::format("{}: '{}' must read URL CA-FILE TOKEN-FILE VKEY", options.logs, line)));
    } else {
      logs.emplace_back(std::move(log));
    }
  }
  if (!logs.empty()) return logs;
  return ledger::fail(ErrorKind::reject, options.logs + " names no log");
}

Result<Followed> follow(ledger::FileSystem& files, const LogLine& line, const OwnKey& key,
                        const WitnessOptions& options) {
  auto log = ledger::Verifier::from_vkey(first_line(line.vkey));
  if (!log) return ledger::failure(log, "--vkey");
  auto client = CollectorClient::open(files, line.live);
  if (!client) return ledger::failure(client);
  auto pinned = PinnedState::open(files, options.state, *log);
  if (!pinned) return ledger::failure(pinned);
  Witness::Options settings{.state = options.state,
                            .stale_after = std::chrono::seconds(options.stale_s),
                            .pinned_note = pinned->note()};
  auto witness = Witness::open(files, *log, key, std::move(settings));
  if (!witness) return ledger::failure(witness);
  return Followed{line.live.collector, log->name(), LiveLog(std::move(*client)),
                  std::move(*witness)};
}

std::string json_line(const Followed& log, const Witness::Outcome& outcome) {
  rapidjson::StringBuffer buffer;
  rapidjson::Writer<rapidjson::StringBuffer> json(buffer);
  const auto text = [&json](const char* key, std::string_view value) {
    json.Key(key);
    json.String(value.data(), static_cast<rapidjson::SizeType>(value.size()));
  };
  json.StartObject();
  text("origin", log.origin);
  json.Key("size");
  json.Uint64(outcome.size);
  json.Key("cosigned");
  json.Bool(outcome.cosigned);
  json.Key("told");
  json.Bool(outcome.told);
  text("answer", outcome.answer);
  if (outcome.alarm) {
    text("alarm", to_string(outcome.alarm->kind));
    text("place", outcome.alarm->place);
    text("zh", outcome.alarm->zh);
    text("en", outcome.alarm->en);
    if (!outcome.evidence.empty()) text("evidence", outcome.evidence);
  }
  json.EndObject();
  return buffer.GetString();
}

void print_outcome(const Followed& log, const Witness::Outcome& outcome, bool json) {
  if (json) {
    fmt::print("{}\n", json_line(log, outcome));
  } else if (outcome.cosigned) {
    fmt::print("{}: 已见证 cosigned {} leaves{}\n", printable(log.origin), outcome.size,
               outcome.told ? "" : ", 未能送回 not told: " + printable(outcome.answer));
  } else if (!outcome.alarm) {
    fmt::print("{}: 无新内容 nothing new, {} leaves\n", printable(log.origin), outcome.size);
  }
  if (outcome.alarm && !json) {
    fmt::print("{}: [{}] {}\n  {}\n  {}\n", printable(log.origin), to_string(outcome.alarm->kind),
               printable(outcome.alarm->place), printable(outcome.alarm->zh),
               printable(outcome.alarm->en));
    if (!outcome.answer.empty()) fmt::print("  {}\n", printable(outcome.answer));
    if (!outcome.evidence.empty()) fmt::print("  证据 evidence: {}\n", outcome.evidence);
  }
  std::fflush(stdout);
}

// What one line of the list names, as far as it could be opened: a token or a CA that is not there
// yet, or a damaged state, is looked at again in the next round.
struct Watched {
  LogLine line;
  std::optional<Followed> followed;
};

int trouble(const LogLine& line, const ledger::Error& error) {
  const bool usage = error.kind == ErrorKind::reject;
  return complain(usage ? exit_usage : exit_cannot_tell,
                  printable(line.live.collector) + ": " + error.message);
}

// One log, once. Its trouble is its own: the others go on.
int look(ledger::FileSystem& files, Watched& log, const OwnKey& key, const Round& round) {
  if (!log.followed) {
    auto followed = follow(files, log.line, key, round.options);
    if (!followed) return trouble(log.line, followed.error());
    log.followed = std::move(*followed);
  }
  auto outcome = log.followed->witness.step(log.followed->log, round.now);
  if (!outcome) {
    log.followed.reset();  // what it keeps is read anew
    return trouble(log.line, outcome.error());
  }
  print_outcome(*log.followed, *outcome, round.options.json);
  Findings findings;
  if (outcome->alarm) findings.add(*outcome->alarm);
  const int code = findings.exit_code(false);
  return code == 0 && outcome->cosigned && !outcome->told ? exit_cannot_tell : code;
}

// What is known to be wrong before what could not be looked at.
int worse(int a, int b) {
  constexpr std::array<int, 5> order = {1, 2, exit_cannot_tell, exit_usage, 0};
  return *std::ranges::find_if(order, [&](int code) { return code == a || code == b; });
}

}  // namespace

int run_key(ledger::FileSystem& files, ledger::Random& random, const KeyOptions& options) {
  auto suite = ledger::find_suite(options.suite);
  if (!suite) return complain(exit_usage, "--suite: " + suite.error().message);
  const bool witness = options.kind == "witness";
  if (!witness && options.kind != "authority") {
    return complain(exit_usage, "--kind is witness or authority");
  }
  const auto kind = witness ? ledger::SignatureKind::cosignature : ledger::SignatureKind::plain;
  auto key = make_key(files, options.out, {options.name, *suite, kind}, random);
  if (!key) return complain(exit_usage, key.error().message);
  fmt::print("{}\n", key->identity.vkey());
  return 0;
}

int run_witness(ledger::FileSystem& files, ledger::Clock& clock, const WitnessOptions& options) {
  auto key = read_key(files, options.key, ledger::SignatureKind::cosignature);
  if (!key) return complain(exit_usage, "--key: " + key.error().message);
  auto lines = read_logs(files, options);
  if (!lines) return complain(exit_usage, lines.error().message);
  int unread = 0;
  std::vector<Watched> logs;
  for (auto& line : *lines) {
    if (line) {
      logs.push_back({std::move(*line), std::nullopt});
    } else {
      unread = complain(exit_usage, line.error().message);
    }
  }
  sigset_t signals;
  ::sigemptyset(&signals);
  ::sigaddset(&signals, SIGTERM);
  ::sigaddset(&signals, SIGINT);
  if (options.interval_s > 0) ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  for (;;) {
    int code = unread;
    for (Watched& log : logs) {
      code = worse(code, look(files, log, *key, {options, clock.wall()}));
    }
    if (options.interval_s == 0) return code;
    const timespec pause{.tv_sec = static_cast<time_t>(options.interval_s), .tv_nsec = 0};
    if (::sigtimedwait(&signals, nullptr, &pause) > 0) return code;
  }
}

namespace {

// What an alarm's file shows; `code` is the command's.
struct AlarmVerdict {
  int code = exit_cannot_tell;
  std::string kind;
  std::string zh;
  std::string en;
};

AlarmVerdict proves_nothing(const ledger::Error& error) {
  const std::string why = printable(error.message);
  return {exit_cannot_tell, "unproven", "证据不成立: " + why, "it proves nothing: " + why};
}

// What a witness states, when it is one whose key was given.
AlarmVerdict judge_statement(const std::string& bytes, const ledger::Verifier& log,
                             const std::vector<ledger::Verifier>& witnesses) {
  auto check = check_alarm(bytes, log, witnesses);
  if (!check) return proves_nothing(check.error());
  const AlarmStatement& stated = check->statement;
  const bool back = stated.kind == AlarmStatement::Kind::roll_back;
  const std::string seen = ledger::format_time(stated.seen);
  const std::string since = ledger::format_time(stated.since);
  AlarmVerdict verdict{back ? 2 : exit_cannot_tell, std::string(to_string(stated.kind)), {}, {}};
  verdict.zh = fmt::format("见证方陈述({}):{} 时日志 {} 最近的检查点仍是 {} 首次所见的 {} 个叶子",
                           verdict.kind, seen, log.name(), since, check->kept.size);
  verdict.en = fmt::format(
      "a witness states ({}): at {} the newest checkpoint of {} was still the one of {} leaves "
      "first seen at {}",
      verdict.kind, seen, log.name(), check->kept.size, since);
  if (back) {
    verdict.zh += fmt::format(",而日志出示 {} 个叶子的为最新", check->shown.size);
    verdict.en +=
        fmt::format(", and the log showed one of {} leaves as its newest", check->shown.size);
  }
  return verdict;
}

AlarmVerdict judge_split_view(const std::string& bytes, const ledger::Verifier& log) {
  auto view = ledger::parse_split_view(bytes);
  auto heads = view ? ledger::check_split_view(*view, log)
                    : Result<ledger::SplitHeads>(ledger::Failure(view.error()));
  if (!heads) return proves_nothing(heads.error());
  return {1, "split-view",
          fmt::format("分叉视图成立:日志 {} 的密钥签了两段历史({} 与 {} 个叶子)", log.name(),
                      heads->one.size, heads->other.size),
          fmt::format("split view proven: the key of {} signed two histories (of {} and {} leaves)",
                      log.name(), heads->one.size, heads->other.size)};
}

int tell(const AlarmVerdict& verdict, bool json) {
  if (!json) {
    fmt::print("{}\n{}\n", verdict.zh, verdict.en);
    return verdict.code;
  }
  rapidjson::StringBuffer buffer;
  JsonWriter writer(buffer);
  writer.StartObject();
  write_number(writer, "exit", static_cast<std::uint64_t>(verdict.code));
  write_text(writer, "kind", verdict.kind);
  write_text(writer, "zh", verdict.zh);
  write_text(writer, "en", verdict.en);
  writer.EndObject();
  fmt::print("{}\n", buffer.GetString());
  return verdict.code;
}

}  // namespace

int run_verify_alarm(ledger::FileSystem& files, const VerifyAlarmOptions& options) {
  auto log = ledger::Verifier::from_vkey(first_line(options.vkey));
  if (!log) return complain(exit_usage, "--vkey: " + log.error().message);
  auto bytes = files.read_file(options.alarm);
  if (!bytes) return complain(exit_cannot_tell, bytes.error().message);
  if (!is_alarm_statement(*bytes)) return tell(judge_split_view(*bytes, *log), options.json);
  auto witnesses = read_vkeys(options.witnesses, ledger::SignatureKind::cosignature);
  if (!witnesses) return complain(exit_usage, "--witness-vkey: " + witnesses.error().message);
  return tell(judge_statement(*bytes, *log, *witnesses), options.json);
}

}  // namespace yunjian::auditor
