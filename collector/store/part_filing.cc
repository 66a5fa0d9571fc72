#include "collector/store/part_filing.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <tuple>

#include "collector/store/line_glance.h"

namespace yunjian::collector {

using ledger::ErrorKind;
using ledger::fail;
using ledger::PartLane;
using ledger::PartLine;
using ledger::PartRow;
using ledger::PartWriter;
using ledger::Result;
using ledger::Time;

namespace {

constexpr int first_compression = 3;

bool is_stopping(const FilingTools& tools) { return tools.stopping != nullptr && *tools.stopping; }

PartLane lane_of(Lane lane) {
  if (lane == Lane::usage) return PartLane::usage;
  return lane == Lane::hour ? PartLane::hour : PartLane::event;
}

PartWriter::Options writer_options(const FilingTools& tools) {
  PartWriter::Options options;
  options.suite = &tools.suite;
  if (tools.deriver != nullptr) {
    options.rule_version = tools.deriver->version;
    options.derive = tools.deriver->derive;
  }
  return options;
}

auto order_of(const PartRow& row) {
  return std::tie(row.unit, row.host, row.stream, row.fill, row.batch);
}

// Opened anew, past any cache.
Result<void> prove_written(const FilingTools& tools, std::uint64_t number) {
  auto part = ledger::PartReader::open(tools.files, ledger::parts_directory(tools.data), number);
  if (!part) return failure(part);
  return prove_part(tools, *part);
}

// A row of a segment that waits for its place in the order of the part.
struct WaitingRow {
  PartRow row;
  WalPlace header;
  std::optional<WalPlace> body;
};

// What lies in a segment, day by day, bodies left where they are.
struct DayOfSegment {
  std::vector<WaitingRow> rows;
  std::vector<ledger::PartLeaf> leaves;
  std::vector<WalPlace> fork_bodies;
  std::uint64_t first_leaf = 0;
  std::uint64_t leaf_end = 0;
};

class SegmentFiler {
 public:
  SegmentFiler(const FilingTools& tools, const SegmentToFile& what)
      : tools_(tools), what_(what), next_leaf_(what.first_leaf) {}

  Result<FiledSegment> run() {
    const std::string wal = ledger::join_path(tools_.data, "wal");
    const auto visit = [this](WalPlace place, std::uint8_t type, std::string_view payload) {
      return take(place, type, payload);
    };
    auto scanned = Wal::scan_segment(tools_.files, {wal, what_.segment}, visit);
    if (!scanned) return failure(scanned);
    auto file = tools_.files.open_read(ledger::join_path(wal, ledger::segment_name(what_.segment)));
    if (!file) return failure(file);
    file_ = std::move(*file);
    FiledSegment filed;
    std::uint64_t number = what_.next_part;
    for (auto& [day, content] : days_) {
      // Only records of the own stream, which come again in the batches that seal them.
      if (content.rows.empty() && content.leaves.empty() && content.fork_bodies.empty()) continue;
      auto part = write_day(day, content, number);
      if (!part) return failure(part);
      filed.parts.push_back(*part);
      ++number;
    }
    filed.leaf_end = next_leaf_;
    return filed;
  }

 private:
  Result<void> take(WalPlace place, std::uint8_t type, std::string_view payload) {
    auto entry = ledger::decode_wal_entry(type, payload);
    if (!entry) return failure(entry);
    const Time received = std::visit([](const auto& any) { return any.received; }, *entry);
    const auto [at, fresh] = days_.try_emplace(day_of(received));
    DayOfSegment& day = at->second;
    if (fresh) day.first_leaf = day.leaf_end = next_leaf_;
    if (const auto* batch = std::get_if<ledger::WalBatch>(&*entry)) {
      return take_batch(*batch, place, day);
    }
    if (const auto* leaf = std::get_if<ledger::WalLeaf>(&*entry)) {
      day.leaves.push_back({next_leaf_, received, std::string(leaf->leaf)});
      if (auto same = note_leaf(leaf->leaf); !same) return same;
      day.leaf_end = next_leaf_;
    } else if (const auto* fill = std::get_if<ledger::WalBodyFill>(&*entry)) {
      return take_fill(*fill, place, day);
    } else if (std::holds_alternative<ledger::WalForkBody>(*entry)) {
      day.fork_bodies.push_back(place);
    }
    // A record of the own stream comes again in the batch that seals it.
    return {};
  }

