#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "agent/sources/syslog/frame_reader.h"
#include "agent/sources/syslog/listen_address.h"
#include "agent/sources/syslog/message_record.h"
#include "agent/sources/syslog/sender_limits.h"
#include "agent/sources/wake_set.h"

namespace yunjian::agent {

struct SyslogOptions {
  std::vector<SyslogAddress> listen;
  SyslogLimits limits;
  std::chrono::seconds idle{600};  // a connection that is silent for so long is closed
};

// Listens for the messages of devices and programs that take no agent; one record each.
//
// Nothing here can be asked for again. What the source holds and has not handed over, what the
// kernel threw away, what a sender had to be refused and the time in which nobody listened become
// gap records. While the sink is full nothing is read: connections make their senders wait, and
// datagrams are the kernel's to keep or to drop and count.
class SyslogListener : public Source {
 public:
  explicit SyslogListener(SyslogOptions options);
  ~SyslogListener() override;
  SyslogListener(const SyslogListener&) = delete;
  SyslogListener& operator=(const SyslogListener&) = delete;

  std::string_view name() const override { return name_; }
  void restore(std::string_view position) override;
  std::string position() const override;
  bool poll(ledger::Time now, RecordSink& sink) override;
  int wake_descriptor() const override { return wake_.descriptor(); }

  // Descriptor of the nth address; -1 while it cannot be listened at.
  int descriptor(std::size_t index) const { return listeners_.at(index).descriptor; }

 private:
  struct Listener {
    SyslogAddress address;
    int descriptor = -1;
    bool told = false;  // that it cannot be listened at
    bool asleep = false;
    ledger::Time last_try{};
    std::uint32_t drops = 0;    // the kernel's count as last seen
    std::uint64_t untold = 0;   // of them
    ledger::Time drops_from{};  // nothing was dropped before
    ledger::Time drops_told{};
  };
  struct Connection {
    int descriptor;
    FrameReader reader;
    SyslogOrigin origin;
    ledger::Time last_heard;
    ledger::Time unfinished_since{};  // what is held came then, or later
    bool asleep = false;              // its sender has used up what it may send
    bool behind = false;              // may hold whole messages
    bool inside = false;              // the last piece was open
  };
  enum class Turn { done, full };

  bool open_all(ledger::Time now, RecordSink& sink);
  bool tell_losses(ledger::Time now, RecordSink& sink);
  bool tell_drops(Listener& listener, ledger::Time now, RecordSink& sink);
  Turn serve_behind(ledger::Time now, RecordSink& sink);
  Turn serve_ready(ledger::Time now, RecordSink& sink);
  Turn serve(std::uint64_t key, ledger::Time now, RecordSink& sink);
  Turn read_datagrams(Listener& listener, ledger::Time now, RecordSink& sink);
  void accept_all(Listener& listener, ledger::Time now);
  Turn read_connection(std::uint64_t key, ledger::Time now, RecordSink& sink);
  Turn take_frames(Connection& connection, ledger::Time now, RecordSink& sink);
  bool close_connection(std::uint64_t key, ledger::Time now, RecordSink& sink);
  bool close_idle(ledger::Time now, RecordSink& sink);
  void note_drops(Listener& listener, std::uint32_t drops);
  void note_heard(ledger::Time now);

  SyslogOptions options_;
  std::string name_;
  WakeSet wake_;
  std::vector<Listener> listeners_;  // their keys are 0, 1, …
  std::map<std::uint64_t, Connection> connections_;
  std::uint64_t next_key_;
  SenderLimits limits_;
  RecordQueue queue_;
  std::vector<char> buffer_;
  std::vector<std::uint64_t> keys_;
  std::size_t budget_ = 0;                   // bytes this turn may still read
  std::optional<ledger::Time> heard_until_;  // all that came before is handed over
  bool was_away_ = false;                    // nobody listened since heard_until_
};

}  // namespace yunjian::agent
