#include "collector/witness/roster_keeper.h"

#include <algorithm>

namespace yunjian::collector {

using ledger::Result;

namespace {

// A clock that was set back must not put a roster off.
bool is_due(const std::optional<ledger::Time>& last, ledger::Time now, std::chrono::seconds after) {
  return !last || now < *last || now - *last >= after;
}

}  // namespace

Result<std::optional<RosterKeeper::Made>> RosterKeeper::step() {
  const ledger::Time now = clock_.wall();
  const bool all = is_due(last_all_, now, roster_interval);
  if (!all && !is_due(looked_, now, roster_change_interval)) return std::optional<Made>();
  looked_ = now;
  const std::uint64_t size = log_.size();  // before the lines: they are not older than this
  Agents current = agents(now);
  if (current.empty()) return std::optional<Made>();
  Agents lines;
  for (const auto& [id, line] : current) {
    const auto before = last_.find(id);
    const bool changed = before == last_.end() || before->second.live != line.live ||
                         before->second.incarnation != line.incarnation;
    if (all || changed) lines.emplace(id, line);
  }
  if (lines.empty()) return std::optional<Made>();
  auto made = write(current, lines, {.time = now, .size = size, .all = all, .list = {}});
  if (!made) return failure(made);
  if (all) last_all_ = now;
  last_ = std::move(current);
  return std::optional<Made>(std::move(*made));
}

// The newest incarnation of every agent that is not retired; the collector's own stream is none.
RosterKeeper::Agents RosterKeeper::agents(ledger::Time now) const {
  const std::string own = log_.own_stream();
  std::map<std::string, StreamState> newest;
  for (StreamInfo& stream : log_.streams()) {
    if (stream.id == own) continue;
    const auto known = newest.find(stream.state.agent);
    if (known != newest.end() && known->second.incarnation > stream.state.incarnation) continue;
    newest.insert_or_assign(stream.state.agent, std::move(stream.state));
  }
  Agents found;
  for (const auto& [id, state] : newest) {
    if (state.retired) continue;
    ledger::RosterLine line{id, state.incarnation, std::nullopt,
                            now - state.last_received < agent_silent_after};
    if (state.next_batch > 0) line.batch = state.next_batch - 1;
    found.emplace(id, std::move(line));
  }
  return found;
}

Result<RosterKeeper::Made> RosterKeeper::write(const Agents& now, const Agents& lines,
                                               ledger::Roster roster) {
  Made made{.leaf = 0, .all = roster.all, .agents = now.size(), .silent = 0, .fell_silent = {}};
  std::string text;
  for (const auto& [id, line] : lines) {
    ledger::append_roster_line(text, line);
    const auto before = last_.find(id);
    if (!line.live && before != last_.end() && before->second.live) made.fell_silent.push_back(id);
  }
  made.silent = static_cast<std::uint64_t>(
      std::count_if(now.begin(), now.end(), [](const auto& each) { return !each.second.live; }));
  auto list = lists_.keep(text, log_.suite());  // durable before the leaf that names it
  if (!list) return failure(list);
  roster.list = *list;
  const std::string leaf = ledger::format_roster(roster);
  auto signature = log_.sign(leaf);
  if (!signature) return failure(signature);
  std::vector<Entry> entries;
  entries.emplace_back(LeafEntry{ledger::format_note(leaf, {*signature})});
  auto committed = log_.commit(std::move(entries));
  if (!committed) return failure(committed, "committing a roster");
  made.leaf = committed->leaves.front();
  return made;
}

}  // namespace yunjian::collector