  // The tree is asked in the order of its leaves, once; parts are compared with what it said.
  Result<void> note_leaf(std::string_view leaf) {
    auto expected = tools_.leaf_hash(next_leaf_);
    if (!expected) return failure(expected);
    if (hasher_->leaf(leaf) != *expected) {
      return fail(ErrorKind::corrupt,
                  fmt::format("leaf {}: the WAL and the tiles disagree", next_leaf_));
    }
    hashes_.push_back(*expected);
    ++next_leaf_;
    return {};
  }

  Result<void> take_batch(const ledger::WalBatch& batch, WalPlace place, DayOfSegment& day) {
    auto sealed = ledger::read_header(batch.header, tools_.suite);
    if (!sealed) return failure(sealed);
    WaitingRow waiting;
    PartRow& row = waiting.row;
    row.unit = batch.unit;
    row.host = batch.host;
    row.stream = ledger::stream_id(sealed->header.agent, sealed->header.incarnation);
    row.batch = sealed->header.batch;
    row.first_record = sealed->header.first_record;
    row.records = sealed->header.records;
    row.received = batch.received;
    row.leaf = next_leaf_;
    row.hollow = batch.hollow;
    if (auto same = note_leaf(batch.header); !same) return same;
    waiting.header = place;
    if (!batch.body.empty()) waiting.body = place;
    day.leaf_end = next_leaf_;
    known_[{row.stream, row.batch}] = {day_of(batch.received), day.rows.size()};
    roots_[{row.stream, row.batch}] = sealed->header.root;
    day.rows.push_back(std::move(waiting));
    return {};
  }

  // A late body stands for itself, also beside its header: its records were received when it came.
  Result<void> take_fill(const ledger::WalBodyFill& fill, WalPlace place, DayOfSegment& day) {
    const bool is_first = filled_.emplace(fill.stream, fill.batch).second;
    if (!is_first) return {};  // sent twice at once: the same lines
    WaitingRow waiting;
    auto described = describe(std::string(fill.stream), fill.batch, waiting.row);
    if (!described) return described;
    waiting.row.received = fill.received;
    waiting.row.fill = true;
    waiting.row.hollow = false;
    waiting.row.leaf = ledger::no_part_leaf;
    waiting.header = place;
    waiting.body = place;
    day.rows.push_back(std::move(waiting));
    return {};
  }

  Result<void> describe(const std::string& stream, std::uint64_t batch, PartRow& row) {
    const auto known = known_.find({stream, batch});
    if (known != known_.end()) {
      row = days_.at(known->second.first).rows[known->second.second].row;
      return {};
    }
    auto found = tools_.find_row(stream, batch);
    if (!found) return failure(found);
    row = std::move(*found);
    return {};
  }

  Result<ledger::PartManifest::Part> write_day(std::uint64_t day, DayOfSegment& content,
                                               std::uint64_t number) {
    PartWriter::Options options = writer_options(tools_);
    options.number = number;
    options.day = day;
    options.first_leaf = content.first_leaf;
    options.leaf_end = content.leaf_end;
    options.compression = first_compression;
    auto writer = PartWriter::create(tools_.files, ledger::parts_directory(tools_.data), options);
    if (!writer) return failure(writer);
    std::ranges::sort(content.rows, [](const WaitingRow& a, const WaitingRow& b) {
      return order_of(a.row) < order_of(b.row);
    });
    for (const WaitingRow& waiting : content.rows) {
      if (is_stopping(tools_)) return filing_stopped_error();
      if (auto added = add_row(**writer, waiting); !added) return failure(added);
    }
    for (ledger::PartLeaf& leaf : content.leaves) {
      if (auto added = (*writer)->add_leaf(std::move(leaf)); !added) return failure(added);
    }
    for (const WalPlace place : content.fork_bodies) {
      if (auto added = add_fork_body(**writer, place); !added) return failure(added);
    }
    if (auto footer = (*writer)->finish(); !footer) return failure(footer);
    FilingTools proving = tools_;
    proving.leaf_hash = [this](std::uint64_t leaf) -> Result<ledger::Hash> {
      return hashes_.at(leaf - what_.first_leaf);
    };
    proving.root_of = [this](std::string_view stream, std::uint64_t batch) -> Result<ledger::Hash> {
      const auto known = roots_.find({std::string(stream), batch});
      return known == roots_.end() ? tools_.root_of(stream, batch) : known->second;
    };
    if (auto proven = prove_written(proving, number); !proven) return failure(proven);
    return ledger::PartManifest::Part{number, day, content.first_leaf, content.leaf_end};
  }

