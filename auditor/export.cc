#include "auditor/export.h"

#include <fmt/format.h>

#include <algorithm>

#include "auditor/export_end.h"
#include "auditor/tile_reader.h"
#include "ledger/leaves.h"
#include "ledger/record.h"
#include "ledger/wire.h"

namespace yunjian::auditor {

using ledger::ErrorKind;
using ledger::Hash;
using ledger::Result;
using ledger::Time;

namespace {

ledger::Failure corrupt(std::string what) {
  return ledger::fail(ErrorKind::corrupt, std::move(what));
}

// Batches of one stream, as a collector serves them.
class Frames {
 public:
  Frames(ProofSource& source, const ledger::Suite& suite, std::string stream)
      : source_(source), suite_(suite), stream_(std::move(stream)) {}

  Result<Time> get(std::uint64_t batch, ExportedStream::Frame& into) {
    auto bytes = source_.frame(stream_, batch);
    if (!bytes) return ledger::failure(bytes);
    auto frames = ledger::split_frames(*bytes);
    if (!frames || frames->size() != 1) return corrupt("what is served as a batch is none");
    into = {std::string(frames->front().header), std::string(frames->front().body)};
    auto sealed = ledger::read_header(into.header, suite_);
    if (!sealed || sealed->header.batch != batch ||
        ledger::stream_id(sealed->header.agent, sealed->header.incarnation) != stream_) {
      return corrupt(fmt::format("what is served as batch {} of {} is another", batch, stream_));
    }
    return sealed->header.sealed;
  }
  // The first batch that was sealed at `time` or later; `count` when there is none. A host's clock
  // that was set back makes this earlier than need be, never later by more than it was set.
  Result<std::uint64_t> first_from(Time time, std::uint64_t count) {
    std::uint64_t low = 0;
    std::uint64_t high = count;
    while (low < high) {
      const std::uint64_t middle = low + (high - low) / 2;
      ExportedStream::Frame frame;
      auto sealed = get(middle, frame);
      if (!sealed) return ledger::failure(sealed);
      if (*sealed >= time) {
        high = middle;
      } else {
        low = middle + 1;
      }
    }
    return low;
  }

 private:
  ProofSource& source_;
  const ledger::Suite& suite_;
  std::string stream_;
};

Result<void> add_paths(TileReader& tiles, const ledger::Verifier& log, const ExportPlan& plan,
                       ExportedStream& stream) {
  const auto hasher = log.suite().hasher();
  auto enrolment = tiles.entry(plan.facts.enrolment_leaf);
  if (!enrolment) return ledger::failure(enrolment);
  auto path = tiles.path({hasher->leaf(*enrolment), plan.facts.enrolment_leaf});
  if (!path) return ledger::failure(path);
  stream.enrolment = std::move(*enrolment);
  stream.enrolment_index = plan.facts.enrolment_leaf;
  stream.enrolment_path = std::move(*path);
  const std::string& last = stream.frames.back().header;
  const Hash hash = hasher->leaf(last);
  auto index = tiles.find(hash, ledger::read_header(last, log.suite())->header.sealed);
  if (!index) return ledger::failure(index);
  if (!*index) return corrupt("a batch that is served is not in the log; ask again in a moment");
  auto last_path = tiles.path({hash, **index});
  if (!last_path) return ledger::failure(last_path);
  stream.last_index = **index;
  stream.last_path = std::move(*last_path);
  return {};
}

}  // namespace

Result<std::optional<ExportedStream>> export_stream(ProofSource& source,
                                                    const ledger::Verifier& log,
                                                    const ledger::TreeHead& tree,
                                                    const ExportPlan& plan) {
  Frames frames(source, log.suite(), plan.stream);
  // Not fewer than the collector itself once signed.
  const auto rostered =
      plan.roster != nullptr ? rostered_batch(*plan.roster, plan.stream) : std::nullopt;
  const std::uint64_t count = std::max(plan.facts.batches, rostered ? *rostered + 1 : 0);
  auto first = frames.first_from(plan.from, count);
  if (!first) return ledger::failure(first);
  if (*first == count) return std::optional<ExportedStream>();
  ExportedStream stream;
  if (*first > 0) {
    ExportedStream::Frame before;
    auto sealed = frames.get(*first - 1, before);
    if (!sealed) return ledger::failure(sealed);
    stream.previous = std::move(before.header);
  }
  stream.open_end = true;
  for (std::uint64_t batch = *first; batch < count && stream.open_end; ++batch) {
    ExportedStream::Frame frame;
    auto sealed = frames.get(batch, frame);
    if (!sealed) return ledger::failure(sealed);
    stream.open_end = *sealed < plan.to;
    stream.frames.push_back(std::move(frame));
  }
  TileReader tiles(source, tree, log.suite());
  if (auto added = add_paths(tiles, log, plan, stream); !added) {
    return ledger::failure(added);
  }
  if (stream.open_end) {
    auto added = add_end(source, {log, tree}, plan, stream);
    if (!added) return ledger::failure(added);
  }
  return std::optional<ExportedStream>(std::move(stream));
}

namespace {

// Checks one stream of an export; the records go to `take`.
class StreamExportCheck {
 public:
  StreamExportCheck(const ledger::Verifier& log, const ledger::TreeHead& tree,
                    const Export& exported, CheckTools& tools)
      : log_(log), tree_(tree), exported_(exported), tools_(tools), hasher_(log.suite().hasher()) {}

