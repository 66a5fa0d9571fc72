#include "ledger/archive/part_index.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <tuple>

#include "ledger/archive/bloom.h"
#include "ledger/archive/integers.h"
#include "ledger/record.h"

namespace yunjian::ledger {
namespace {

constexpr std::array<std::string_view, part_lanes> lane_names{"event", "usage", "hour"};
constexpr std::size_t event_lane = static_cast<std::size_t>(PartLane::event);
constexpr int compare_compression = 1;  // what is encoded again is compared decoded

// Time and lane of a line, as they are kept beside it.
struct Seen {
  Time time{};
  std::size_t lane = event_lane;
};

Seen see(std::string_view line, Time received) {
  Seen seen{received, event_lane};
  const auto record = parse_record(line);
  if (!record) return seen;
  if (const auto text = (*record)->find("time")) {
    if (const auto time = parse_time(*text)) seen.time = *time;
  }
  const auto kind = (*record)->find("kind");
  if (kind == "usage") seen.lane = static_cast<std::size_t>(PartLane::usage);
  if (kind == "usage_hour") seen.lane = static_cast<std::size_t>(PartLane::hour);
  return seen;
}

using FieldList = std::vector<std::tuple<std::string, std::string, bool>>;

FieldList derived_of(const LaneBlock& block, std::size_t row) {
  std::vector<ExtraField> fields;
  block.derived(row, fields);
  FieldList list;
  for (ExtraField& field : fields) {
    list.emplace_back(field.key, std::move(field.value), field.is_string);
  }
  std::ranges::sort(list);
  return list;
}

bool same_facts(const BlockFacts& a, const BlockFacts& b) {
  return a.rows == b.rows && a.line_bytes == b.line_bytes && a.time_min == b.time_min &&
         a.time_max == b.time_max;
}

// A stretch of rows of one batch in one block, as the header says.
struct Stretch {
  std::uint64_t block = 0;
  std::uint64_t row = 0;
  std::uint64_t rows = 0;
  const PartRow* of = nullptr;
};

class Check {
 public:
  Check(std::shared_ptr<const PartReader> part, const IndexRules& rules)
      : part_(std::move(part)), rules_(rules), packer_(compare_compression) {}

  Result<IndexCheck> run() {
    if (auto done = read_headers(); !done) return failure(done);
    for (std::size_t lane = 0; lane < part_lanes; ++lane) {
      if (auto done = check_lane(lane); !done) return failure(done);
    }
    if (auto done = check_streams(); !done) return failure(done);
    if (auto done = check_leaf_map(); !done) return failure(done);
    return std::move(found_);
  }

 private:
  Result<void> read_headers();
  void note_stream(const PartRow& row, std::uint64_t block);
  Result<void> check_lane(std::size_t lane);
  Result<void> check_block(std::size_t lane, std::uint64_t number, const LaneEntry& entry);
  void check_runs(std::size_t lane, std::uint64_t number, const LaneEntry& entry,
                  const LaneBlock& block);
  Result<void> check_again(std::size_t lane, std::uint64_t number, const LaneEntry& entry,
                           LaneBlock& block);
  Result<void> check_derived(std::uint64_t number, LaneBlock& block, std::string again);
  Result<void> check_streams();
  Result<void> check_leaf_map();

  void fault(std::string text) {
    ++found_.faults;
    if (found_.kept.size() < index_faults_max) found_.kept.push_back(std::move(text));
  }
  void block_fault(std::size_t lane, std::uint64_t number, std::string_view what) {
    fault(fmt::format("{} block {}: {}", lane_names[lane], number, what));
  }
  struct RowPlace {
    std::size_t lane = 0;
    std::uint64_t number = 0;  // of the block
    const LaneBlock& block;
    std::size_t row = 0;
  };
  void row_fault(const RowPlace& at, std::string_view what) {
    const auto& runs = at.block.runs();
    const auto behind = std::ranges::upper_bound(runs, at.row, {}, &BlockRun::first_row);
    const std::string stream = behind == runs.begin() ? "" : (behind - 1)->stream;
    fault(fmt::format("{} block {}, row {} ({} record {}): {}", lane_names[at.lane], at.number,
                      at.row, stream, at.block.number(at.row), what));
  }

