#include "agent/sources/audit/audit_log.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "agent/sources/file_search.h"
#include "agent/sources/gap_record.h"
#include "ledger/record.h"

namespace yunjian::agent {
namespace {

constexpr std::chrono::seconds look_interval{10};

// Takes the records of FileTail: lines go to the feed, its gap records on as they are.
class LineSink : public RecordSink {
 public:
  LineSink(AuditFeed& feed, ledger::Time now, RecordSink& target)
      : feed_(feed), now_(now), target_(target) {}

  bool take(std::string_view record) override {
    // Nothing is read while something waits: the tail keeps its place instead.
    if (!feed_.hand_over(now_, target_)) return false;
    const auto parsed = ledger::parse_record(record);
    if (!parsed || (*parsed)->find("kind") != "event") return target_.take(record);
    const auto message = (*parsed)->find("message").value_or("");
    if (!(*parsed)->find("encoding")) {
      feed_.add(message, now_);
    } else if (const auto bytes = ledger::unescape_bytes(message)) {
      feed_.add(*bytes, now_);
    }
    return true;
  }

 private:
  AuditFeed& feed_;
  ledger::Time now_;
  RecordSink& target_;
};

// access(2) would not count the capabilities of the agent.
bool is_closed(const std::string& directory) {
  const int descriptor = open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return errno == EACCES;
  close(descriptor);
  return false;
}

bool take_gap(const Gap& gap, ledger::Time now, RecordSink& sink) {
  std::string line;
  write_gap(line, now, gap);
  return sink.take(line);
}

}  // namespace

AuditLog::AuditLog(std::string path) : path_(std::move(path)), name_("audit:" + path_) {}

void AuditLog::restore(std::string_view position) {
  if (!position.empty()) position_lost_ = !feed_.restore(position, tail_position_);
}

std::string AuditLog::position() const {
  if (!tail_ && tail_position_.empty()) return {};
  return feed_.position(tail_ ? tail_->position() : tail_position_);
}

AuditLog::State AuditLog::open(ledger::Time now) {
  if (tail_) return State::open;
  if (now >= last_look_ && now - last_look_ < look_interval)
    return denied_ ? State::denied : State::absent;
  last_look_ = now;
  const std::string directory = directory_of(path_);
  denied_ = is_closed(directory);
  if (denied_) return State::denied;
  std::error_code error;
  if (tail_position_.empty() && !std::filesystem::exists(path_, error)) return State::absent;
  FileTailOptions options;
  options.patterns = {path_};
  tail_.emplace(std::move(options));
  tail_->restore(tail_position_);
  wake_.add(tail_->wake_descriptor());
  return State::open;
}

bool AuditLog::poll(ledger::Time now, RecordSink& sink) {
  Gap gap{.source = "audit", .log = "audit"};
  if (position_lost_) {
    gap.cause = "position-lost";
    gap.detail = "the audit log is read again from its beginning";
    if (!take_gap(gap, now, sink)) return true;
    position_lost_ = false;
  }
  const State state = open(now);
  if (state == State::denied && !denied_reported_) {
    gap.cause = "unreadable";
    gap.detail =
        "the directory of the audit log is closed to the agent; set log_group in auditd.conf to a "
        "group of the agent; tried again every 10 s";
    if (!take_gap(gap, now, sink)) return true;
    denied_reported_ = true;
  }
  if (state != State::open) return false;
  feed_.expire(now);
  LineSink lines(feed_, now, sink);
  const bool full = tail_->poll(now, lines);
  return !feed_.hand_over(now, sink) || full;
}

}  // namespace yunjian::agent
