#include "agent/delivery.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace yunjian::agent {

namespace {

constexpr std::chrono::seconds ask_interval{10};  // witnesses take about a minute

}  // namespace

using ledger::ErrorKind;
using ledger::failure;
using ledger::Result;

Delivery::Delivery(Spool& spool, Shipper& shipper, const ledger::Suite& suite,
                   DeliveryOptions options)
    : witnessed_only_(options.witnessed_only),
      stream_(std::move(options.stream)),
      spool_(&spool),
      shipper_(&shipper),
      hasher_(suite.hasher()),
      next_(options.again_from.value_or(std::max(spool.receipted(), spool.first_batch()))),
      again_below_(options.again_from) {
  if (!options.fork_known.empty()) end(DeliveryState::forked, std::move(options.fork_known));
}

bool Delivery::take_report(ledger::Time now) {
  ShipReport report = shipper_->report();
  bool changed = false;
  if (report.clock_offset) clock_offset_ = report.clock_offset;
  if (report.receipted_below > 0) {
    spool_->mark_receipted(report.receipted_below);
    if (again_below_) again_below_ = std::max(*again_below_, report.receipted_below);
    last_receipt_ = now;
    checkpoint_ = std::move(report.checkpoint);
    changed = receipt_came_ = true;
  }
  if (report.witnessed_below > spool_->witnessed()) {
    spool_->mark_witnessed(report.witnessed_below);
    question_.reset();
    changed = true;
  }
  witness_problem_ = std::move(report.witness_problem);
  if (report.contradiction) contradiction_ = std::move(report.contradiction);
  if (state_ != DeliveryState::shipping) return changed;
  successor_ = std::move(report.successor);
  if (report.error != error_ || report.refused != refused_) {
    error_ = report.error;
    refused_ = report.refused;
    changed = true;
  }
  if (report.forked) {
    end(DeliveryState::forked,
        "the collector holds another history of this stream (a copied or restored state "
        "directory?); both "
        "are kept as evidence; stop the agent and enrol with a new token: " +
            report.error);
  } else if (report.given_up) {
    end(DeliveryState::ended, report.error);
  } else if (report.go_back) {
    if (*report.go_back < spool_->receipted()) went_back_ = *report.go_back;
    if (*report.go_back < spool_->first_batch()) {
      end(DeliveryState::ended,
          fmt::format(
              "the collector expects batch {}, but the spool begins with {}; stop the agent and "
              "enrol with a new token",
              *report.go_back, spool_->first_batch()));
    } else {
      next_ = *report.go_back;
      held_.reset();
    }
  }
  return changed || report.go_back.has_value();
}

std::optional<std::chrono::milliseconds> Delivery::take_clock_offset() {
  return std::exchange(clock_offset_, std::nullopt);
}

Result<std::optional<BodyLoss>> Delivery::feed(std::uint64_t below) {
  // A spool that was emptied begins later; whether the collector has what is missing is for it to
  // say.
  next_ = std::max(next_, spool_->first_batch());
  below = std::min(below, spool_->next_batch());
  while (state_ == DeliveryState::shipping && next_ < below && shipper_->has_room()) {
    Post post;
    post.set_stream(stream_);
    auto lost = fill(post, below);
    if (!lost) return failure(lost);
    if (!post.empty()) shipper_->give(std::move(post));
    if (*lost) return lost;
  }
  return std::optional<BodyLoss>();
}

Result<std::optional<BodyLoss>> Delivery::fill(Post& post, std::uint64_t below) {
  while (next_ < below) {
    if (!held_) {
      auto batch = spool_->read(next_);
      if (!batch && batch.error().kind == ErrorKind::corrupt) {
        end(DeliveryState::ended,
            batch.error().message + "; stop the agent and enrol with a new token");
        break;
      }
      if (!batch) return failure(batch);
      if (!*batch) break;
      const SpoolEntry& entry = (*batch)->entry;
      if ((*batch)->body_lost) {
        return std::optional<BodyLoss>(BodyLoss{.first = entry.batch,
                                                .last = entry.batch,
                                                .records = entry.records,
                                                .from = entry.sealed,
                                                .to = entry.sealed});
      }
      held_ = std::move((*batch)->entry);
    }
    const ledger::Hash leaf = hasher_->leaf(held_->header);
    if (!post.add(next_, leaf, {.header = held_->header, .body = held_->body})) break;
    held_.reset();
    ++next_;
  }
  return std::optional<BodyLoss>();
}

// A batch is asked for until it is covered: the newest one of a busy host never would be.
Result<void> Delivery::ask_for_witnesses(std::chrono::milliseconds boot) {
  if (!witnessed_only_ || !receipt_came_ || boot < ask_at_) return {};
  if (!question_) {
    if (spool_->receipted() <= spool_->witnessed()) return {};
    const std::uint64_t batch = spool_->receipted() - 1;
    auto header = spool_->header(batch);
    if (!header) return failure(header);
    if (!*header) return {};
    question_ = WitnessQuestion{.batch = batch, .leaf = hasher_->leaf(**header)};
  }
  receipt_came_ = false;
  ask_at_ = boot + ask_interval;
  shipper_->ask_witnessed(*question_);
  return {};
}

bool Delivery::has_receipts(std::uint64_t below) const {
  return again_below_.value_or(spool_->receipted()) >= std::min(below, spool_->next_batch());
}

void Delivery::end(DeliveryState state, std::string error) {
  state_ = state;
  error_ = std::move(error);
}

}  // namespace yunjian::agent