  const std::shared_ptr<const PartReader> part_;
  const IndexRules& rules_;
  Packer packer_;
  IndexCheck found_;
  std::vector<std::shared_ptr<const PartReader::Headers>> headers_;  // keep the rows
  std::array<std::vector<Stretch>, part_lanes> stretches_;           // in the order of the part
  std::array<std::size_t, part_lanes> at_{};                         // next of them
  std::vector<StreamEntry> streams_;
  std::map<std::uint64_t, std::uint64_t> leaf_rows_;  // of headers; bounded by what there is
};

Result<void> Check::read_headers() {
  const PartFooter& footer = part_->footer();
  std::uint64_t batches = 0;
  for (std::uint64_t block = 0; block < footer.header_blocks.size(); ++block) {
    auto headers = part_->headers(block);
    if (!headers) return failure(headers);
    headers_.push_back(*headers);
    const auto& rows = headers_.back()->block.rows();
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const PartRow& row = rows[i];
      note_stream(row, block);
      if (!row.fill) {
        ++batches;
        if (row.leaf >= footer.first_leaf && row.leaf < footer.leaf_end) {
          leaf_rows_[row.leaf] = block * rows_per_block + i;
        }
      }
      for (std::size_t lane = 0; lane < part_lanes; ++lane) {
        const LanePlace& place = row.lanes[lane];
        if (place.rows > 0) stretches_[lane].push_back({place.block, place.row, place.rows, &row});
      }
    }
  }
  if (batches != footer.batches) fault("the footer counts other batches than there are");
  return {};
}

void Check::note_stream(const PartRow& row, std::uint64_t block) {
  const std::uint64_t end = row.first_record + row.records;
  if (!streams_.empty()) {
    StreamEntry& last = streams_.back();
    if (last.block == block && last.stream == row.stream && last.fill == row.fill &&
        last.last_batch + 1 == row.batch) {
      last.last_batch = row.batch;
      last.record_end = end;
      return;
    }
  }
  streams_.push_back({row.stream, row.fill, row.batch, row.batch, row.first_record, end, block});
}

Result<void> Check::check_lane(std::size_t lane) {
  const PartFooter& footer = part_->footer();
  LaneTotals all;
  for (std::size_t i = 0; i < footer.lane_groups[lane].size(); ++i) {
    const LaneGroup& group = footer.lane_groups[lane][i];
    auto entries = part_->lane_group(lane, i);
    if (!entries) return failure(entries);
    if (group.first_block != all.blocks) {
      fault(fmt::format("{} index {}: blocks are missing before it", lane_names[lane], i));
    }
    for (const LaneEntry& entry : **entries) {
      if (entry.facts.time_min < group.time_min || entry.facts.time_max > group.time_max) {
        block_fault(lane, all.blocks, "its times lie outside those of its index");
      }
      if (auto done = check_block(lane, all.blocks, entry); !done) return done;
      all.time_min =
          all.blocks == 0 ? entry.facts.time_min : std::min(all.time_min, entry.facts.time_min);
      all.time_max = std::max(all.time_max, entry.facts.time_max);
      ++all.blocks;
      all.rows += entry.facts.rows;
      all.line_bytes += entry.facts.line_bytes;
    }
  }
  const LaneTotals& said = footer.lanes[lane];
  const bool same_times =
      all.blocks == 0 || (said.time_min == all.time_min && said.time_max == all.time_max);
  if (said.blocks != all.blocks || said.rows != all.rows || said.line_bytes != all.line_bytes ||
      !same_times) {
    fault(fmt::format("{} lane: the footer's totals are others", lane_names[lane]));
  }
  if (at_[lane] != stretches_[lane].size()) {
    fault(
        fmt::format("{} lane: records that headers place in it are in no block", lane_names[lane]));
  }
  return {};
}

Result<void> Check::check_block(std::size_t lane, std::uint64_t number, const LaneEntry& entry) {
  auto block = part_->whole_lane_block(entry);
  if (!block) return failure(block);
  if (auto loaded = block->load_lines(); !loaded) return loaded;
  ++found_.blocks;
  found_.rows += block->rows();
  if (!same_facts(block->facts(), entry.facts)) block_fault(lane, number, "its index entry");
  check_runs(lane, number, entry, *block);
  return check_again(lane, number, entry, *block);
}

// Every run of the block is the stretch that the next header places there.
void Check::check_runs(std::size_t lane, std::uint64_t number, const LaneEntry& entry,
                       const LaneBlock& block) {
  for (const BlockRun& run : block.runs()) {
    if (at_[lane] >= stretches_[lane].size()) {
      return block_fault(lane, number, "it holds records of no header");
    }
    Stretch& next = stretches_[lane][at_[lane]];
    const PartRow& row = *next.of;
    const bool same = next.block == number && next.row == run.first_row &&
                      row.stream == run.stream && row.batch == run.batch && row.host == run.host &&
                      row.received == run.received && run.rows <= next.rows;
    if (!same || row.unit != entry.unit) {
      block_fault(lane, number,
                  fmt::format("its rows from {} on are said to be of batch {} of {} ({}, {})",
                              run.first_row, run.batch, run.stream, entry.unit, run.host));
    }
    if (run.rows >= next.rows) {
      ++at_[lane];
    } else {
      next = {number + 1, 0, next.rows - run.rows, next.of};
    }
  }
}

// The block is made again from its lines, as a collector makes it.
Result<void> Check::check_again(std::size_t lane, std::uint64_t number, const LaneEntry& entry,
                                LaneBlock& block) {
  LaneBlockBuilder again(block.rule_version());
  const DeriveFields* derive = lane == event_lane && rules_.derive ? &rules_.derive : nullptr;
  std::string line;
  for (const BlockRun& run : block.runs()) {
    again.begin_run({run.stream, run.host, run.batch, run.received, 0, 0});
    for (std::uint64_t row = run.first_row; row < run.first_row + run.rows; ++row) {
      line.clear();
      block.append_line(row, line);
      const Seen seen = see(line, run.received);
      if (seen.time != block.time(row)) row_fault({lane, number, block, row}, "its time");
      if (seen.lane != lane) row_fault({lane, number, block, row}, "its lane");
      again.add({block.number(row), seen.time, line}, derive);
    }
  }
  if (!same_facts(again.facts(), entry.facts)) {
    block_fault(lane, number, "times or sizes are not those of its lines");
  }
  if (!block.runs().empty() &&
      (entry.host_min != again.first_run().host || entry.host_max != again.last_run().host)) {
    block_fault(lane, number, "its hosts are others than the index says");
  }
  HashSet tokens;
  std::string bytes = again.finish(packer_, lane == event_lane ? &tokens : nullptr);
  if (lane == event_lane) {
    auto filter = part_->bloom(entry);
    if (!filter) return failure(filter);
    if (*filter != make_bloom(tokens.values())) {
      block_fault(lane, number, "its token filter is not that of its words");
    }
  }
  if (derive == nullptr) return {};
  if (block.rule_version() != rules_.version) {
    found_.other_rules = true;
    return {};
  }
  return check_derived(number, block, std::move(bytes));
}

Result<void> Check::check_derived(std::uint64_t number, LaneBlock& block, std::string again) {
  auto fresh = LaneBlock::open_whole(std::move(again));
  if (!fresh) return failure(fresh);
  if (auto loaded = fresh->load_derived(); !loaded) return loaded;
  if (auto loaded = block.load_derived(); !loaded) return loaded;
  for (std::size_t row = 0; row < block.rows(); ++row) {
    const FieldList said = derived_of(block, row);
    const FieldList wanted = derived_of(*fresh, row);
    if (said == wanted) continue;
    FieldList differing;
    std::ranges::set_symmetric_difference(said, wanted, std::back_inserter(differing));
    row_fault({event_lane, number, block, row},
              fmt::format("{} is not what follows from the record", std::get<0>(differing[0])));
  }
  return {};
}

Result<void> Check::check_streams() {
  std::ranges::sort(streams_, [](const StreamEntry& a, const StreamEntry& b) {
    return std::tie(a.stream, a.fill, a.first_batch) < std::tie(b.stream, b.fill, b.first_batch);
  });
  std::size_t at = 0;
  const auto key = [](const StreamEntry& e) {
    return std::tie(e.stream, e.fill, e.first_batch, e.last_batch, e.first_record, e.record_end,
                    e.block);
  };
  for (std::size_t i = 0; i < part_->footer().stream_groups.size(); ++i) {
    auto entries = part_->stream_group(i);
    if (!entries) return failure(entries);
    if (entries->empty() || entries->front().stream != part_->footer().stream_groups[i].first) {
      fault(fmt::format("stream index {}: it begins with another stream", i));
    }
    for (const StreamEntry& entry : *entries) {
      if (at < streams_.size() && key(entry) == key(streams_[at++])) continue;
      fault(
          fmt::format("stream index {}: {} from batch {} on", i, entry.stream, entry.first_batch));
    }
  }
  if (at != streams_.size()) fault("the stream index lacks batches");
  return {};
}

Result<void> Check::check_leaf_map() {
  const PartFooter& footer = part_->footer();
  std::uint64_t leaf = footer.first_leaf;
  for (std::size_t i = 0; i < footer.leaf_map.size(); ++i) {
    if (footer.leaf_map[i].first != leaf) {
      fault("a hole in the leaf map");
      return {};
    }
    auto rows = part_->leaf_rows(i);
    if (!rows) return failure(rows);
    for (const std::uint64_t said : *rows) {
      const auto row = leaf_rows_.find(leaf);
      if (said != (row == leaf_rows_.end() ? row_of_other_leaf : row->second)) {
        fault(fmt::format("leaf {}: the map says another row", leaf));
      }
      ++leaf;
    }
  }
  if (leaf != footer.leaf_end) fault("the leaf map has other leaves");
  return {};
}

}  // namespace

Result<IndexCheck> check_part_index(const std::shared_ptr<const PartReader>& part,
                                    const IndexRules& rules) {
  return Check(part, rules).run();
}

}  // namespace yunjian::ledger
