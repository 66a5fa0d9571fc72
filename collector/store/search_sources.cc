#include "collector/store/search_sources.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "collector/store/block_rows.h"
#include "collector/store/part_filing.h"
#include "collector/store/record_gate.h"

namespace yunjian::collector {

using ledger::ErrorKind;
using ledger::fail;
using ledger::Result;
using ledger::Time;

namespace {

constexpr std::array lanes{Lane::event, Lane::usage, Lane::hour};
constexpr std::uint64_t records_between_cancel_checks = 256;

using Hosts = std::set<std::string, std::less<>>;

bool has_host(const Hosts& hosts, std::string_view host) {
  return hosts.empty() || hosts.contains(host);
}

bool is_wanted_row(const Selection& query, const Scope& scope, const BatchRow& row) {
  if (row.hollow || row.records == 0) return false;
  if (row.time_max < query.from || row.time_min >= query.to) return false;
  if (row.filled < query.received_from) return false;
  if (query.received_to && row.filled >= *query.received_to) return false;
  if (!has_host(query.filter.hosts, row.host)) return false;
  return scope.allows(row.unit) && std::ranges::any_of(lanes, [&](Lane lane) {
           return wants(query, lane) && has_lane(row.span, lane) &&
                  (lane != Lane::event || scope.allows_messages(row.unit));
         });
}

bool is_wanted_entry(const Selection& query, const Scope& scope, const ledger::LaneEntry& entry) {
  if (entry.facts.time_max < query.from || entry.facts.time_min >= query.to) return false;
  const Hosts& hosts = query.filter.hosts;
  const auto first = hosts.lower_bound(entry.host_min);
  if (!hosts.empty() && (first == hosts.end() || *first > entry.host_max)) return false;
  return scope.allows(entry.unit);
}

// Corrupt, and the question goes on without what is damaged.
template <typename T>
bool is_passed_over(const Result<T>& done, const Selection& query, ScanStats& stats) {
  if (done || !query.skip_damaged || done.error().kind != ErrorKind::corrupt) return false;
  ++stats.damaged;
  return true;
}

Result<void> add_part(const PartPtr& part, const Scope& scope, const Selection& query,
                      SearchSources& sources) {
  const std::uint64_t day = part->footer().day;
  if (day < day_of(query.received_from)) return {};
  if (query.received_to && day > day_of(*query.received_to - Time::duration(1))) return {};
  for (const Lane lane : lanes) {
    if (!wants(query, lane)) continue;
    const auto number = static_cast<std::size_t>(lane);
    const auto& groups = part->footer().lane_groups[number];
    for (std::size_t i = 0; i < groups.size(); ++i) {
      if (groups[i].time_max < query.from || groups[i].time_min >= query.to) continue;
      auto entries = part->lane_group(number, i);
      if (is_passed_over(entries, query, sources.skipped)) continue;
      if (!entries) return failure(entries);
      for (const ledger::LaneEntry& entry : **entries) {
        if (!is_wanted_entry(query, scope, entry)) continue;
        if (lane == Lane::event && !scope.allows_messages(entry.unit)) continue;
        if (lane == Lane::event && !query.filter.words.empty()) {
          auto may = may_have_words(*part, entry, query.filter);
          // A filter that is damaged cannot say no.
          const bool cannot_say = !may && may.error().kind == ErrorKind::corrupt;
          if (!may && !cannot_say) return failure(may);
          if (may && !*may) continue;
        }
        sources.chunks.push_back(
            {entry.facts.time_min, entry.facts.time_max, 0, part, number, entry});
      }
    }
  }
  return {};
}

// Batches whose records damage took, as far as the question might have met them.
std::uint64_t lost_to(const std::vector<Loss>& losses, const Scope& scope, const Selection& query) {
  std::uint64_t lost = 0;
  for (const Loss& loss : losses) {
    const bool known = !loss.stream.empty();
    if (known && (!scope.allows(loss.unit) || !has_host(query.filter.hosts, loss.host))) continue;
    if (known && loss.received_to < query.received_from) continue;
    if (known && query.received_to && loss.received_from >= *query.received_to) continue;
    lost += loss.last - loss.first + 1;
  }
  return lost;
}

}  // namespace

bool wants(const Selection& query, Lane lane) {
  return query.lanes.empty() || std::ranges::find(query.lanes, lane) != query.lanes.end();
}

bool is_cancelled(const Selection& query) {
  return query.cancelled != nullptr && query.cancelled->load(std::memory_order_relaxed);
}

ledger::Failure cancelled_error() { return fail(ErrorKind::retry, "the search was cancelled"); }

Result<SearchSources> find_sources(const EvidenceLog& log, const Scope& scope,
                                   const Selection& query) {
  auto view = log.view([&](const BatchRow& row) { return is_wanted_row(query, scope, row); });
  if (!view) return failure(view);
  SearchSources sources;
  if (query.skip_damaged) sources.skipped.damaged = lost_to(log.losses(), scope, query);
  sources.view = std::move(*view);
  for (std::size_t i = 0; i < sources.view.rows.size(); ++i) {
    const BatchRow& row = sources.view.rows[i];
    sources.chunks.push_back(
        {row.time_min, row.time_max, i, nullptr, 0, {}, scope.allows_messages(row.unit)});
  }
  for (const PartPtr& part : sources.view.parts->parts()) {
    if (is_cancelled(query)) return cancelled_error();
    if (auto added = add_part(part, scope, query, sources); !added) return failure(added);
  }
  return sources;
}

Result<void> ChunkReader::read(const SearchSources& sources, const Chunk& chunk, const Wish& wish,
                               const Visit& visit) {
  if (is_cancelled(tools_.query)) return cancelled_error();
  ++stats_.batches;
  auto done =
      chunk.part ? read_block(chunk, wish, visit) : read_batch(sources.view, chunk, wish, visit);
  return is_passed_over(done, tools_.query, stats_) ? Result<void>() : done;
}

Result<void> ChunkReader::read_batch(const EvidenceLog::View& view, const Chunk& chunk,
                                     const Wish& wish, const Visit& visit) {
  const Selection& query = tools_.query;
  const BatchRow& row = view.rows[chunk.row];
  auto body = tools_.log.body(view, row);
  if (!body) return failure(body);
  if (auto decoded = decoder_.decode(*body, decoded_); !decoded) {
    return fail(ErrorKind::corrupt,
                fmt::format("batch {} of {}: {}", row.number, row.stream, decoded.error().message));
  }
  auto lines = ledger::split_lines(decoded_, row.records);
  if (!lines) {
    return fail(ErrorKind::corrupt, fmt::format("batch {} of {}: its body has not {} records",
                                                row.number, row.stream, row.records));
  }
  stats_.bytes += decoded_.size();
  RecordGate gate(query, tools_.deriver);
  for (std::size_t i = 0; i < lines->size(); ++i) {
    if (stats_.records++ % records_between_cancel_checks == 0 && is_cancelled(query)) {
      return cancelled_error();
    }
    const std::string_view line = (*lines)[i];
    const LineGlance seen = glance(line);
    const FoundRecord record{seen.time.value_or(row.filled),
                             row.stream,
                             row.first_record + i,
                             row.host,
                             row.unit,
                             row.filled};
    if (record.time < query.from || record.time >= query.to || !wants(query, seen.lane)) continue;
    if (seen.lane == Lane::event && !chunk.messages) continue;
    if (wish.wanted && !wish.wanted(record)) continue;
    if (!gate.admits({.key = {record.time, std::string(row.stream), record.number},
                      .host = row.host,
                      .unit = row.unit,
                      .received = row.filled,
                      .line = line,
                      .derived = {}},
                     seen.lane)) {
      continue;
    }
    std::optional<std::string> value;
    if (!wish.field.empty()) value = gate.value(line, seen.lane, wish.field);
    visit(record, line, value);
  }
  return {};
}

Result<void> ChunkReader::read_block(const Chunk& chunk, const Wish& wish, const Visit& visit) {
  const Selection& query = tools_.query;
  auto rows = BlockRows::open(*chunk.part, chunk.entry, query, tools_.deriver);
  if (!rows) return failure(rows);
  stats_.records += rows->block().rows();
  if (rows->rows().empty()) return {};
  const Lane lane = static_cast<Lane>(chunk.lane);
  RecordGate gate(query, tools_.deriver);
  Selection only_matches;
  only_matches.matches = query.matches;
  RecordGate short_gate(only_matches, tools_.deriver);
  BlockRows::FieldOf field;
  const bool field_by_line = !wish.field.empty() && rows->derives(wish.field, tools_.deriver);
  if (!wish.field.empty() && !field_by_line) {
    auto found = rows->field(wish.field);
    if (!found) return failure(found);
    field = std::move(*found);
  }
  if (wish.best > 0 && !query.matches) rows->keep_best(wish.best, wish.newest);
  bool loaded = false;
  std::string line;
  std::uint64_t looked = 0;
  for (const std::uint32_t row : rows->rows()) {
    if (looked++ % records_between_cancel_checks == 0 && is_cancelled(query)) {
      return cancelled_error();
    }
    const ledger::BlockRun& run = rows->run_of(row);
    const FoundRecord record{rows->block().time(row),   run.stream,
                             rows->block().number(row), run.host,
                             chunk.entry.unit,          run.received};
    if (wish.wanted && !wish.wanted(record)) continue;
    const bool parse = rows->must_parse(row);
    const bool needs_line = wish.with_lines || query.matches || parse || field_by_line ||
                            (!wish.field.empty() && rows->is_whole(row));
    line.clear();
    if (needs_line) {
      if (!loaded) {
        if (auto done = rows->block().load_lines(); !done) return done;
        loaded = true;
      }
      rows->block().append_line(row, line);
      stats_.bytes += line.size();
    }
    RecordGate& judge = parse ? gate : short_gate;
    if (judge.needs_record() &&
        !judge.admits({.key = {record.time, std::string(run.stream), record.number},
                       .host = record.host,
                       .unit = record.unit,
                       .received = record.received,
                       .line = line,
                       .derived = {}},
                      lane)) {
      continue;
    }
    std::optional<std::string> value;
    if (!wish.field.empty()) {
      value = field_by_line || rows->is_whole(row) ? judge.value(line, lane, wish.field)
                                                   : rows->value(field, row);
    }
    visit(record, line, value);
  }
  return {};
}

}  // namespace yunjian::collector
