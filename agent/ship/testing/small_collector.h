#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <mutex>

#include "agent/ship/testing/small_log.h"
#include "agent/ship/uploader.h"
#include "ledger/batch.h"
#include "ledger/wire.h"

namespace yunjian::agent::testing {

// Takes batches in order and answers with real receipts, or as the test told it to. Any thread.
class SmallCollector {
 public:
  // Replaces the answer to one post; later ones are ordinary again.
  using Trouble = std::function<ledger::Result<PostAnswer>(std::string_view post)>;
  void plan(Trouble trouble) {
    const std::scoped_lock lock(mutex_);
    troubles_.push_back(std::move(trouble));
  }

  // Forgets what was planned.
  void recover() {
    const std::scoped_lock lock(mutex_);
    troubles_.clear();
  }

  ledger::Result<PostAnswer> post(std::string_view bytes) {
    const std::scoped_lock lock(mutex_);
    ++posts_;
    if (!troubles_.empty()) {
      const Trouble trouble = std::move(troubles_.front());
      troubles_.pop_front();
      return trouble(bytes);
    }
    return answer(bytes);
  }

  // From now on witnesses stand behind the first `batches`.
  void witness(std::uint64_t batches) {
    const std::scoped_lock lock(mutex_);
    witnessed_ = batches;
  }
  const SmallWitness& witness() const { return witness_; }

  // "/ingest/v1/witnessed/{stream}/{batch}"
  PostAnswer get(std::string_view path) {
    const std::scoped_lock lock(mutex_);
    ++questions_;
    const auto batch = ledger::parse_decimal(path.substr(path.rfind('/') + 1));
    if (!batch || *batch >= accepted_.size()) return {.status = 404};
    if (*batch >= witnessed_) return {.status = 204};
    return {.status = 200, .body = log_.receipt_of(*batch, witnessed_, {&witness_})};
  }
  std::uint64_t questions() const {
    const std::scoped_lock lock(mutex_);
    return questions_;
  }

  ledger::Verifier verifier() const { return log_.verifier(); }
  std::vector<ledger::Frame> accepted() const {
    const std::scoped_lock lock(mutex_);
    return accepted_;
  }
  std::uint64_t posts() const {
    const std::scoped_lock lock(mutex_);
    return posts_;
  }
  // What it would answer now; for a Trouble that lets the answer get lost.
  PostAnswer answer(std::string_view bytes) {
    PostAnswer out{.status = 200, .body = {}, .retry_after = {}};
    const auto frames = ledger::split_frames(bytes);
    if (!frames) return {.status = 400, .body = frames.error().message, .retry_after = {}};
    std::vector<ledger::Answer> answers;
    for (const ledger::FrameRef& frame : *frames) answers.push_back(take(frame));
    for (ledger::Answer& one : answers) {
      if (one.receipt == "receipt") one.receipt = log_.receipt(one.batch);
      ledger::append_answer(out.body, one);
    }
    return out;
  }

 private:
  // The leaf index of a batch is its number: the log holds one stream.
  ledger::Answer take(const ledger::FrameRef& frame) {
    const auto sealed = ledger::read_header(frame.header, log_.suite);
    if (!sealed) return {};
    const ledger::BatchHeader& header = sealed->header;
    ledger::Answer out{.stream = ledger::stream_id(header.agent, header.incarnation),
                       .batch = header.batch,
                       .verdict = ledger::Verdict::accepted,
                       .receipt = "receipt",
                       .expected = 0,
                       .problem = {}};
    if (header.batch > accepted_.size()) {
      out.verdict = ledger::Verdict::expected;
      out.expected = accepted_.size();
      out.receipt.clear();
    } else if (header.batch < accepted_.size()) {
      const bool same = accepted_[header.batch].header == frame.header;
      out.verdict = same ? ledger::Verdict::duplicate : ledger::Verdict::fork;
      if (!same) out.receipt.clear();
    } else {
      accepted_.push_back({.header = std::string(frame.header), .body = std::string(frame.body)});
      log_.append(log_.hasher->leaf(frame.header));
    }
    return out;
  }

  mutable std::mutex mutex_;
  SmallLog log_;
  std::vector<ledger::Frame> accepted_;
  std::deque<Trouble> troubles_;
  std::uint64_t posts_ = 0;
  SmallWitness witness_{11};
  std::uint64_t witnessed_ = 0;
  std::uint64_t questions_ = 0;
};

class SmallUploader : public Uploader {
 public:
  explicit SmallUploader(SmallCollector& collector) : collector_(&collector) {}
  ledger::Result<PostAnswer> post(std::string_view frames) override {
    return collector_->post(frames);
  }
  ledger::Result<PostAnswer> get(std::string_view path) override { return collector_->get(path); }
  void drop_connection() override { ++dropped; }
  void abort() override {}

  std::atomic<int> dropped = 0;

 private:
  SmallCollector* collector_;
};

}  // namespace yunjian::agent::testing
