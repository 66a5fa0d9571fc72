#include "auditor/export_end.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>

#include "auditor/tile_reader.h"
#include "ledger/statement_leaves.h"

namespace yunjian::auditor {

using ledger::Hash;
using ledger::Result;

namespace {

constexpr std::uint64_t bundles_max = 8192;  // 2 M leaves: rosters come each hour
constexpr std::string_view roster_form = "yunjian/roster/v1\n";
constexpr std::string_view retirement_form = "yunjian/retirement/v1\n";

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

// Signed by the log.
std::optional<ledger::Retirement> retirement_of(std::string_view leaf,
                                                const ledger::Verifier& log) {
  if (!leaf.starts_with(retirement_form)) return std::nullopt;
  const auto note = ledger::open_note(leaf, {log});
  if (!note) return std::nullopt;
  const auto retirement = ledger::parse_retirement(note->text);
  return retirement ? std::optional(*retirement) : std::nullopt;
}

struct FoundLeaf {
  std::string leaf;
  std::uint64_t index = 0;
  std::vector<Hash> path;
};

struct LeafRange {
  std::uint64_t first = 0;
  std::uint64_t end = 0;
};

// The newest wanted leaf of the range, or of its last `bundles_max` bundles.
Result<std::optional<FoundLeaf>> find_back(TileReader& tiles, LeafRange range,
                                           ledger::Hasher& hasher,
                                           const std::function<bool(std::string_view)>& is_wanted) {
  const std::uint64_t bundles = (range.end + ledger::tile_width - 1) / ledger::tile_width;
  const std::uint64_t most = bundles - range.first / ledger::tile_width;
  for (std::uint64_t back = 1; back <= std::min(most, bundles_max); ++back) {
    const std::uint64_t begin = (bundles - back) * ledger::tile_width;
    auto entries = tiles.bundle(bundles - back);
    if (!entries) return ledger::failure(entries);
    for (std::size_t i = entries->size(); i-- > 0 && begin + i >= range.first;) {
      if (!is_wanted((*entries)[i])) continue;
      FoundLeaf found{(*entries)[i], begin + i, {}};
      auto path = tiles.path({hasher.leaf(found.leaf), found.index});
      if (!path) return ledger::failure(path);
      found.path = std::move(*path);
      return std::optional(std::move(found));
    }
  }
  return std::optional<FoundLeaf>();
}

ledger::StreamName name_of(const std::string& stream) {
  return ledger::parse_stream_id(stream).value_or(ledger::StreamName{});
}

}  // namespace

Result<std::optional<FullRoster>> newest_roster(ProofSource& source, const ledger::Verifier& log,
                                                const ledger::TreeHead& tree) {
  TileReader tiles(source, tree, log.suite());
  const auto hasher = log.suite().hasher();
  std::optional<ledger::Roster> roster;
  auto leaf = find_back(tiles, {0, tree.size}, *hasher, [&](std::string_view bytes) {
    roster = full_roster(bytes, log);
    return roster.has_value();
  });
  if (!leaf) return ledger::failure(leaf);
  if (!*leaf) return std::optional<FullRoster>();
  FullRoster found;
  found.roster = *roster;
  found.leaf.leaf = std::move((*leaf)->leaf);
  found.leaf.index = (*leaf)->index;
  found.leaf.path = std::move((*leaf)->path);
  auto lines = source.list(found.leaf.index);
  if (!lines || ledger::list_head(*lines, *hasher) != roster->list) {
    return std::optional<FullRoster>();
  }
  found.lines = std::move(*lines);
  return std::optional(std::move(found));
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

// A retired agent stands in no roster any more; the leaf that retires it names its last header.
Result<void> add_retirement(const SignedLog& of, TileReader& tiles, ExportedStream& stream) {
  const auto last = ledger::read_header(stream.frames.back().header, of.log.suite());
  if (!last) return {};
  const LeafRange behind{stream.last_index, of.tree.size};
  auto leaf = find_back(tiles, behind, *of.log.suite().hasher(), [&](std::string_view bytes) {
    const auto retirement = retirement_of(bytes, of.log);
    return retirement && retirement->agent == last->header.agent &&
           retirement->incarnation == last->header.incarnation;
  });
  if (!leaf) return ledger::failure(leaf);
  if (!*leaf) return {};
  stream.end.leaf = std::move((*leaf)->leaf);
  stream.end.index = (*leaf)->index;
  stream.end.path = std::move((*leaf)->path);
  return {};
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
  if (!named) return add_retirement(of, tiles, stream);
  if (named->line.incarnation != name.incarnation) return {};
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

// The log's key said that nothing may follow; a batch behind it would be tampering in the log.
ShownEnd check_retirement(const ledger::Retirement& retirement, const StreamCheck& stream) {
  if (ledger::stream_id(retirement.agent, retirement.incarnation) != stream.id()) {
    return wrong(FindingKind::tampered, "所附注销属于另一条流",
                 "the retirement that is to show its end is another stream's");
  }
  if (retirement.head != stream.head() || retirement.batches != stream.end().batches) {
    return wrong(FindingKind::missing, "注销所指的末批不是其末批",
                 "the retirement names another batch as the last");
  }
  return {std::nullopt, ledger::Time::max()};
}

// Whoever held the stream's announced key said that nothing follows.
ShownEnd check_next(const StreamEnd& end, const StreamCheck& stream, const ledger::Verifier& log) {
  const auto next = ledger::verify_enrolment(end.leaf, log, stream.next_key());
  const ledger::StreamName name = name_of(stream.id());
  if (!next || next->enrolment.agent != name.agent ||
      next->enrolment.incarnation != name.incarnation + 1) {
    return wrong(
        FindingKind::tampered, "所附叶子既非名册或注销,也非下一代的登记",
        "the leaf that is to show its end is no roster, no retirement and no enrolment of the "
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
  if (const auto retirement = retirement_of(end.leaf, log)) {
    return check_retirement(*retirement, stream);
  }
  return check_next(end, stream, log);
}

}  // namespace yunjian::auditor