  void run(const ExportedStream& stream, StreamCounts& counts) {
    const ledger::LogLeaf enrolled{hasher_->leaf(stream.enrolment), stream.enrolment_index};
    auto check = ledger::verify_enrolment(stream.enrolment, log_, std::nullopt);
    if (!check || !ledger::verify_inclusion(*hasher_, enrolled, tree_, stream.enrolment_path)) {
      return wrong("enrolment", "登记不在所签的日志中", "the enrolment is not in the signed log");
    }
    if (stream.frames.empty()) return wrong("stream", "没有批次", "it has no batches");
    StreamCheck chain(log_.suite(), log_.name(), check->enrolment, enrolled.hash);
    id_ = chain.id();
    if (!stream.previous.empty()) {
      auto before = ledger::read_header(stream.previous, log_.suite());
      if (!before) return wrong("previous", "前一批次头无法解读", before.error().message);
      chain.start_behind(before->header, hasher_->leaf(stream.previous));
      if (before->header.sealed >= exported_.from) {
        missing("更早的批次也属本期,但不在其中", "earlier batches are of the period and not in it");
      }
    }
    ledger::Time sealed_last{};
    for (const ExportedStream::Frame& frame : stream.frames) {
      auto sealed = ledger::read_header(frame.header, log_.suite());
      if (!sealed || ledger::stream_id(sealed->header.agent, sealed->header.incarnation) != id_) {
        return wrong("header", "批次头不属于该流", "a header is not of the stream");
      }
      const bool absent = frame.body.empty() && sealed->header.records > 0;
      chain.batch(*sealed, hasher_->leaf(frame.header),
                  absent ? std::nullopt : std::optional<std::string_view>(frame.body), tools_);
      ++tools_.leaf;
      sealed_last = sealed->header.sealed;
    }
    if (stream.open_end != (sealed_last < exported_.to)) {
      missing("期末之后的批次与所称不符", "it does not end as it says: more batches may be of it");
    }
    const ledger::LogLeaf last{chain.head(), stream.last_index};
    if (!ledger::verify_inclusion(*hasher_, last, tree_, stream.last_path)) {
      wrong("last batch", "末批次不在所签的日志中", "the last batch is not in the signed log");
    }
    if (stream.open_end) tell_end(check_end(stream.end, chain, log_, tree_), chain.end().batches);
    chain.finish(tools_);
    counts.add(chain.counts());
  }
  const std::string& id() const { return id_; }

 private:
  // Nothing links what is in the file to what may lie behind it.
  void tell_end(const ShownEnd& end, std::uint64_t batches) {
    const std::string place = fmt::format("stream {} from batch {}", id_, batches);
    if (end.finding) {
      return tools_.found(end.finding->kind, place, end.finding->zh, end.finding->en);
    }
    if (end.until && *end.until >= exported_.to) return;
    const std::string until = ledger::format_time(end.until.value_or(exported_.from));
    tools_.found(FindingKind::cannot_tell, place,
                 end.until ? fmt::format("名册证明至 {} 无更多批次,此后无从证明", until)
                           : "无从证明其后没有更多批次",
                 end.until ? fmt::format("a roster shows that there was no further batch until {}; "
                                         "of the time behind it nothing does",
                                         until)
                           : "nothing shows that no further batches are of the period");
  }
  void wrong(std::string_view part, std::string zh, std::string en) {
    tools_.found(FindingKind::tampered, fmt::format("stream {} {}", id_, part), std::move(zh),
                 std::move(en));
  }
  void missing(std::string zh, std::string en) {
    tools_.found(FindingKind::missing, fmt::format("stream {} batches", id_), std::move(zh),
                 std::move(en));
  }
  const ledger::Verifier& log_;
  const ledger::TreeHead tree_;
  const Export& exported_;
  CheckTools& tools_;
  std::unique_ptr<ledger::Hasher> hasher_;
  std::string id_ = "?";
};

}  // namespace

Result<ExportCheck> check_export(
    const Export& exported, const ledger::Verifier& log,
    const std::function<void(std::string_view, std::string_view)>& take) {
  auto checkpoint = ledger::open_checkpoint(exported.checkpoint, log);
  if (!checkpoint) return ledger::failure(checkpoint);
  ExportCheck check;
  check.tree = checkpoint->tree;
  CheckTools tools(log.suite());
  std::string joined;
  for (const ExportedStream& stream : exported.streams) {
    StreamExportCheck one(log, check.tree, exported, tools);
    one.run(stream, check.counts);
    ++check.streams;
    if (stream.open_end) ++check.open;
    for (const ExportedStream::Frame& frame : stream.frames) {
      if (frame.body.empty() || !tools.decoder.decode(frame.body, joined)) continue;
      std::string_view rest = joined;
      while (!rest.empty()) {
        const std::size_t end = std::min(rest.find('\n'), rest.size());
        const std::string_view line = rest.substr(0, end);
        rest.remove_prefix(std::min(end + 1, rest.size()));
        constexpr std::size_t time_at = std::string_view(R"({"time":")").size();
        const auto time = ledger::parse_time(line.substr(std::min(time_at, line.size()), 27));
        // A line without a readable time may be of the period.
        if (time && (*time < exported.from || *time >= exported.to)) continue;
        ++check.in_period;
        if (take) take(one.id(), line);
      }
    }
  }
  check.findings = std::move(tools.findings);
  return check;
}

}  // namespace yunjian::auditor
