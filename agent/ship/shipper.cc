#include "agent/ship/shipper.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace yunjian::agent {
namespace {

using std::chrono::milliseconds;

constexpr std::chrono::seconds retry_after_max{3600};
constexpr int refusals_max = 5;  // of a frame of an earlier stream

}  // namespace

Shipper::Shipper(std::unique_ptr<Uploader> uploader, ReceiptBook receipts, ledger::Random& random,
                 ShipperOptions options)
    : uploader_(std::move(uploader)),
      receipts_(std::move(receipts)),
      random_(&random),
      options_(std::move(options)),
      thread_([this] { run(); }) {}

Shipper::~Shipper() { stop(); }

bool Shipper::has_room() const {
  const std::scoped_lock lock(mutex_);
  return !waiting_ && !stopping_ && !report_.forked && !report_.go_back && !report_.given_up;
}

void Shipper::give(Post post) {
  {
    const std::scoped_lock lock(mutex_);
    ledger::require(!waiting_, "a post is given only when there is room");
    waiting_ = std::move(post);
  }
  changed_.notify_all();
}

bool Shipper::idle() const {
  const std::scoped_lock lock(mutex_);
  return !waiting_ && !question_ && !busy_;
}

void Shipper::ask_witnessed(const WitnessQuestion& question) {
  {
    const std::scoped_lock lock(mutex_);
    question_ = question;
  }
  changed_.notify_all();
}

ShipReport Shipper::report() {
  const std::scoped_lock lock(mutex_);
  ShipReport report = report_;
  report_.receipted_below = 0;
  report_.checkpoint.clear();
  report_.go_back.reset();
  report_.witnessed_below = 0;
  report_.contradiction.reset();
  report_.clock_offset.reset();
  return report;
}

void Shipper::go_on() {
  const std::scoped_lock lock(mutex_);
  waiting_.reset();
  question_.reset();
  report_ = {};
}

void Shipper::stop() {
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
  }
  uploader_->abort();
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void Shipper::run() {
  std::unique_lock lock(mutex_);
  while (wait_for_post(lock)) {
    busy_ = true;
    work(lock);
    busy_ = false;
    lock.unlock();
    if (options_.on_news) options_.on_news();
    lock.lock();
  }
}

// Posts come first. The lock is held on entry and return, never while the collector is spoken to.
void Shipper::work(std::unique_lock<std::mutex>& lock) {
  if (waiting_) {
    const Post post = std::move(*waiting_);
    waiting_.reset();
    lock.unlock();
    if (options_.on_news) options_.on_news();  // there is room
    ship(post);
  } else {
    const WitnessQuestion question = *question_;
    question_.reset();
    lock.unlock();
    ask(question);
  }
  lock.lock();
}

// False when it is time to stop. Closes the connection when nothing comes for a while.
bool Shipper::wait_for_post(std::unique_lock<std::mutex>& lock) {
  const auto ready = [&] { return waiting_ || question_ || stopping_; };
  if (connected_ && !changed_.wait_for(lock, options_.idle, ready)) {
    uploader_->drop_connection();
    connected_ = false;
  }
  changed_.wait(lock, ready);
  return !stopping_;
}

void Shipper::ship(const Post& post) {
  std::size_t first = 0;
  while (first < post.places().size()) {
    connected_ = true;
    const Post::Slice slice = post.slice(first, window_.bytes());
    auto answer = uploader_->post(slice.bytes);
    if (!answer) {
      window_.failed(slice.bytes.size());
      AnswerReading failed;
      failed.problem = answer.error().message;
      if (!pause(std::move(failed))) return;
      continue;
    }
    window_.answered(slice.bytes.size(), answer->sent_bytes_per_s);
    note_clock(*answer);
    const std::span frames = std::span(post.places()).subspan(first, slice.frames);
    const std::string& stream = post.stream().empty() ? options_.stream : post.stream();
    const AnswerReading reading = read_answer(frames, stream, *answer, receipts_);
    if (!note_reading(post, first, reading)) return;
    first += reading.receipted;
    if (reading.receipted > 0 && options_.after_receipt) options_.after_receipt();
    if (reading.problem.empty()) continue;
    if (!pause(reading)) return;
  }
}

