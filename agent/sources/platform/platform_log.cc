#include "agent/sources/platform/platform_log.h"

#include "ledger/base/bytes.h"
#include "ledger/record.h"

namespace yunjian::agent {
namespace {

// A clock ahead by more than that is wrong, and the time of reading is the better one.
constexpr std::chrono::hours ahead_max{24};

// Takes FileTail's records and hands them on as operations; gap records as they are. What the
// target refuses it refuses too, so that the tail keeps its place.
class OperationSink : public RecordSink {
 public:
  OperationSink(const PlatformForm& form, ledger::Time now, RecordSink& target)
      : form_(form), now_(now), target_(target) {}

  bool take(std::string_view record) override {
    const auto parsed = ledger::parse_record(record);
    if (!parsed || (*parsed)->find("kind") != "event") return target_.take(record);
    write(**parsed);
    return target_.take(line_);
  }

 private:
  // FileTail left room for its own keys only: where that is used up, what the line states goes.
  void write(const ledger::ParsedRecord& record) {
    std::string_view message = record.find("message").value_or("");
    std::string bytes;
    if (record.find("encoding")) {
      if (auto unescaped = ledger::unescape_bytes(message)) bytes = std::move(*unescaped);
      message = bytes;
    }
    const PlatformFacts facts = read_platform_line(form_, message);
    const bool timed = facts.time && *facts.time <= now_ + ahead_max;
    encode(record, message, facts, timed ? *facts.time : now_);
    if (line_.size() <= ledger::record_bytes_max) return;
    encode(record, message, {}, timed ? *facts.time : now_);
  }

  void encode(const ledger::ParsedRecord& record, std::string_view message,
              const PlatformFacts& facts, ledger::Time time) {
    line_.clear();
    ledger::RecordWriter writer(line_, time, "event");
    writer.text("source", "platform");
    if (const auto log = record.find("log")) writer.text("log", *log);
    if (facts.severity) writer.integer("severity", *facts.severity);
    if (!facts.program.empty()) writer.text("process.name", facts.program);
    if (const auto part = record.find("part")) writer.text("part", *part);
    writer.message(message).finish();
  }

  const PlatformForm& form_;
  ledger::Time now_;
  RecordSink& target_;
  std::string line_;
};

}  // namespace

PlatformLog::PlatformLog(PlatformOptions options)
    : form_(std::move(options.form)), tail_(std::move(options.files)) {
  name_ = "platform:" + std::string(tail_.name().substr(tail_.name().find(':') + 1));
}

bool PlatformLog::poll(ledger::Time now, RecordSink& sink) {
  OperationSink operations(form_, now, sink);
  return tail_.poll(now, operations);
}

}  // namespace yunjian::agent
