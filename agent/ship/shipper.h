#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "agent/ship/answers.h"
#include "agent/ship/backoff.h"
#include "agent/ship/post.h"
#include "agent/ship/send_window.h"
#include "agent/ship/uploader.h"
#include "ledger/base/random.h"

namespace yunjian::agent {

// What happened since the owner last asked; later news replace earlier ones.
struct ShipReport {
  std::uint64_t receipted_below = 0;     // all batches below have good receipts; 0 = no news
  std::string checkpoint;                // the newest note, with receipted_below
  std::optional<std::uint64_t> go_back;  // give posts from this batch on again
  bool forked = false;                   // nothing more is shipped
  bool given_up = false;  // a frame of another stream than ours was refused again and again
  std::string successor;  // see AnswerReading; of the last attempt
  std::string error;      // of the last attempt that failed; empty when the last one went well
  bool refused = false;   // with error: see AnswerReading, or the certificate ended
  std::chrono::milliseconds retry_in{};  // with error
  std::uint64_t witnessed_below = 0;     // all batches below stand behind witnesses; 0 = no news
  std::string witness_problem;           // why the last question for that was not answered so
  // The newest refusal of a receipt that rests on two signed notes; no news otherwise.
  std::optional<Contradiction> contradiction;
  // This host's clock − the collector's, as the newest answer told; no news otherwise.
  std::optional<std::chrono::milliseconds> clock_offset;
};

struct WitnessQuestion {
  std::uint64_t batch = 0;
  ledger::Hash leaf{};  // of its header
};

struct ShipperOptions {
  std::string stream;
  BackoffRules backoff;
  std::chrono::milliseconds idle{10'000};  // then the connection is closed
  std::function<void()> on_news;           // called on the ship thread when report() has something
  std::function<void()> after_receipt;  // called on the ship thread: the collector takes our stream
  // That this agent's certificate is over and what to do, once it is: then no attempt can succeed.
  // Ship thread; may be empty.
  std::function<std::optional<std::string>()> certificate_ended;
};

// Posts frames and checks receipts on a thread of its own, which blocks in the uploader.
//
// Life: constructed (thread starts) -> give() posts in order of batches, report() what became of
// them -> stop(). A post is tried until each of its frames has a receipt that verifies; `go_back`
// and `forked` throw away what was given, and so does `given_up`: an earlier stream must not stand
// in the way of the present one. Holds one post under way and one waiting. The owner's
// thread calls everything here.
class Shipper {
 public:
  Shipper(std::unique_ptr<Uploader> uploader, ReceiptBook receipts, ledger::Random& random,
          ShipperOptions options);
  ~Shipper();
  Shipper(const Shipper&) = delete;
  Shipper& operator=(const Shipper&) = delete;

  bool has_room() const;  // whether give() may be called; not while news to go back wait
  void give(Post post);
  bool idle() const;  // nothing under way, nothing waiting
  // Asks whether witnesses stand behind a batch that has a receipt, once, as soon as no post is
  // under way; replaces a question that waits. The answer is `witnessed_below` or
  // `witness_problem`.
  void ask_witnessed(const WitnessQuestion& question);
  ShipReport report();
  // Behind a fork, or when another stream's posts are to come: what was given is forgotten.
  void go_on();
  void stop();  // ends a running post; idempotent

 private:
  void run();
  bool wait_for_post(std::unique_lock<std::mutex>& lock);
  void work(std::unique_lock<std::mutex>& lock);
  void ship(const Post& post);
  void ask(const WitnessQuestion& question);
  bool note_reading(const Post& post, std::size_t first, const AnswerReading& reading);
  void note_clock(const PostAnswer& answer);
  bool pause(AnswerReading failed);

  std::unique_ptr<Uploader> uploader_;  // ship thread, except abort()
  ReceiptBook receipts_;                // ship thread
  ledger::Random* random_;              // ship thread
  const ShipperOptions options_;
  std::uint64_t attempt_ = 0;  // ship thread
  int refusals_ = 0;           // ship thread: of the same frame, in a row
  SendWindow window_;          // ship thread
  bool connected_ = false;     // ship thread

  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  std::optional<Post> waiting_;
  std::optional<WitnessQuestion> question_;
  bool busy_ = false;
  bool stopping_ = false;
  ShipReport report_;

  std::thread thread_;
};

}  // namespace yunjian::agent
