#pragma once

#include <chrono>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "agent/ship/answers.h"
#include "agent/ship/curl_uploader.h"
#include "agent/state_directory.h"
#include "ledger/base/result.h"
#include "ledger/batch.h"
#include "ledger/posix/system_clock.h"
#include "ledger/ratchet.h"
#include "ledger/testing/memory_file_system.h"

namespace yunjian::load {

using Steady = std::chrono::steady_clock;

// Where hosts enrol, and with what.
struct Site {
  std::string url;  // of the api listener: "https://127.0.0.1:8444"
  std::string ca_file;
  std::string token;      // good for as many hosts as there will be
  std::string directory;  // for client certificates and keys, which libcurl reads from files
  std::string boot_id;
};

// What became of one post.
struct Shipped {
  std::vector<std::chrono::duration<double>> waited;  // of each batch that has a good receipt now
  std::string problem;  // why not all of the post have one; empty when all have
  std::chrono::seconds retry_after{0};
  bool hopeless = false;  // forked, or told to go back: a made-up agent holds nothing to go back to
};

// An agent without sources and without a disk. Enrolment, keys, sealing, the connection and the
// judging of receipts are the code of the real one; its state is kept in memory and would not
// outlive a crash.
//
// Life: enrol() -> seal() -> ship() until nothing waits -> … . One thread at a time.
class LoadAgent {
 public:
  // Enrols `host` over the network.
  static ledger::Result<std::unique_ptr<LoadAgent>> enrol(const Site& site,
                                                          const std::string& host);

  // The next batch, which waits from now on; `due` is when it ought to have been sealed: what its
  // receipt is waited for counts from there.
  ledger::Result<void> seal(const std::vector<std::string>& lines, Steady::time_point due,
                            ledger::BodyEncoder& encoder);
  bool has_waiting() const { return !waiting_.empty(); }
  Shipped ship();  // one post of what waits, as much as one carries
  void drop_connection() { uploader_->drop_connection(); }

 private:
  struct Waiting {
    std::uint64_t batch = 0;
    ledger::Hash leaf{};
    ledger::Frame frame;
    Steady::time_point due;
  };
  LoadAgent() = default;
  ledger::Result<void> open(const Site& site);

  ledger::testing::MemoryFileSystem files_;
  ledger::SystemClock clock_;
  ledger::SystemRandom random_;
  agent::AgentIdentity identity_;
  std::string boot_id_;
  std::unique_ptr<ledger::Ratchet> ratchet_;
  std::unique_ptr<ledger::Hasher> hasher_;
  std::unique_ptr<agent::ReceiptBook> receipts_;
  std::unique_ptr<agent::CurlUploader> uploader_;
  std::deque<Waiting> waiting_;
};

}  // namespace yunjian::load
