#include "agent/spool/spool.h"

#include <fmt/format.h>

#include <algorithm>

#include "ledger/base/bytes.h"

namespace yunjian::agent {
namespace {

// A copy made after a crash keeps a body as small as those of gap records are.
constexpr std::size_t kept_body_bytes_max = 4096;

}  // namespace

using ledger::ErrorKind;
using ledger::fail;
using ledger::failure;
using ledger::Result;

SpoolLimits SpoolLimits::within(std::uint64_t bytes_max) {
  SpoolLimits limits{.bytes_max = bytes_max};
  limits.body_segment_bytes = std::min(limits.body_segment_bytes, bytes_max / 16);
  limits.header_segment_bytes = std::min(limits.header_segment_bytes, bytes_max / 64);
  return limits;
}

Result<Spool> Spool::open(ledger::FileSystem& files, const std::string& directory,
                          SpoolLimits limits) {
  if (auto made = files.make_directory(directory, 0700); !made) return failure(made);
  const std::string parent = ledger::parent_directory(directory);
  if (auto synced = files.sync_directory(parent); !synced) return failure(synced);
  std::uint64_t receipted = 0;
  std::uint64_t settled = 0;
  const auto on_mark = [&](std::string_view payload) {
    if (payload.size() != 16) return;
    receipted = std::max(receipted, ledger::get_u64be(payload.data()));
    settled = std::max(settled, ledger::get_u64be(payload.data() + 8));
  };
  auto heads = SegmentSet::open(
      {&files, ledger::join_path(directory, "head"), limits.header_segment_bytes}, on_mark);
  if (!heads) return failure(heads, "spool");
  auto bodies = SegmentSet::open(
      {&files, ledger::join_path(directory, "body"), limits.body_segment_bytes}, {});
  if (!bodies) return failure(bodies, "spool");

  Spool spool(std::move(*bodies), std::move(*heads), limits,
              {&files, ledger::join_path(directory, "reserve")});
  // A reserve of an earlier run counts at once: the disk may be full now.
  if (auto reserve = files.open_read(spool.reserve_.path)) {
    spool.reserved_ = (*reserve)->size().value_or(0);
  }
  spool.receipted_ = receipted;
  spool.settled_below_ = settled;
  spool.marked_ = spool.mark();
  if (!spool.heads_.empty()) spool.next_batch_ = spool.heads_.spans().back().end;
  if (auto repaired = spool.repair_heads(); !repaired) return failure(repaired, "spool");
  return spool;
}

// A crash between the two copies of a seal leaves the body frame alone: the header is copied again.
Result<void> Spool::repair_heads() {
  if (bodies_.empty()) return {};
  const std::uint64_t end = bodies_.spans().back().end;
  if (heads_.empty()) next_batch_ = bodies_.spans().front().first;
  for (; next_batch_ < end; ++next_batch_) {
    auto entry = bodies_.find(next_batch_);
    if (!entry) return failure(entry);
    if (!*entry) continue;
    if ((*entry)->body.size() > kept_body_bytes_max) (*entry)->body.clear();
    if (auto added = heads_.append(**entry); !added) return failure(added);
  }
  return heads_.sync();
}

std::uint64_t Spool::first_batch() const {
  std::uint64_t first = next_batch_;
  for (const SegmentSet* set : {&heads_, &bodies_}) {
    if (!set->empty()) first = std::min(first, set->spans().front().first);
  }
  return first;
}

std::uint64_t Spool::damaged_places() const {
  return bodies_.damaged_places() + heads_.damaged_places();
}

Result<std::optional<std::string>> Spool::header(std::uint64_t batch) {
  auto entry = bodies_.find(batch);
  if (!entry) return failure(entry);
  if (!*entry) {
    entry = heads_.find(batch);
    if (!entry) return failure(entry);
  }
  if (!*entry) return std::optional<std::string>();
  return std::optional<std::string>(std::move((*entry)->header));
}

Result<void> Spool::append(std::span<const SpoolEntry> run) {
  if (run.empty()) return {};
  ledger::require(empty() || run.front().batch >= next_batch_, "the spool takes batches in order");
  auto stored = append_copies(run);
  if (!stored && stored.error().kind == ErrorKind::full) {
    auto taken = take_back(run.front().batch);
    if (!taken) return failure(taken);
  }
  if (!stored) return stored;
  next_batch_ = run.back().batch + 1;
  return {};
}

// A second copy is written behind a synced body: a header that is there has its body.
Result<void> Spool::append_copies(std::span<const SpoolEntry> run) {
  for (const SpoolEntry& entry : run) {
    if (auto added = bodies_.append(entry); !added) return failure(added);
  }
  if (auto synced = bodies_.sync(); !synced) return failure(synced);
  for (const SpoolEntry& entry : run) {
    if (auto added = heads_.append(entry, entry.keep_body); !added) return failure(added);
  }
  if (auto marked = append_mark(); !marked) return failure(marked);
  return heads_.sync();
}

Result<void> Spool::take_back(std::uint64_t batch) {
  marked_.clear();
  auto heads = heads_.rewind(batch);
  auto bodies = bodies_.rewind(batch);
  return heads ? bodies : heads;
}

Result<std::vector<std::string>> Spool::settle(std::uint64_t from, std::size_t batches) {
  std::vector<SpoolEntry> run;
  std::vector<std::string> headers;
  for (std::uint64_t batch = from; batch < from + batches; ++batch) {
    auto entry = bodies_.find(batch);
    if (!entry) return failure(entry);
    if (!*entry) break;
    auto copy = heads_.find(batch);
    if (!copy) return failure(copy);
    const bool small = (*entry)->body.size() <= kept_body_bytes_max;
    (*entry)->keep_body = small || (*copy && !(*copy)->body.empty());
    headers.push_back((*entry)->header);
    run.push_back(std::move(**entry));
  }
  heads_.supersede(from);
  bodies_.supersede(from);
  marked_.clear();
  next_batch_ = from;
  if (auto stored = append(run); !stored) return failure(stored);
  return headers;
}

Result<std::optional<Spool::Batch>> Spool::read(std::uint64_t batch) {
  if (batch >= next_batch_) return std::optional<Batch>();
  auto entry = bodies_.find(batch);
  if (!entry) return failure(entry);
  const bool whole = entry->has_value();
  if (!whole) {
    entry = heads_.find(batch);
    if (!entry) return failure(entry);
  }
  if (!*entry) {
    return fail(ErrorKind::corrupt,
                fmt::format("batch {}: both copies of its header are lost from the spool", batch));
  }
  const bool lost =
      !whole && (*entry)->records > 0 && (*entry)->body.empty() && batch >= settled_below_;
  return std::optional<Batch>(Batch{.entry = std::move(**entry), .body_lost = lost});
}

std::string Spool::mark() const {
  std::string out;
  ledger::put_u64be(out, receipted_);
  ledger::put_u64be(out, settled_below_);
  return out;
}

Result<void> Spool::append_mark() {
  const std::string current = mark();
  if (marked_ == current || !heads_.takes_marks()) return {};
  if (auto added = heads_.append_mark(current); !added) return failure(added);
  marked_ = current;
  return {};
}

Result<void> Spool::save_mark() {
  if (auto marked = append_mark(); !marked) return failure(marked);
  return heads_.sync();
}

void Spool::mark_receipted(std::uint64_t below) {
  receipted_ = std::max(receipted_, std::min(below, next_batch_));
}

std::uint64_t Spool::free_below() const {
  return limits_.witnessed_only ? std::min(witnessed_, receipted_) : receipted_;
}

Result<void> Spool::free_receipted(ledger::Time now, bool in_need) {
  const std::size_t going = segments_that_may_go(now, in_need);
  if (going == 0) return free_heads();
  settled_below_ = std::max(settled_below_, bodies_.spans()[going - 1].end);
  if (auto kept = keep_mark(); !kept) return kept;
  for (std::size_t i = 0; i < going; ++i) {
    if (auto dropped = bodies_.drop_front(); !dropped) return failure(dropped);
  }
  return free_heads();
}

// The open segment stays: it is the one that is appended to.
std::size_t Spool::segments_that_may_go(ledger::Time now, bool in_need) const {
  const auto& spans = bodies_.spans();
  std::uint64_t left = bytes();
  std::size_t going = 0;
  while (going + 1 < spans.size() && spans[going].end <= free_below()) {
    const bool old = spans[going + 1].sealed < now - limits_.keep_receipted;
    if (!old && !in_need && left <= limits_.bytes_max) break;
    left -= spans[going].bytes;
    ++going;
  }
  return going;
}

// Receipts are durable before the bodies go that they free: after a kill those would else be taken
// for damaged, and be named by a gap record although the collector has them. On a full disk the
// reserve makes room for that.
Result<void> Spool::keep_mark() {
  auto saved = save_mark();
  if (saved || saved.error().kind != ErrorKind::full) return saved;
  if (auto taken = take_back(next_batch_); !taken) return taken;
  if (auto given = release_reserve(); !given) return given;
  saved = save_mark();
  if (saved || saved.error().kind != ErrorKind::full) return saved;
  return take_back(next_batch_);
}

// Headers stay as long as their bodies, and until they have a receipt.
Result<void> Spool::free_heads() {
  const std::uint64_t oldest_body = bodies_.empty() ? 0 : bodies_.spans().front().first;
  while (heads_.spans().size() > 1 &&
         heads_.spans().front().end <= std::min(receipted_, oldest_body)) {
    if (auto dropped = heads_.drop_front(); !dropped) return failure(dropped);
  }
  return {};
}

Result<std::optional<BodyLoss>> Spool::oldest_bodies() {
  if (bodies_.spans().size() < 2) return std::optional<BodyLoss>();
  const SegmentSet::Span span = bodies_.spans().front();
  BodyLoss loss{.first = std::clamp(receipted_, span.first, span.end), .last = span.end - 1};
  loss.unwitnessed_from = std::max(span.first, free_below());
  loss.unwitnessed_to = std::max(loss.unwitnessed_from, std::min(span.end, receipted_));
  bool any = false;
  for (std::uint64_t batch = loss.first; batch < span.end; ++batch) {
    auto entry = bodies_.find(batch);
    if (!entry) return failure(entry);
    if (!*entry) continue;
    loss.records += (*entry)->records;
    loss.bytes += (*entry)->body.size();
    if (!any) loss.from = (*entry)->sealed;
    loss.to = (*entry)->sealed;
    any = true;
  }
  return std::optional<BodyLoss>(loss);
}

Result<void> Spool::drop_oldest_bodies() {
  if (bodies_.empty()) return {};
  settled_below_ = std::max(settled_below_, bodies_.spans().front().end);
  // Durable first: after a crash the loss would else be taken for damage and named again.
  if (auto saved = save_mark(); !saved) return failure(saved);
  if (auto dropped = bodies_.drop_front(); !dropped) return failure(dropped);
  return free_heads();
}

BodyLimit Spool::limit_passed(ledger::Time now) const {
  if (over_limit()) return BodyLimit::size;
  if (limits_.keep_unreceipted.count() == 0 || bodies_.spans().size() < 2) return BodyLimit::none;
  const bool old = bodies_.spans()[1].sealed < now - limits_.keep_unreceipted;
  return old && bodies_.spans().front().end > receipted_ ? BodyLimit::age : BodyLimit::none;
}

Result<void> Spool::keep_reserve() {
  const std::uint64_t wanted = std::min(limits_.reserve_bytes, limits_.bytes_max / 16);
  if (reserved_ > 0 || wanted == 0) return {};
  auto file = reserve_.files->open_append(reserve_.path, 0600);
  if (!file) return file.error().kind == ErrorKind::full ? Result<void>() : failure(file);
  auto size = (*file)->size();
  if (!size) return failure(size);
  auto filled =
      *size < wanted ? (*file)->append(std::string(wanted - *size, '\0')) : Result<void>();
  if (filled && *size < wanted) filled = (*file)->sync();
  if (filled) reserved_ = std::max(*size, wanted);
  return filled || filled.error().kind == ErrorKind::full ? Result<void>() : filled;
}

Result<void> Spool::release_reserve() {
  if (reserved_ == 0) return {};
  reserved_ = 0;
  return reserve_.files->remove(reserve_.path);
}

}  // namespace yunjian::agent
