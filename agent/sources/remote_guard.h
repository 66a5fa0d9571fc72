#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "agent/sources/mounts.h"
#include "agent/sources/source.h"

namespace yunjian::agent {

// Keeps a dead file server from stopping the loop: a call to a file there would never return. A
// source whose patterns reach into a remote mount is polled only while that mount answers; a mount
// that is silent for long is told once, in a gap record. What is there is read when it answers
// again. A server that dies between its answer and the read still holds that one read up.
class RemoteGuard : public Source {
 public:
  struct Host {
    // The text of /proc/self/mountinfo.
    std::function<std::string()> mountinfo;
    MountProbe::Statvfs statvfs;
  };
  // `patterns`: absolute, as glob(3) takes them.
  RemoteGuard(std::unique_ptr<Source> guarded, std::vector<std::string> patterns, Host host);

  std::string_view name() const override { return guarded_->name(); }
  void restore(std::string_view position) override { guarded_->restore(position); }
  std::string position() const override { return guarded_->position(); }
  bool poll(ledger::Time now, RecordSink& sink) override;
  int wake_descriptor() const override { return guarded_->wake_descriptor(); }

 private:
  void list_mounts(ledger::Time now);
  // The path of a mount that does not answer; empty: all of them do, or there is none.
  std::string silent_mount(ledger::Time now);

  std::unique_ptr<Source> guarded_;
  std::vector<std::string> patterns_;
  Host host_;
  MountProbe probe_;
  std::vector<Mount> mounts_;  // remote ones that the patterns reach
  ledger::Time listed_{};
  ledger::Time asked_{};
  std::string silent_;  // as of asked_
  ledger::Time silent_since_{};
  bool told_ = false;
  std::string line_;
};

// The real host.
RemoteGuard::Host this_host();

}  // namespace yunjian::agent
