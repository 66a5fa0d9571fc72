#include "auditor/export_end.h"

#include <fmt/format.h>

#include <algorithm>

#include "auditor/tile_reader.h"

namespace yunjian::auditor {

using ledger::Hash;
using ledger::Result;

namespace {

constexpr std::uint64_t roster_bundles_max = 8192;  // 2 M leaves: rosters come each hour
constexpr std::string_view roster_form = "yunjian/roster/v1\n";

struct NamedLine {
  ledger::RosterLine line;
  std::string text;
  std::uint64_t index = 0;
};

std::optional<NamedLine> line_of(std::string_view lines, std::string_view agent) {
  for (std::uint64_t index = 0; !lines.empty(); ++index) {
    const std::size_t end = std::min(lines.find('\n'), lines.size());
    const std::string_view text = lines.substr(0, end);
    lines.remove_prefix(std::min(end + 1, lines.size()));
    if (!text.starts_with(agent)) continue;
    const auto line = ledger::parse_roster_line(text);
    if (line && line->agent == agent) return NamedLine{*line, std::string(text), index};
  }
  return std::nullopt;
}

std::vector<Hash> line_hashes(std::string_view lines, ledger::Hasher& hasher) {
  std::vector<Hash> hashes;
  while (!lines.empty()) {
    const std::size_t end = std::min(lines.find('\n'), lines.size());
    hashes.push_back(hasher.leaf(lines.substr(0, end)));
    lines.remove_prefix(std::min(end + 1, lines.size()));
  }
  return hashes;
}

// Signed by the log, and over all agents.
std::optional<ledger::Roster> full_roster(std::string_view leaf, const ledger::Verifier& log) {
  if (!leaf.starts_with(roster_form)) return std::nullopt;
  const auto note = ledger::open_note(leaf, {log});
  if (!note) return std::nullopt;
  const auto roster = ledger::parse_roster(note->text);
  if (!roster || !roster->all) return std::nullopt;
  return *roster;
}

ledger::StreamName name_of(const std::string& stream) {
  return ledger::parse_stream_id(stream).value_or(ledger::StreamName{});
}

}  // namespace

Result<std::optional<FullRoster>> newest_roster(ProofSource& source, const ledger::Verifier& log,
                                                const ledger::TreeHead& tree) {
  TileReader tiles(source, tree, log.suite());
  const std::uint64_t bundles = (tree.size + ledger::tile_width - 1) / ledger::tile_width;
  for (std::uint64_t back = 1; back <= std::min(bundles, roster_bundles_max); ++back) {
    auto entries = tiles.bundle(bundles - back);
    if (!entries) return ledger::failure(entries);
    for (std::size_t i = entries->size(); i-- > 0;) {
      const auto roster = full_roster((*entries)[i], log);
      if (!roster) continue;
      FullRoster found;
      found.roster = *roster;
      found.leaf.leaf = (*entries)[i];
      found.leaf.index = (bundles - back) * ledger::tile_width + i;
      auto path = tiles.path({log.suite().hasher()->leaf(found.leaf.leaf), found.leaf.index});
      if (!path) return ledger::failure(path);
      found.leaf.path = std::move(*path);
      auto lines = source.list(found.leaf.index);
      const auto hasher = log.suite().hasher();
      if (!lines || ledger::list_head(*lines, *hasher) != roster->list) {
        return std::optional<FullRoster>();
      }
      found.lines = std::move(*lines);
      return std::optional(std::move(found));
    }
  }
  return std::optional<FullRoster>();
}

std::optional<std::uint64_t> rostered_batch(const FullRoster& roster, const std::string& stream) {
  const ledger::StreamName name = name_of(stream);
  const auto named = line_of(roster.lines, name.agent);
  if (!named || named->line.incarnation != name.incarnation) return std::nullopt;
  return named->line.batch;
}

namespace {

// The enrolment of the next incarnation, when there is one that names the last batch.
Result<bool> add_next(ProofSource& source, const ledger::Verifier& log, TileReader& tiles,
                      ExportedStream& stream) {
  const auto hasher = log.suite().hasher();
  const auto last = ledger::read_header(stream.frames.back().header, log.suite());
  if (!last) return false;
  const auto facts =
      source.stream(ledger::stream_id(last->header.agent, last->header.incarnation + 1));
  if (!facts) return false;
  auto leaf = tiles.entry(facts->enrolment_leaf);
  if (!leaf) return false;  // it came in behind the checkpoint
  auto note = ledger::parse_note(*leaf);
  const auto next =
      note ? ledger::parse_enrolment(note->text) : Result<ledger::Enrolment>(ledger::failure(note));
  if (!next || next->previous != hasher->leaf(stream.frames.back().header)) return false;
  auto path = tiles.path({hasher->leaf(*leaf), facts->enrolment_leaf});
  if (!path) return ledger::failure(path);
  stream.end.leaf = std::move(*leaf);
  stream.end.index = facts->enrolment_leaf;
  stream.end.path = std::move(*path);
  return true;
}

}  // namespace

Result<void> add_end(ProofSource& source, const SignedLog& of, const ExportPlan& plan,
                     ExportedStream& stream) {
  TileReader tiles(source, of.tree, of.log.suite());
  auto next = add_next(source, of.log, tiles, stream);
  if (!next) return ledger::failure(next);
  if (*next || plan.roster == nullptr) return {};
  const ledger::StreamName name = name_of(plan.stream);
  const auto named = line_of(plan.roster->lines, name.agent);
  if (!named || named->line.incarnation != name.incarnation) return {};
  const auto hasher = of.log.suite().hasher();
  const auto hashes = line_hashes(plan.roster->lines, *hasher);
  auto path = ledger::prove_inclusion(*hasher, named->index, hashes.size(),
                                      ledger::subtrees_of(*hasher, hashes));
  if (!path) return ledger::failure(path);
  stream.end = plan.roster->leaf;
  stream.end.line = named->text;
  stream.end.line_index = named->index;
  stream.end.line_path = std::move(*path);
  return {};
}

namespace {

ShownEnd wrong(FindingKind kind, std::string zh, std::string en) {
  return {Finding{kind, "", std::move(zh), std::move(en)}, std::nullopt};
}

ShownEnd check_roster(const StreamEnd& end, const ledger::Roster& roster, const StreamCheck& stream,
                      ledger::Hasher& hasher) {
  const ledger::LogLeaf listed{hasher.leaf(end.line), end.line_index};
  const auto line = ledger::parse_roster_line(end.line);
  if (!line || ledger::stream_id(line->agent, line->incarnation) != stream.id() ||
      !ledger::verify_inclusion(hasher, listed, {roster.list.count, roster.list.root},
                                end.line_path)) {
    return wrong(FindingKind::tampered, "名册行不属于该流或不在所签的名单中",
                 "the roster's line is not of the stream, or not in the list that was signed");
  }
  const std::uint64_t batches = line->batch ? *line->batch + 1 : 0;
  if (batches > stream.end().batches) {
    return wrong(
        FindingKind::missing,
        fmt::format("叶子 {} 的名册称该流已至批次 {},其后批次不在其中", end.index, batches - 1),
        fmt::format("by the roster of leaf {} the stream has reached batch {}; the batches "
                    "behind the last one here are left out",
                    end.index, batches - 1));
  }
  return {std::nullopt, roster.time};
}

// Whoever held the stream's announced key said that nothing follows.
ShownEnd check_next(const StreamEnd& end, const StreamCheck& stream, const ledger::Verifier& log) {
  const auto next = ledger::verify_enrolment(end.leaf, log, stream.next_key());
  const ledger::StreamName name = name_of(stream.id());
  if (!next || next->enrolment.agent != name.agent ||
      next->enrolment.incarnation != name.incarnation + 1) {
    return wrong(FindingKind::tampered, "所附叶子既非名册,也非下一代的登记",
                 "the leaf that is to show its end is neither a roster nor the enrolment of the "
                 "next incarnation");
  }
  if (next->enrolment.previous != stream.head()) {
    return wrong(FindingKind::missing, "下一代的登记所指的末批不是其末批",
                 "the enrolment of the next incarnation names another batch as the last");
  }
  if (next->endorsed) return {std::nullopt, ledger::Time::max()};
  return {};
}

}  // namespace

ShownEnd check_end(const StreamEnd& end, const StreamCheck& stream, const ledger::Verifier& log,
                   const ledger::TreeHead& tree) {
  if (end.leaf.empty()) return {};
  const auto hasher = log.suite().hasher();
  if (!ledger::verify_inclusion(*hasher, {hasher->leaf(end.leaf), end.index}, tree, end.path)) {
    return wrong(FindingKind::tampered, "所附叶子不在所签的日志中",
                 "the leaf that is to show its end is not in the signed log");
  }
  if (const auto roster = full_roster(end.leaf, log)) {
    return check_roster(end, *roster, stream, *hasher);
  }
  return check_next(end, stream, log);
}

}  // namespace yunjian::auditor
