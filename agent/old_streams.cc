#include "agent/old_streams.h"

#include <fmt/format.h>

#include <algorithm>

#include "agent/own_record.h"
#include "agent/succession.h"

namespace yunjian::agent {
namespace {

using ledger::failure;
using ledger::Result;

std::string settled_mark(const std::string& directory) {
  return ledger::join_path(directory, "settled");
}

// Nothing when there is no such old stream, or it is settled.
Result<std::optional<OldStream>> look_at(ledger::FileSystem& files, const std::string& directory,
                                         const AgentIdentity& now) {
  const StatePaths paths(directory);
  for (const auto& [path, wanted] :
       {std::pair(settled_mark(directory), false), {paths.identity, true}, {paths.spool, true}}) {
    auto there = files.exists(path);
    if (!there) return failure(there);
    if (*there != wanted) return std::optional<OldStream>();
  }
  auto identity = read_identity(files, paths);
  if (!identity) return std::optional<OldStream>();
  OldStream old{.directory = directory, .stream = identity->stream(), .why_not = {}};
  auto forked = files.exists(paths.fork);
  if (!forked) return failure(forked);
  if (*forked) old.why_not = "forked";
  if (identity->agent != now.agent) old.why_not = "another-agent";
  if (identity->vkey != now.vkey) {
    const auto inherited = read_inherited(files, paths);
    if (inherited && inherited->vkey == now.vkey) {
      old.again_from = inherited->batch;
    } else {
      old.why_not = "another-log";
    }
  }
  return std::optional<OldStream>(std::move(old));
}

// Names the batches from the first without a receipt on.
Result<std::string> lost_record(ledger::Time now, const OldStream& old, Spool& spool,
                                const ledger::Suite& suite) {
  const std::uint64_t first = std::max(spool.receipted(), spool.first_batch());
  const std::uint64_t last = spool.next_batch() - 1;
  std::vector<Detail> details{
      {"cause", "not-shipped"},
      {"reason", old.why_not},
      {"stream", old.stream},
      {"batches", first == last ? fmt::format("{}", first) : fmt::format("{}-{}", first, last)}};
  std::uint64_t records_begin = 0;
  for (std::uint64_t batch = first; batch <= last; batch = batch < last ? last : last + 1) {
    auto note = spool.header(batch);
    if (!note) return failure(note);
    const auto sealed = *note ? ledger::read_header(**note, suite)
                              : ledger::Result<ledger::SealedHeader>(
                                    ledger::fail(ledger::ErrorKind::corrupt, "no header"));
    if (!sealed) continue;
    const ledger::BatchHeader& header = sealed->header;
    if (batch == first) {
      records_begin = header.first_record;
      details.emplace_back("from", ledger::format_time(header.sealed));
    }
    if (batch == last) {
      details.emplace_back("to", ledger::format_time(header.sealed));
      details.emplace_back("count", header.first_record + header.records - records_begin);
    }
  }
  return own_record(now, "gap", std::move(details));
}

}  // namespace

Result<std::vector<OldStream>> find_old_streams(ledger::FileSystem& files, const StatePaths& paths,
                                                const AgentIdentity& identity) {
  std::vector<OldStream> found;
  auto there = files.exists(paths.old);
  if (!there) return failure(there);
  if (!*there) return found;
  auto names = files.list(paths.old);
  if (!names) return failure(names);
  // Incarnations by number, not by name: .10 comes behind .9.
  std::stable_sort(names->begin(), names->end(),
                   [](const std::string& a, const std::string& b) { return a.size() < b.size(); });
  for (const std::string& name : *names) {
    auto old = look_at(files, ledger::join_path(paths.old, name), identity);
    if (!old) return failure(old);
    if (*old) found.push_back(std::move(**old));
  }
  return found;
}

Result<void> OldStreams::begin() {
  const OldStream& old = parts_.streams[current_];
  auto spool = Spool::open(*parts_.files, StatePaths(old.directory).spool, SpoolLimits{});
  if (!spool) return failure(spool, old.directory);
  spool_.emplace(std::move(*spool));
  if (auto settled = settle_doubt(); !settled) return failure(settled, old.directory);
  delivery_.emplace(
      *spool_, *parts_.shipper, *parts_.suite,
      DeliveryOptions{
          .stream = old.stream, .fork_known = old.why_not, .again_from = old.again_from});
  return {};
}

// What its ratchet has not committed may not leave the host, here as in the running stream: the
// frames might not be those that were prepared. A state that is damaged can seal nothing else any
// more: then every whole frame is what the stream holds.
Result<void> OldStreams::settle_doubt() {
  const OldStream& old = parts_.streams[current_];
  auto ratchet = ledger::Ratchet::open(*parts_.files, StatePaths(old.directory).ratchet);
  if (!ratchet && ratchet.error().kind != ledger::ErrorKind::corrupt &&
      ratchet.error().kind != ledger::ErrorKind::reject) {
    return failure(ratchet);
  }
  if (ratchet && ratchet->in_doubt()) {
    auto stored = spool_->settle(ratchet->next_batch(), ratchet->in_doubt_batches());
    if (!stored) return failure(stored);
    auto recovered = ratchet->recover(*stored);
    if (!recovered && recovered.error().kind != ledger::ErrorKind::corrupt) return recovered;
  }
  below_ = ratchet ? ratchet->next_batch() : spool_->next_batch();
  return {};
}

Result<bool> OldStreams::deliver(ledger::Time now, std::vector<std::string>& records) {
  while (current_ < parts_.streams.size()) {
    if (!delivery_) {
      if (auto begun = begin(); !begun) return failure(begun);
    }
    delivery_->take_report(now);
    auto lost = delivery_->feed(below_);
    if (!lost) return failure(lost);
    if (*lost) {
      records.push_back(
          body_gap_record(now, "spool-damaged", **lost, parts_.streams[current_].stream));
      delivery_->declared(**lost);
      continue;
    }
    const bool all = delivery_->has_receipts(below_);
    if (!all && !delivery_->drained()) return true;
    std::string why_not = all ? std::string() : delivery_->error();
    if (all && spool_->next_batch() > below_) why_not = "not-committed";
    if (auto ended = end(now, std::move(why_not), records); !ended) {
      return failure(ended);
    }
  }
  return false;
}

Result<void> OldStreams::end(ledger::Time now, std::string why_not,
                             std::vector<std::string>& records) {
  OldStream& old = parts_.streams[current_];
  if (!why_not.empty() && !spool_->empty()) {
    if (old.why_not.empty()) old.why_not = why_not == "not-committed" ? why_not : "refused";
    auto record = lost_record(now, old, *spool_, *parts_.suite);
    if (!record) return failure(record);
    records.push_back(std::move(*record));
  }
  if (auto saved = spool_->save_mark(); !saved) return saved;
  to_settle_.push_back(old.directory);
  parts_.shipper->go_on();
  delivery_.reset();
  spool_.reset();
  ++current_;
  return {};
}

Result<void> OldStreams::sealed() {
  for (const std::string& directory : to_settle_) {
    if (auto done = replace_file(*parts_.files, settled_mark(directory), "", 0600); !done) {
      return done;
    }
  }
  to_settle_.clear();
  return {};
}

const std::string& OldStreams::error() const {
  static const std::string none;
  return delivery_ ? delivery_->error() : none;
}

const std::string& OldStreams::successor() const {
  static const std::string none;
  return delivery_ ? delivery_->successor() : none;
}

}  // namespace yunjian::agent
