#include "collector/store/own_stream.h"

#include <fmt/format.h>

namespace yunjian::collector {

using ledger::ErrorKind;
using ledger::fail;
using ledger::Result;

OwnStream::OwnStream(EvidenceLog& log, const Tools& tools, const Options& options,
                     ledger::Ratchet ratchet)
    : log_(log),
      tools_(tools),
      boot_id_(options.boot_id),
      hasher_(log.suite().hasher()),
      ratchet_(std::move(ratchet)),
      body_(*hasher_) {}

Result<std::unique_ptr<OwnStream>> OwnStream::open(EvidenceLog& log, const Tools& tools,
                                                   const Options& options) {
  auto ratchet = ledger::Ratchet::open(tools.files, options.state_path);
  if (!ratchet) return failure(ratchet, "the state of the collector's own stream");
  std::unique_ptr<OwnStream> own(new OwnStream(log, tools, options, std::move(*ratchet)));
  if (auto recovered = own->recover(); !recovered) return failure(recovered);
  return own;
}

Result<void> OwnStream::recover() {
  const ledger::Ratchet::Identity& identity = ratchet_.identity();
  const std::string id = ledger::stream_id(identity.agent, identity.incarnation);
  if (id != log_.own_stream()) {
    return fail(ErrorKind::fatal, "the state file is of stream " + id + ", the log's own is " +
                                      log_.own_stream() + ": restore both from one backup");
  }
  const bool crashed = ratchet_.in_doubt() || log_.unsealed_own_count() > 0;
  start_flag_ = crashed ? "crash-start" : "clean-start";
  if (ratchet_.in_doubt()) {
    std::vector<std::string> stored;
    auto row = log_.batch_row(id, ratchet_.next_batch());
    if (!row) return failure(row);
    if (*row) {
      auto leaf = log_.leaf((*row)->leaf);
      if (!leaf) return failure(leaf);
      stored.push_back(std::move(*leaf));
    }
    auto settled = ratchet_.recover(stored);
    if (!settled) return failure(settled, "the collector's own stream");
  }
  const std::optional<StreamState> state = log_.stream(id);
  if (!state || state->next_batch != ratchet_.next_batch() || state->head != ratchet_.previous()) {
    return fail(ErrorKind::fatal,
                fmt::format("the state file of the collector's own stream stands at batch {}, the "
                            "log at {}: one of them is an older copy. Restore both from one backup",
                            ratchet_.next_batch(), state ? state->next_batch : 0));
  }
  return {};
}

Result<void> OwnStream::record(std::string line) {
  std::vector<std::string> lines;
  lines.push_back(std::move(line));
  return record_all(std::move(lines));
}

Result<void> OwnStream::record_all(std::vector<std::string> lines) {
  std::vector<Entry> entries;
  entries.reserve(lines.size());
  for (std::string& line : lines) entries.emplace_back(OwnRecord{std::move(line)});
  auto committed = log_.commit(std::move(entries));
  if (!committed) return failure(committed, "recording an act of the collector");
  return {};
}

Result<void> OwnStream::step(ledger::Time now) {
  const std::lock_guard lock(mutex_);
  const std::size_t waiting = log_.unsealed_own_count();
  if (waiting == 0 && !prepared_) {
    waiting_since_.reset();
    return {};
  }
  // A clock that was set back must not put the seal off.
  if (!waiting_since_ || now < *waiting_since_) waiting_since_ = now;
  const bool due = now - *waiting_since_ >= own_seal_interval;
  if (!due && !prepared_ && waiting < own_records_waiting_max) return {};
  return seal_all();
}

Result<void> OwnStream::stop() {
  const std::lock_guard lock(mutex_);
  return seal_all();
}

Result<void> OwnStream::pause(const std::function<Result<void>()>& work) {
  const std::lock_guard lock(mutex_);
  if (auto sealed = seal_all(); !sealed) return sealed;
  return work();
}

Result<void> OwnStream::seal_all() {
  while (prepared_ || log_.unsealed_own_count() > 0) {
    if (!prepared_) {
      auto batch = prepare_batch();
      if (!batch) return failure(batch, "sealing the collector's own stream");
      prepared_ = std::move(*batch);
    }
    if (auto done = commit_prepared(); !done) return done;
  }
  waiting_since_.reset();
  return {};
}

Result<BatchEntry> OwnStream::prepare_batch() {
  body_.reset();
  for (const std::string& line : log_.unsealed_own_records(ledger::batch_records_max)) {
    if (!body_.add(line)) break;
  }
  ledger::Ratchet::Content content;
  content.root = body_.root();
  content.records = body_.records();
  content.sealed = tools_.clock.wall();
  content.boot_id = boot_id_;
  content.boot_ms = static_cast<std::uint64_t>(tools_.clock.boot().count());
  if (!start_flag_.empty()) content.flags.push_back(start_flag_);
  BatchEntry batch;
  if (auto encoded = encoder_.encode(body_.lines(), batch.body); !encoded) return failure(encoded);
  auto header = ratchet_.prepare(tools_.random, content, {});
  if (!header) return failure(header);
  batch.header = std::move(*header);
  const std::optional<StreamState> state = log_.stream(log_.own_stream());
  batch.unit = state->unit;
  batch.host = state->host;
  return batch;
}

// The header is signed: whatever happens, nothing else may be signed with its key. It is committed
// until the log takes it, or the process ends and recover() looks where it got.
Result<void> OwnStream::commit_prepared() {
  std::vector<Entry> entries;
  entries.emplace_back(*prepared_);
  auto committed = log_.commit(std::move(entries));
  if (!committed) return failure(committed, "committing the collector's own stream");
  prepared_.reset();
  start_flag_.clear();
  return ratchet_.commit();
}

}  // namespace yunjian::collector