  Result<void> add_row(PartWriter& writer, const WaitingRow& waiting) {
    auto header = ledger::read_frame(*file_, what_.segment, waiting.header.offset);
    if (!header) return failure(header);
    auto entry = ledger::decode_wal_entry(header->type, header->payload);
    if (!entry) return failure(entry);
    std::string_view note;
    if (const auto* batch = std::get_if<ledger::WalBatch>(&*entry)) note = batch->header;
    std::vector<PartLine> lines;
    if (waiting.body) {
      auto frame = ledger::read_frame(*file_, what_.segment, waiting.body->offset);
      if (!frame) return failure(frame);
      auto read = read_body(*frame, waiting.row, lines);
      if (!read) return read;
    }
    return writer.add(waiting.row, note, lines);
  }

  Result<void> read_body(const ledger::StoredFrame& frame, const PartRow& row,
                         std::vector<PartLine>& lines) {
    auto entry = ledger::decode_wal_entry(frame.type, frame.payload);
    if (!entry) return failure(entry);
    const std::string_view body = ledger::wal_tail(*entry);
    if (auto decoded = decoder_.decode(body, decoded_); !decoded) return decoded;
    auto split = ledger::split_lines(decoded_, row.records);
    if (!split) return failure(split);
    for (const std::string_view line : *split) {
      const LineGlance seen = glance(line);
      lines.push_back({line, lane_of(seen.lane), seen.time.value_or(row.received)});
    }
    return {};
  }

  Result<void> add_fork_body(PartWriter& writer, WalPlace place) {
    auto frame = ledger::read_frame(*file_, what_.segment, place.offset);
    if (!frame) return failure(frame);
    auto entry = ledger::decode_wal_entry(frame->type, frame->payload);
    if (!entry) return failure(entry);
    const auto& fork = std::get<ledger::WalForkBody>(*entry);
    return writer.add_fork_body({fork.received, fork.batch, fork.leaf_hash,
                                 std::string(fork.stream), std::string(fork.body)});
  }

