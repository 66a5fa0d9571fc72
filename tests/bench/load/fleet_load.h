#pragma once

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <queue>
#include <string>
#include <vector>

#include "tests/bench/load/load_agent.h"
#include "tests/bench/minute_machine.h"

namespace yunjian::load {

struct FleetFigures {
  std::vector<double> waited_s;  // of each batch, from the second it was due to its good receipt
  std::vector<double> begun_s;   // from the due second until its first post began
  std::size_t sealed = 0;
  std::size_t posts = 0;
  std::size_t failed_posts = 0;
  std::map<std::string, std::size_t> problems;  // the first words of each kind of failure
};

// Many agents, each of which seals one usage record in each minute, at a second of its own, and
// ships it as the real one does: over a connection that is closed after 10 s without work, again
// behind full-jitter back-off when a post failed.
//
// A batch counts from the second it was due, whether or not this program was in time for it: a
// generator that is late shows as late receipts, and by how much in `begun_s`. One run().
class FleetLoad {
 public:
  FleetLoad(std::vector<std::unique_ptr<LoadAgent>> agents, std::size_t threads);
  // Seals for so many minutes, then waits for what has no receipt yet. Reject: a batch that cannot
  // be sealed or will never be taken; receipts that are still missing `patience` after the last
  // seal.
  ledger::Result<FleetFigures> run(std::chrono::minutes minutes, std::chrono::seconds patience);

 private:
  struct Slot {
    std::unique_ptr<LoadAgent> agent;
    bench::MinuteMachine machine;
    Steady::time_point minute;    // the next seal
    Steady::time_point retry;     // not before, while something waits
    Steady::time_point idle_end;  // when the connection is closed
    bool connected = false;
    std::uint64_t attempt = 0;
  };
  struct Turn {
    Steady::time_point at;
    std::size_t slot = 0;
    bool operator>(const Turn& other) const { return at > other.at; }
  };

  void work();
  std::optional<Turn> take();
  void put_back(const std::optional<Turn>& next);
  ledger::Result<void> step(Slot& slot, ledger::BodyEncoder& encoder);
  void ship(Slot& slot);
  std::optional<Steady::time_point> next_turn(const Slot& slot) const;
  void give_up(std::string why);

  const std::size_t threads_;
  std::vector<Slot> slots_;  // each belongs to the thread that took its turn
  Steady::time_point last_minute_;
  Steady::time_point patience_end_;

  std::mutex mutex_;                 // guards what follows
  std::condition_variable sooner_;   // for the thread that looks at the clock
  std::condition_variable changed_;  // for the others
  bool watched_ = false;             // a thread waits for the time of the next turn
  std::priority_queue<Turn, std::vector<Turn>, std::greater<>> turns_;
  std::size_t under_way_ = 0;
  std::string stopped_;  // why the run ends early
  FleetFigures figures_;
};

}  // namespace yunjian::load