void Shipper::ask(const WitnessQuestion& question) {
  connected_ = true;
  const auto answer =
      uploader_->get(fmt::format("/ingest/v1/witnessed/{}/{}", options_.stream, question.batch));
  std::string problem = answer ? std::string() : answer.error().message;
  bool witnessed = false;
  if (answer && answer->status == 200) {
    const auto good = receipts_.check_witnessed(answer->body, question.leaf);
    witnessed = good.has_value();
    if (!good) problem = good.error().message;
  } else if (answer && answer->status == 404) {
    problem = fmt::format("the collector no longer knows batch {}, for which it gave a receipt",
                          question.batch);
  } else if (answer && answer->status != 204) {
    problem = fmt::format("HTTP {}", answer->status);
  }
  const std::scoped_lock lock(mutex_);
  if (witnessed) report_.witnessed_below = question.batch + 1;
  if (auto found = receipts_.take_contradiction()) report_.contradiction = std::move(*found);
  report_.witness_problem = std::move(problem);
}

void Shipper::note_clock(const PostAnswer& answer) {
  if (!answer.clock_offset) return;
  const std::scoped_lock lock(mutex_);
  report_.clock_offset = answer.clock_offset;
}

// False when the rest of the post is not to be tried again.
bool Shipper::note_reading(const Post& post, std::size_t first, const AnswerReading& reading) {
  const std::scoped_lock lock(mutex_);
  if (reading.receipted > 0) refusals_ = 0;
  if (reading.frame_refused) ++refusals_;
  report_.given_up = !post.stream().empty() && refusals_ >= refusals_max;
  if (reading.receipted > 0) {
    attempt_ = 0;
    report_.receipted_below = post.places()[first + reading.receipted - 1].batch + 1;
    report_.checkpoint = receipts_.checkpoint();
  }
  if (auto found = receipts_.take_contradiction()) report_.contradiction = std::move(*found);
  report_.error = reading.problem;
  report_.refused = reading.refused;
  report_.retry_in = {};
  report_.forked = reading.forked;
  report_.successor = reading.successor;
  report_.go_back = reading.go_back;
  if (!reading.forked && !reading.go_back && !report_.given_up) return true;
  refusals_ = 0;
  waiting_.reset();
  return false;
}

// Waits before the next attempt; false when it is time to stop. What only people can change is not
// tried more often than at the end of an outage.
bool Shipper::pause(AnswerReading failed) {
  if (const auto ended = options_.certificate_ended ? options_.certificate_ended() : std::nullopt) {
    failed.problem = fmt::format("{} ({})", *ended, failed.problem);
    failed.refused = true;
  }
  std::array<std::uint8_t, 8> bits{};
  random_->fill(bits);
  const std::uint64_t random = ledger::get_u64be(reinterpret_cast<const char*>(bits.data()));
  milliseconds delay = failed.refused ? refused_pause(random, options_.backoff)
                                      : backoff(attempt_++, random, options_.backoff);
  if (failed.retry_after) delay += std::min(*failed.retry_after, retry_after_max);
  {
    const std::scoped_lock lock(mutex_);
    report_.error = failed.problem;
    report_.refused = failed.refused;
    report_.retry_in = delay;
  }
  if (options_.on_news) options_.on_news();
  std::unique_lock lock(mutex_);
  if (delay >= options_.idle && connected_) {
    lock.unlock();
    uploader_->drop_connection();
    lock.lock();
    connected_ = false;
  }
  return !changed_.wait_for(lock, delay, [&] { return stopping_; });
}

}  // namespace yunjian::agent