  const FilingTools& tools_;
  const SegmentToFile& what_;
  std::uint64_t next_leaf_;
  std::map<std::uint64_t, DayOfSegment> days_;
  // Day and ordinal of the batches of this segment.
  std::map<std::pair<std::string, std::uint64_t>, std::pair<std::uint64_t, std::size_t>> known_;
  std::map<std::pair<std::string, std::uint64_t>, ledger::Hash> roots_;
  std::set<std::pair<std::string, std::uint64_t>> filled_;
  std::unique_ptr<ledger::Hasher> hasher_ = tools_.suite.hasher();
  std::vector<ledger::Hash> hashes_;  // of the leaves from what_.first_leaf on
  std::unique_ptr<ledger::File> file_;
  ledger::BodyDecoder decoder_;
  std::string decoded_;
};

Result<void> add_again(PartWriter& writer, const ledger::PartCursor& cursor,
                       const PartsToMerge& what) {
  if (!what.drops || !what.drops(cursor.row())) {
    return writer.add(cursor.row(), cursor.note(), cursor.lines());
  }
  if (cursor.row().fill) return {};
  PartRow row = cursor.row();
  row.hollow = row.records > 0;
  return writer.add(row, cursor.note(), {});
}

}  // namespace

ledger::Failure filing_stopped_error() {
  return fail(ErrorKind::retry, "the collector is stopping; filing goes on after its next start");
}

std::uint64_t day_of(Time time) {
  return static_cast<std::uint64_t>(
      std::chrono::floor<std::chrono::days>(time).time_since_epoch().count());
}

Result<FiledSegment> file_segment(const FilingTools& tools, const SegmentToFile& what) {
  auto filed = SegmentFiler(tools, what).run();
  if (!filed) {
    return failure(filed, fmt::format("filing WAL segment {}", ledger::segment_name(what.segment)));
  }
  return filed;
}

Result<ledger::PartManifest::Part> merge_parts(const FilingTools& tools, const PartsToMerge& what) {
  PartWriter::Options options = writer_options(tools);
  options.number = what.number;
  options.day = what.parts.front()->footer().day;
  options.first_leaf = what.parts.front()->footer().first_leaf;
  options.leaf_end = what.parts.back()->footer().leaf_end;
  options.compression = what.compression;
  options.purged = what.purged;
  std::vector<ledger::PartCursor> cursors;
  for (const PartPtr& part : what.parts) {
    const std::uint64_t joined = what.parts.size() > 1 ? 1 : 0;
    options.level = std::max(options.level, part->footer().level + joined);
    cursors.emplace_back(part);
  }
  auto writer = PartWriter::create(tools.files, ledger::parts_directory(tools.data), options);
  if (!writer) return failure(writer);
  // What the old parts hold was compared with the tree when they were made.
  const auto hasher = tools.suite.hasher();
  std::vector<ledger::Hash> hashes(options.leaf_end - options.first_leaf);
  std::vector<std::size_t> open;
  for (std::size_t i = 0; i < cursors.size(); ++i) {
    auto more = cursors[i].next();
    if (!more) return failure(more);
    if (*more) open.push_back(i);
  }
  while (!open.empty()) {
    if (is_stopping(tools)) return filing_stopped_error();
    const auto least = std::ranges::min_element(open, [&](std::size_t a, std::size_t b) {
      return order_of(cursors[a].row()) < order_of(cursors[b].row());
    });
    ledger::PartCursor& cursor = cursors[*least];
    if (auto added = add_again(**writer, cursor, what); !added) return failure(added);
    if (!cursor.row().fill) {
      hashes[cursor.row().leaf - options.first_leaf] = hasher->leaf(cursor.note());
    }
    auto more = cursor.next();
    if (!more) return failure(more);
    if (!*more) open.erase(least);
  }
  for (const PartPtr& part : what.parts) {
    for (std::size_t group = 0; group < part->footer().leaves.size(); ++group) {
      auto leaves = part->leaves(group);
      if (!leaves) return failure(leaves);
      for (ledger::PartLeaf& leaf : *leaves) {
        hashes[leaf.index - options.first_leaf] = hasher->leaf(leaf.leaf);
        if (auto added = (*writer)->add_leaf(std::move(leaf)); !added) return failure(added);
      }
    }
    for (std::size_t i = 0; i < part->footer().fork_bodies.size() && !what.drops; ++i) {
      auto body = part->fork_body(i);
      if (!body) return failure(body);
      if (auto added = (*writer)->add_fork_body(*body); !added) return failure(added);
    }
  }
  if (auto footer = (*writer)->finish(); !footer) return failure(footer);
  FilingTools proving = tools;
  proving.leaf_hash = [&](std::uint64_t leaf) -> Result<ledger::Hash> {
    return hashes.at(leaf - options.first_leaf);
  };
  if (auto proven = prove_written(proving, what.number); !proven) return failure(proven);
  return ledger::PartManifest::Part{options.number, options.day, options.first_leaf,
                                    options.leaf_end};
}

Result<void> prove_part(const FilingTools& tools, const PartPtr& part) {
  const auto hasher = tools.suite.hasher();
  const auto wrong = [&](const PartRow& row, std::string_view what) {
    return fail(ErrorKind::corrupt,
                fmt::format("part {} does not give back batch {} of {}: {}",
                            ledger::part_name(part->number()), row.batch, row.stream, what));
  };
  ledger::PartCursor cursor(part);
  std::vector<std::string_view> lines;
  for (;;) {
    if (is_stopping(tools)) return filing_stopped_error();
    auto more = cursor.next();
    if (!more) return failure(more);
    if (!*more) break;
    const PartRow& row = cursor.row();
    Result<ledger::Hash> root = ledger::Hash{};
    if (row.fill) {
      root = tools.root_of(row.stream, row.batch);
      if (!root) return failure(root);
    } else {
      auto leaf = tools.leaf_hash(row.leaf);
      if (!leaf) return failure(leaf);
      if (hasher->leaf(cursor.note()) != *leaf) return wrong(row, "its header");
      auto sealed = ledger::read_header(cursor.note(), tools.suite);
      if (!sealed) return failure(sealed);
      root = sealed->header.root;
    }
    if (row.hollow) continue;
    lines.clear();
    for (const PartLine& line : cursor.lines()) lines.push_back(line.line);
    if (ledger::lines_root(*hasher, lines) != *root) return wrong(row, "its records");
  }
  for (std::size_t group = 0; group < part->footer().leaves.size(); ++group) {
    auto leaves = part->leaves(group);
    if (!leaves) return failure(leaves);
    for (const ledger::PartLeaf& leaf : *leaves) {
      auto expected = tools.leaf_hash(leaf.index);
      if (!expected) return failure(expected);
      if (hasher->leaf(leaf.leaf) != *expected) {
        return fail(ErrorKind::corrupt, fmt::format("part {} does not give back leaf {}",
                                                    ledger::part_name(part->number()), leaf.index));
      }
    }
  }
  return {};
}

}  // namespace yunjian::collector
