#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/delivery.h"
#include "agent/state_directory.h"

namespace yunjian::agent {

// What an earlier incarnation of this host left under old/.
struct OldStream {
  std::string directory;
  std::string stream;
  std::string why_not;  // it cannot go on being shipped: forked, another agent, another log
  // Inherited from a dead log: all that is held from this batch on is shipped to the new one.
  std::optional<std::uint64_t> again_from = {};
};

// Those that are not settled yet, oldest first.
ledger::Result<std::vector<OldStream>> find_old_streams(ledger::FileSystem& files,
                                                        const StatePaths& paths,
                                                        const AgentIdentity& identity);

// Ships what earlier incarnations sealed and the collector has not receipted, before the present
// stream is shipped: their streams go on in the same log under the new certificate. What cannot go
// on stays where it is, and a gap record of the present stream names it.
//
// Life of an old stream: its spool is opened, a seal that a crash left in doubt is settled as at
// any start -> shipped until all is receipted, or it cannot go on
// -> settled: a file in its directory, durable behind the record that names what is lost, says that
// nobody needs to look again. One thread (the loop).
class OldStreams {
 public:
  struct Parts {
    ledger::FileSystem* files;
    Shipper* shipper;
    const ledger::Suite* suite;
    std::vector<OldStream> streams;
  };
  explicit OldStreams(Parts parts) : parts_(std::move(parts)) {}

  // False when all are settled or wait for a seal: the shipper is the present stream's then.
  // `records` takes what must be sealed before sealed() is called.
  ledger::Result<bool> deliver(ledger::Time now, std::vector<std::string>& records);
  // The records given out so far are durable.
  ledger::Result<void> sealed();
  const std::string& error() const;  // of the delivery under way; empty when it goes well
  bool refused() const { return delivery_ && delivery_->refused(); }
  const std::string& successor() const;

 private:
  ledger::Result<void> begin();
  ledger::Result<void> settle_doubt();
  ledger::Result<void> end(ledger::Time now, std::string why_not,
                           std::vector<std::string>& records);

  Parts parts_;
  std::size_t current_ = 0;
  std::optional<Spool> spool_;
  std::optional<Delivery> delivery_;
  std::uint64_t below_ = 0;             // the stream's batches that its ratchet committed
  std::vector<std::string> to_settle_;  // directories
};

}  // namespace yunjian::agent
