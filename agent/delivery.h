#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "agent/ship/shipper.h"
#include "agent/spool/spool.h"
#include "ledger/suite.h"

namespace yunjian::agent {

enum class DeliveryState {
  shipping,
  forked,  // the collector has another history of this stream
  ended,   // the collector needs a batch that is not held any more, or its header is lost
};

struct DeliveryOptions {
  std::string stream = {};      // whose spool it is; empty = the one of the shipper's options
  std::string fork_known = {};  // error of an earlier run that met a fork: nothing is shipped then
  // Everything held from this batch on is shipped, whatever has a receipt: another log takes it.
  std::optional<std::uint64_t> again_from = {};
  bool witnessed_only = false;  // bodies are freed only behind witnesses: ask for them
};

// Carries batches from the spool to the shipper and its news back. Lives on the loop thread.
class Delivery {
 public:
  Delivery(Spool& spool, Shipper& shipper, const ledger::Suite& suite,
           DeliveryOptions options = {});

  // Takes what the shipper has to tell. True: something changed that `status` shows.
  bool take_report(ledger::Time now);
  // Gives as much as the shipper takes of the batches below `below`. A batch comes back when its
  // body is damaged: declare it with a gap record, then declare_lost(); until then nothing more is
  // given.
  ledger::Result<std::optional<BodyLoss>> feed(std::uint64_t below);
  void declared(const BodyLoss& loss) { spool_->declare_lost(loss.last); }

  // Asks, at most every ten seconds and behind a receipt that just came, whether witnesses stand
  // behind what is receipted. `boot`: time since boot.
  ledger::Result<void> ask_for_witnesses(std::chrono::milliseconds boot);

  // Nothing is left to be shipped, or nothing can be.
  bool drained() const { return state_ != DeliveryState::shipping || has_receipts(); }
  // All batches below `below` that are held have a receipt of the log that takes them now.
  bool has_receipts(std::uint64_t below = ~std::uint64_t{0}) const;
  DeliveryState state() const { return state_; }
  // What a log answered that goes on for the dead one of this stream; else empty.
  const std::string& successor() const { return successor_; }
  const std::string& error() const {
    return error_;
  }  // of the last attempt; empty when it went well
  const std::string& checkpoint() const {
    return checkpoint_;
  }  // newest note of this run; may be empty
  std::optional<ledger::Time> last_receipt() const { return last_receipt_; }
  bool refused() const { return refused_; }  // with error(): only people can help
  // Why the last question for witnesses failed; empty when they only take their time.
  const std::string& witness_problem() const { return witness_problem_; }
  // Two signed notes that cannot both be right; taken once.
  std::optional<Contradiction> take_contradiction() {
    return std::exchange(contradiction_, std::nullopt);
  }
  // The collector asks for batches again that have its receipt: its log went back. Taken once.
  std::optional<std::uint64_t> take_went_back() { return std::exchange(went_back_, std::nullopt); }
  // This host's clock − the collector's, when the newest report brought a comparison; taken once.
  std::optional<std::chrono::milliseconds> take_clock_offset();

 private:
  ledger::Result<std::optional<BodyLoss>> fill(Post& post, std::uint64_t below);
  void end(DeliveryState state, std::string error);

  const bool witnessed_only_;
  std::string stream_;
  Spool* spool_;
  Shipper* shipper_;
  std::unique_ptr<ledger::Hasher> hasher_;
  std::uint64_t next_;                        // batch to be given next
  std::optional<std::uint64_t> again_below_;  // receipted anew below this
  std::optional<SpoolEntry> held_;            // batch next_, read but not given yet
  DeliveryState state_ = DeliveryState::shipping;
  std::string error_;
  bool refused_ = false;
  std::string successor_;
  std::string checkpoint_;
  std::optional<ledger::Time> last_receipt_;
  bool receipt_came_ = false;                // since the last question
  std::optional<WitnessQuestion> question_;  // the same until it is answered well
  std::chrono::milliseconds ask_at_{};       // time since boot
  std::string witness_problem_;
  std::optional<Contradiction> contradiction_;
  std::optional<std::uint64_t> went_back_;
  std::optional<std::chrono::milliseconds> clock_offset_;
};

}  // namespace yunjian::agent
