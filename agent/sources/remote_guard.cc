#include "agent/sources/remote_guard.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <sstream>
#include <utility>

#include "agent/sources/elapsed.h"
#include "agent/sources/gap_record.h"

namespace yunjian::agent {
namespace {

using std::chrono::seconds;

constexpr auto list_interval = seconds(60);
constexpr auto ask_interval = seconds(1);
constexpr auto silence_told = seconds(30);

// Whether a name that matches `pattern` may lie below `mount`.
bool reaches(std::string_view pattern, std::string_view mount) {
  const std::string_view fixed = pattern.substr(0, pattern.find_first_of("*?[\\{"));
  const std::string below = mount == "/" ? "/" : std::string(mount) + "/";
  return fixed.starts_with(below) ||
         (fixed.size() < pattern.size() && std::string_view(below).starts_with(fixed));
}

}  // namespace

RemoteGuard::RemoteGuard(std::unique_ptr<Source> guarded, std::vector<std::string> patterns,
                         Host host)
    : guarded_(std::move(guarded)),
      patterns_(std::move(patterns)),
      host_(std::move(host)),
      probe_("", host_.statvfs) {}

bool RemoteGuard::poll(ledger::Time now, RecordSink& sink) {
  if (elapsed(now, listed_, list_interval)) list_mounts(now);
  if (mounts_.empty()) return guarded_->poll(now, sink);
  const bool was_silent = !silent_.empty();
  if (elapsed(now, asked_, ask_interval)) silent_ = silent_mount(now);
  if (silent_.empty()) {
    told_ = false;
    return guarded_->poll(now, sink);
  }
  if (!was_silent || now < silent_since_) silent_since_ = now;
  if (told_ || now - silent_since_ < silence_told) return false;
  const std::string detail = fmt::format(
      "the file system on {} does not answer; what is on it is read when it does", silent_);
  write_gap(line_, now,
            {.cause = "unanswered", .detail = detail, .source = "file", .log = patterns_.front()});
  told_ = sink.take(line_);
  return !told_;
}

void RemoteGuard::list_mounts(ledger::Time now) {
  listed_ = now;
  mounts_.clear();
  for (Mount& mount : parse_mountinfo(host_.mountinfo())) {
    const bool reached =
        mount.remote && std::any_of(patterns_.begin(), patterns_.end(), [&](const auto& pattern) {
          return reaches(pattern, mount.path);
        });
    if (reached) mounts_.push_back(std::move(mount));
  }
  probe_.set_mounts(mounts_);
  asked_ = {};
}

std::string RemoteGuard::silent_mount(ledger::Time now) {
  asked_ = now;
  for (const MountState& state : probe_.look()) {
    if (!state.answered && !state.failed) return state.path;
  }
  return {};
}

RemoteGuard::Host this_host() {
  return {.mountinfo =
              [] {
                std::ostringstream text;
                text << std::ifstream("/proc/self/mountinfo").rdbuf();
                return text.str();
              },
          .statvfs = ::statvfs};
}

}  // namespace yunjian::agent
