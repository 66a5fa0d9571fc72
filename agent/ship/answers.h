#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/ship/post.h"
#include "agent/ship/uploader.h"
#include "ledger/checkpoint.h"

namespace yunjian::agent {

// Whose cosignatures free a body: `quorum` of `keys`. No keys: the collector's receipt does.
struct WitnessRule {
  std::vector<ledger::Verifier> keys = {};
  std::size_t quorum = 1;
};

// Two checkpoint notes by the log's key, the second shown later, that cannot both be right: the log
// went back, or it has two histories.
struct Contradiction {
  std::string before;
  std::string after;
};

// The newest state of the collector's log that this agent has been shown. A receipt counts only
// when its checkpoint does not contradict it. One thread.
class ReceiptBook {
 public:
  explicit ReceiptBook(ledger::Verifier log, WitnessRule witnesses = {})
      : log_(std::move(log)), witnesses_(std::move(witnesses)) {}

  // A checkpoint note kept from an earlier run. Reject: not one of this log.
  ledger::Result<void> restore(std::string_view checkpoint_note);
  // Reject: the receipt does not prove the leaf, or the log went back or has two histories.
  ledger::Result<void> check(std::string_view receipt, const ledger::Hash& leaf);
  // The same for a receipt that enough witnesses cosigned; it may be older than the newest one.
  ledger::Result<void> check_witnessed(std::string_view receipt, const ledger::Hash& leaf);

  const std::string& checkpoint() const {
    return note_;
  }  // the newest note; empty before the first
  // What the last refusal rests on, when it was a contradiction; taken once.
  std::optional<Contradiction> take_contradiction() {
    return std::exchange(contradiction_, std::nullopt);
  }

 private:
  ledger::Result<void> compare(const ledger::TreeHead& tree, std::string note, bool may_be_older);

  ledger::Verifier log_;
  WitnessRule witnesses_;
  ledger::TreeHead newest_;
  std::string note_;
  std::optional<Contradiction> contradiction_;
};

// What the collector's answer to a post means for the shipper.
struct AnswerReading {
  std::size_t receipted = 0;             // so many frames from the first on have a good receipt
  bool forked = false;                   // another history of this stream is in the log: stop
  std::optional<std::uint64_t> go_back;  // ship from this batch on
  std::string problem;                   // why not all are receipted; empty when all are
  bool refused = false;                  // this agent, by its certificate: only people can help
  bool frame_refused = false;            // the frame behind those with a receipt
  std::string successor;  // the answer of a log that goes on for a dead one; else empty
  std::optional<std::chrono::seconds> retry_after;
};

// `frames` are those that were posted, `stream` the id they belong to.
AnswerReading read_answer(std::span<const Post::Place> frames, std::string_view stream,
                          const PostAnswer& answer, ReceiptBook& receipts);

}  // namespace yunjian::agent
