#include "agent/sealer.h"

#include <fmt/format.h>

namespace yunjian::agent {

using ledger::ErrorKind;
using ledger::fail;
using ledger::failure;
using ledger::Result;

namespace {

// Of one run: what the steps of a seal are shared by, and what is sealed again after a crash.
constexpr std::size_t run_batches_max = 8;
constexpr std::uint64_t run_bytes_max = 4U << 20;  // of encoded bodies
static_assert(run_batches_max <= ledger::run_batches_max);

}  // namespace

Result<std::unique_ptr<Sealer>> Sealer::open(ledger::Ratchet ratchet, Parts parts) {
  if (ratchet.in_doubt()) {
    auto stored = parts.spool->settle(ratchet.next_batch(), ratchet.in_doubt_batches());
    if (!stored) return failure(stored);
    auto recovered = ratchet.recover(*stored);
    if (!recovered) return failure(recovered);
  }
  if (!parts.spool->empty() && parts.spool->next_batch() > ratchet.next_batch()) {
    return fail(
        ErrorKind::fatal,
        fmt::format("the spool holds batches up to {} but the sealing state is at batch {}: the "
                    "state directory was restored from an older copy; enrol this host again with "
                    "a new token",
                    parts.spool->next_batch() - 1, ratchet.next_batch()));
  }
  return std::unique_ptr<Sealer>(new Sealer(std::move(ratchet), std::move(parts)));
}

Sealer::Sealer(ledger::Ratchet ratchet, Parts parts)
    : ratchet_(std::move(ratchet)),
      spool_(parts.spool),
      clock_(parts.clock),
      random_(parts.random),
      boot_id_(std::move(parts.boot_id)),
      hasher_(ratchet_.suite().hasher()),
      body_(*hasher_) {}

bool Sealer::add(std::string_view line, bool event) {
  if (!body_.add(line)) {
    waiting_.full = true;
    return false;
  }
  if (event) {
    if (waiting_.events == 0) waiting_.first_event = clock_->boot();
    ++waiting_.events;
  }
  return true;
}

Result<void> Sealer::close_batch(ledger::SealContext context, std::vector<std::string> flags,
                                 bool keep_body) {
  ledger::require(run_has_room(), "a full run is sealed before another batch is closed");
  SpoolEntry entry{.sealed = clock_->wall(),
                   .records = static_cast<std::uint32_t>(body_.records()),
                   .keep_body = keep_body};
  if (auto encoded = encoder_.encode(body_.lines(), entry.body); !encoded) return failure(encoded);
  plan_.push_back({.content = {.root = body_.root(),
                               .records = body_.records(),
                               .sealed = entry.sealed,
                               .boot_id = boot_id_,
                               .boot_ms = static_cast<std::uint64_t>(clock_->boot().count()),
                               .flags = std::move(flags)},
                   .context = std::move(context)});
  run_bytes_ += entry.body.size();
  run_.push_back(std::move(entry));
  body_.reset();
  waiting_ = {};
  return {};
}

bool Sealer::run_has_room() const {
  return step_ == Step::open && run_.size() < run_batches_max && run_bytes_ < run_bytes_max;
}

std::uint64_t Sealer::run_records() const {
  std::uint64_t sum = 0;
  for (const SpoolEntry& entry : run_) sum += entry.records;
  return sum;
}

// A crash before the run is stored: what is not there whole is sealed again with the same keys.
// Behind it: the run is adopted.
Result<void> Sealer::seal() {
  if (run_.empty()) return {};
  if (step_ == Step::open) {
    if (auto prepared = prepare(); !prepared) return prepared;
  }
  if (step_ == Step::prepared) {
    if (auto stored = spool_->append(run_); !stored) {
      return failure(stored, "cannot write the spool");
    }
    step_ = Step::stored;
  }
  if (auto committed = ratchet_.commit(); !committed) return committed;
  run_.clear();
  run_bytes_ = 0;
  step_ = Step::open;
  return {};
}

Result<void> Sealer::prepare() {
  auto headers = ratchet_.prepare(*random_, plan_);
  if (!headers) return failure(headers);
  for (std::size_t i = 0; i < run_.size(); ++i) {
    run_[i].batch = ratchet_.next_batch() + i;
    run_[i].header = std::move((*headers)[i]);
  }
  plan_.clear();
  step_ = Step::prepared;
  return {};
}

Result<void> Sealer::seal(ledger::SealContext context, std::vector<std::string> flags,
                          bool keep_body) {
  auto closed = close_batch(std::move(context), std::move(flags), keep_body);
  return closed ? seal() : closed;
}

}  // namespace yunjian::agent
