#include "agent/sources/audit/audit_socket.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "agent/sources/gap_record.h"

namespace yunjian::agent {
namespace {

constexpr std::chrono::seconds retry_interval{1};
constexpr std::size_t read_bytes = 16 * 1024;
constexpr int reads_at_once = 64;  // then the loop has a turn
constexpr std::size_t line_bytes_max = 64 * 1024;
constexpr std::string_view version = "socket/v1 ";

}  // namespace

AuditSocket::AuditSocket(std::string path) : path_(std::move(path)), name_("audit:" + path_) {}

AuditSocket::~AuditSocket() {
  if (descriptor_ >= 0) close(descriptor_);
}

void AuditSocket::restore(std::string_view position) {
  if (position.empty()) return;
  std::string input;
  heard_until_ = ledger::Time{};
  if (!feed_.restore(position, input) || !input.starts_with(version)) return;
  const auto heard = audit_number(std::string_view(input).substr(version.size()));
  if (heard) heard_until_ = ledger::Time(std::chrono::microseconds(*heard));
}

std::string AuditSocket::position() const {
  if (!heard_until_) return {};
  return feed_.position(fmt::format("{}{}", version, heard_until_->time_since_epoch().count()));
}

bool AuditSocket::poll(ledger::Time now, RecordSink& sink) {
  feed_.expire(now);
  if (connect(now)) read_all(now);
  return !report_gaps(now, sink) || !feed_.hand_over(now, sink);
}

bool AuditSocket::connect(ledger::Time now) {
  if (descriptor_ >= 0) return true;
  if (now >= last_try_ && now - last_try_ < retry_interval) return false;
  last_try_ = now;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path_.size() >= sizeof address.sun_path) return false;
  std::memcpy(address.sun_path, path_.data(), path_.size());
  const int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (descriptor < 0) return false;
  if (::connect(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    close(descriptor);
    return false;
  }
  descriptor_ = descriptor;
  wake_.add(descriptor_);
  if (heard_until_) {
    gap_to_ = now;
  } else {
    heard_until_ = now;
  }
  return true;
}

void AuditSocket::read_all(ledger::Time now) {
  std::array<char, read_bytes> buffer;
  for (int i = 0; i < reads_at_once; ++i) {
    const ssize_t got = read(descriptor_, buffer.data(), buffer.size());
    if (got > 0) {
      take_bytes({buffer.data(), static_cast<std::size_t>(got)}, now);
      continue;
    }
    if (got < 0 && errno == EINTR) continue;
    if (got == 0 || (errno != EAGAIN && errno != EWOULDBLOCK)) return disconnect(now);
    break;
  }
  if (!gap_to_) heard_until_ = now;
}

void AuditSocket::take_bytes(std::string_view bytes, ledger::Time now) {
  unfinished_ += bytes;
  has_room_ = feed_.waiting_bytes() <= socket_waiting_max;
  std::string_view rest = unfinished_;
  for (auto end = rest.find('\n'); end != std::string_view::npos; end = rest.find('\n')) {
    take_line(rest.substr(0, end), now);
    rest.remove_prefix(end + 1);
  }
  if (rest.size() > line_bytes_max) {
    take_line(rest, now);
    rest = {};
  }
  unfinished_ = std::string(rest);
}

void AuditSocket::take_line(std::string_view line, ledger::Time now) {
  if (line.empty()) return;
  if (has_room_) return feed_.add(line, now);
  ++dropped_lines_;
  dropped_bytes_ += line.size() + 1;
}

// The next connection tells of the gap that begins here.
void AuditSocket::disconnect(ledger::Time now) {
  if (!unfinished_.empty()) take_line(unfinished_, now);
  unfinished_.clear();
  close(descriptor_);
  descriptor_ = -1;
  last_try_ = now;
  if (!gap_to_) heard_until_ = now;
}

bool AuditSocket::report_gaps(ledger::Time now, RecordSink& sink) {
  if (gap_to_) {
    Gap gap{.cause = "not-replayable",
            .detail = "nobody listened to auditd's dispatcher; what it sent is lost here",
            .source = "audit",
            .log = "audit",
            .to = gap_to_};
    if (heard_until_ != ledger::Time{}) gap.from = heard_until_;
    write_gap(line_, now, gap);
    if (!sink.take(line_)) return false;
    gap_to_.reset();
    heard_until_ = now;
  }
  if (dropped_lines_ == 0) return true;
  // Behind what waits, where the loss is.
  if (!feed_.hand_over(now, sink)) return false;
  write_gap(line_, now,
            {.cause = "overflow",
             .detail = "audit records came faster than they could be sealed",
             .source = "audit",
             .log = "audit",
             .bytes = dropped_bytes_,
             .count = dropped_lines_});
  if (!sink.take(line_)) return false;
  dropped_lines_ = dropped_bytes_ = 0;
  return true;
}

}  // namespace yunjian::agent
