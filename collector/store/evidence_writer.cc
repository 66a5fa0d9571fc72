// The writer thread: the only one that writes WAL, tiles, checkpoint and anchor.
#include <utility>

#include "collector/store/evidence_log_impl.h"

namespace yunjian::collector {

using ledger::Error;
using ledger::ErrorKind;
using ledger::Result;

namespace {

using SteadyClock = std::chrono::steady_clock;

double seconds_since(SteadyClock::time_point start) {
  return std::chrono::duration<double>(SteadyClock::now() - start).count();
}

}  // namespace

void EvidenceLog::Impl::run() {
  for (;;) {
    Group group = gather();
    if (group.empty() && !unstored_since && is_stopping()) return;
    if (!group.empty()) process(group);
    if (unstored_since && (is_stopping() || store_is_due())) store();
    rotate_when_due();
  }
}

// Nobody waits for tiles and checkpoint file: a reader of a copied directory may find them a little
// older, and WAL and anchor tell the next start how far this one went.
bool EvidenceLog::Impl::store_is_due() const {
  return SteadyClock::now() - *unstored_since >= options.store_delay;
}

void EvidenceLog::Impl::store() {
  unstored_since.reset();
  if (failure_so_far()) return;
  Group nobody;
  if (auto stored = publisher->store(published); !stored) return give_up(nobody, stored.error());
  const std::unique_lock lock(state_mutex);
  stored_leaves = published.tree.size;
}

// A segment in which nothing comes any more is closed, so that its records get into parts.
bool EvidenceLog::Impl::rotation_is_due() const {
  return wal->segment_bytes() >= options.idle_segment_bytes &&
         SteadyClock::now() - last_group >= options.idle_delay;
}

void EvidenceLog::Impl::rotate_when_due() {
  if (failure_so_far()) last_group = SteadyClock::now();  // nothing more is written
  if (!rotation_is_due() || is_stopping()) return;
  Group nobody;
  if (auto rotated = wal->rotate(); !rotated) return give_up(nobody, rotated.error());
  note_closed_segment();
}

// All leaves of the segments before the open one are written.
void EvidenceLog::Impl::note_closed_segment() {
  const std::unique_lock lock(state_mutex);
  for (; open_segment < wal->segment(); ++open_segment) {
    closed_segments.emplace_back(open_segment, leaves_written);
  }
}

std::optional<SteadyClock::time_point> EvidenceLog::Impl::wake_time() const {
  std::optional<SteadyClock::time_point> wake;
  if (unstored_since) wake = *unstored_since + options.store_delay;
  if (wal->segment_bytes() >= options.idle_segment_bytes) {
    const auto due = last_group + options.idle_delay;
    wake = wake ? std::min(*wake, due) : due;
  }
  return wake;
}

// All that waits, up to the size of a group: at once when idle, otherwise what came in while the
// last group was written. Empty: files are to be stored, or the log is closed and nothing waits.
EvidenceLog::Impl::Group EvidenceLog::Impl::gather() {
  std::unique_lock lock(queue_mutex);
  const auto has_work = [&] { return stopping || !queue.empty(); };
  if (const auto wake = wake_time()) {
    queue_filled.wait_until(lock, *wake, has_work);
  } else {
    queue_filled.wait(lock, has_work);
  }
  Group group;
  std::size_t bytes = 0;
  while (!queue.empty() && (group.empty() || bytes + queue.front()->bytes <= wal_group_bytes_max)) {
    bytes += queue.front()->bytes;
    queue_bytes -= queue.front()->bytes;
    group.push_back(std::move(queue.front()));
    queue.pop_front();
  }
  return group;
}

void EvidenceLog::Impl::process(Group& group) {
  if (const auto error = failure_so_far()) return give_up(group, *error);
  refuse_misfits(group);
  if (group.empty()) return;
  const auto started = SteadyClock::now();
  last_group = started;
  if (auto written = write(group); !written) return give_up(group, written.error());
  const auto durable = SteadyClock::now();
  auto next = sign(group);
  if (!next) return give_up(group, next.error());
  make_visible(group, *next);
  if (*next && !unstored_since) unstored_since = SteadyClock::now();
  {
    const std::unique_lock lock(state_mutex);
    stats.sync_seconds += std::chrono::duration<double>(durable - started).count();
    stats.publish_seconds += seconds_since(durable);
  }
  for (auto& pending : group) pending->done.set_value(std::move(pending->committed));
}

bool EvidenceLog::Impl::is_stopping() {
  const std::lock_guard lock(queue_mutex);
  return stopping;
}

std::optional<Error> EvidenceLog::Impl::failure_so_far() {
  const std::lock_guard lock(queue_mutex);
  return failed;
}

// Lets in each commit as a whole, in the order of the queue; the others get their answer.
void EvidenceLog::Impl::refuse_misfits(Group& group) {
  EvidenceIndex::Overlay overlay;
  std::erase_if(group, [&](const std::unique_ptr<PendingCommit>& pending) {
    EvidenceIndex::Overlay attempt{.below = &overlay, .states = {}};
    for (const EntryFacts& facts : pending->facts) {
      // Only this thread changes the index: no lock is needed to read it here.
      auto admitted = index.admit(facts, attempt);
      if (admitted) continue;
      pending->done.set_value(failure(admitted));
      return true;
    }
    for (auto& [id, state] : attempt.states) {
      overlay.states.insert_or_assign(id, std::move(state));
    }
    return false;
  });
}

Result<void> EvidenceLog::Impl::write(Group& group) {
  const ledger::Time before = std::exchange(last_received, std::max(last_received, clock.wall()));
  // What came on a day that is over gets into parts however little it is: only there does retention
  // find it.
  if (day_of(before) != day_of(last_received) && !wal->segment_is_empty()) {
    if (auto rotated = wal->rotate(); !rotated) return rotated;
  }
  if (auto begun = wal->begin_group(options.segment_bytes_max); !begun) return begun;
  note_closed_segment();
  for (auto& pending : group) {
    pending->committed.received = last_received;
    for (const Entry& entry : pending->entries) {
      auto place = wal->append(to_wal(entry, last_received));
      if (!place) return failure(place);
      pending->places.push_back(*place);
    }
  }
  return wal->sync();  // COMMIT POINT: behind it everything of the group survives a power cut
}

// Nothing when the group brought no leaf.
Result<std::optional<Published>> EvidenceLog::Impl::sign(Group& group) {
  std::vector<ledger::Hash> added;
  for (auto& pending : group) {
    for (const EntryFacts& facts : pending->facts) {
      const auto hash = leaf_hash_of(facts);
      pending->committed.leaves.push_back(hash ? leaves_written++ : no_leaf);
      if (hash) added.push_back(*hash);
    }
  }
  if (added.empty()) return std::optional<Published>();
  auto next = publisher->publish(added);
  if (!next) return failure(next);
  return std::optional<Published>(std::move(*next));
}

// Readers see entries and the checkpoint over them at the same moment.
void EvidenceLog::Impl::make_visible(Group& group, const std::optional<Published>& next) {
  const std::unique_lock lock(state_mutex);
  for (auto& pending : group) {
    for (std::size_t i = 0; i < pending->facts.size(); ++i) {
      index.apply(std::move(pending->facts[i]),
                  {pending->committed.received, pending->places[i], pending->committed.leaves[i]});
    }
    stats.entries += pending->entries.size();
  }
  if (next) published = *next;
  ++stats.commits;
  stats.last_commit = last_received;
  stats.wal_bytes = wal->bytes();
  wal_end = {static_cast<std::uint32_t>(wal->segment()),
             static_cast<std::uint32_t>(wal->segment_bytes())};
}

// Durability is in doubt: nobody of the group is told that it is safe, nothing is accepted any
// more.
void EvidenceLog::Impl::give_up(Group& group, const Error& cause) {
  Error error = cause;
  error.kind = ErrorKind::fatal;
  bool first = false;
  Group waiting;
  {
    const std::lock_guard lock(queue_mutex);
    first = !failed;
    if (first) failed = error;
    for (auto& pending : queue) waiting.push_back(std::move(pending));
    queue.clear();
    queue_bytes = 0;
  }
  {
    const std::unique_lock lock(state_mutex);
    stats.failed = true;
  }
  if (first && options.on_fatal) options.on_fatal(error);
  for (auto& pending : group) pending->done.set_value(ledger::Failure(error));
  for (auto& pending : waiting) pending->done.set_value(ledger::Failure(error));
  group.clear();
}

}  // namespace yunjian::collector
