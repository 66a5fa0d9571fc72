#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "agent/ship/post.h"
#include "agent/ship/uploader.h"
#include "ledger/checkpoint.h"

namespace yunjian::agent {

// The newest state of the collector's log that this agent has been shown. A receipt counts only
// when its checkpoint does not contradict it. One thread.
class ReceiptBook {
 public:
  explicit ReceiptBook(ledger::Verifier log) : log_(std::move(log)) {}

  // A checkpoint note kept from an earlier run. Reject: not one of this log.
  ledger::Result<void> restore(std::string_view checkpoint_note);
  // Reject: the receipt does not prove the leaf, or the log went back or has two histories.
  ledger::Result<void> check(std::string_view receipt, const ledger::Hash& leaf);

  const std::string& checkpoint() const {
    return note_;
  }  // the newest note; empty before the first

 private:
  ledger::Verifier log_;
  ledger::TreeHead newest_;
  std::string note_;
};

// What the collector's answer to a post means for the shipper.
struct AnswerReading {
  std::size_t receipted = 0;             // so many frames from the first on have a good receipt
  bool forked = false;                   // another history of this stream is in the log: stop
  std::optional<std::uint64_t> go_back;  // ship from this batch on
  std::string problem;                   // why not all are receipted; empty when all are
  std::string successor;  // the answer of a log that goes on for a dead one; else empty
  std::optional<std::chrono::seconds> retry_after;
};

// `frames` are those that were posted, `stream` the id they belong to.
AnswerReading read_answer(std::span<const Post::Place> frames, std::string_view stream,
                          const PostAnswer& answer, ReceiptBook& receipts);

}  // namespace yunjian::agent
