#include "collector/store/log_record_store.h"

#include <fmt/format.h>

#include <algorithm>
#include <compare>
#include <set>
#include <thread>
#include <unordered_map>

#include "collector/store/part_filing.h"
#include "collector/store/record_gate.h"
#include "collector/store/search_sources.h"

namespace yunjian::collector {

using ledger::ErrorKind;
using ledger::fail;
using ledger::Result;
using ledger::Time;

namespace {

// Matches beyond those still wanted that may wait before the worst are dropped.
constexpr std::size_t spare_matches_max = 256;
constexpr std::size_t threads_max = 4;

// RecordKey without a copy of the stream's id.
struct KeyView {
  Time time{};
  std::string_view stream;
  std::uint64_t number = 0;
  auto operator<=>(const KeyView&) const = default;
};

KeyView view_of(const RecordKey& key) { return {key.time, key.stream, key.number}; }

struct Match {
  KeyView key;
  std::string_view host;
  std::string_view unit;
  Time received{};
  std::string line;
};

std::size_t threads_for(std::size_t chunks) {
  const std::size_t cores = std::max(1U, std::thread::hardware_concurrency());
  return std::clamp<std::size_t>(std::min(chunks, cores), 1, threads_max);
}

// Runs `work(i)` for i in [0, count), the last in the caller's thread.
void run_beside(std::size_t count, const std::function<void(std::size_t)>& work) {
  std::vector<std::thread> beside;
  for (std::size_t i = 0; i + 1 < count; ++i) beside.emplace_back(work, i);
  work(count - 1);
  for (std::thread& thread : beside) thread.join();
}

void add(ScanStats& to, const ScanStats& more) {
  to.batches += more.batches;
  to.records += more.records;
  to.bytes += more.bytes;
  to.damaged += more.damaged;
}

// One scan: chunks wait in a heap by the best time they may hold, matches in a heap by their key.
// The best match is given out once no waiting chunk can hold a better one.
class Merge {
  bool leads(const KeyView& a, const KeyView& b) const { return newest_ ? a > b : a < b; }
  auto chunk_order() const {  // for a heap whose front is the best
    return
        [this](const Chunk& a, const Chunk& b) { return newest_ ? a.max < b.max : b.min < a.min; };
  }
  auto match_order() const {
    return [this](const Match& a, const Match& b) { return leads(b.key, a.key); };
  }

 public:
  Merge(const ChunkReader::Tools& tools, const ScanQuery& query)
      : tools_(tools), query_(query), newest_(query.order == Order::newest_first) {}

  Result<ScanStats> run(SearchSources sources,
                        const std::function<void(const StoredRecord&)>& visit) {
    sources_ = std::move(sources);
    stats_ = sources_.skipped;
    std::erase_if(sources_.chunks, [this](const Chunk& chunk) { return is_behind_cursor(chunk); });
    std::ranges::make_heap(sources_.chunks, chunk_order());
    for (std::size_t given = 0;;) {
      wanted_ = query_.limit - given;
      while (!sources_.chunks.empty() && (matches_.empty() || chunk_may_lead())) {
        if (is_cancelled(query_)) return cancelled_error();
        if (auto taken = take_chunks(); !taken) return failure(taken);
      }
      if (matches_.empty()) break;
      if (given == query_.limit || (given > 0 && bytes_given_ >= query_.bytes_max)) break;
      give(visit);
      ++given;
    }
    stats_.complete = matches_.empty() && !dropped_;
    return stats_;
  }

 private:
  bool chunk_may_lead() const {
    const Chunk& best = sources_.chunks.front();
    const Time match = matches_.front().key.time;
    return newest_ ? best.max >= match : best.min <= match;
  }

  bool after_is_inside(const Chunk& chunk) const {
    return query_.after && chunk.min <= query_.after->time && chunk.max >= query_.after->time;
  }

  bool is_behind_cursor(const Chunk& chunk) const {
    if (!query_.after) return false;
    return newest_ ? chunk.min > query_.after->time : chunk.max < query_.after->time;
  }

  // Whether the chunk may hold a record better than those that are given up already.
  bool can_help(const Chunk& chunk) const {
    if (!dropped_) return true;
    return newest_ ? chunk.max >= dropped_->time : chunk.min <= dropped_->time;
  }

  // The best chunks, one a thread. A thread more than is needed reads what may come next anyway.
  Result<void> take_chunks() {
    const bool looks_for_few =
        query_.matches || !query_.filter.words.empty() || !query_.filter.columns.empty();
    const std::size_t count = looks_for_few ? threads_for(sources_.chunks.size()) : 1;
    std::vector<Chunk> chunks;
    while (chunks.size() < count && !sources_.chunks.empty()) {
      std::ranges::pop_heap(sources_.chunks, chunk_order());
      if (can_help(sources_.chunks.back())) chunks.push_back(std::move(sources_.chunks.back()));
      sources_.chunks.pop_back();
    }
    if (chunks.empty()) return {};
    std::vector<std::vector<Match>> found(chunks.size());
    std::vector<Result<void>> done(chunks.size());
    std::vector<ScanStats> stats(chunks.size());
    run_beside(chunks.size(),
               [&](std::size_t i) { done[i] = read(chunks[i], found[i], stats[i]); });
    for (std::size_t i = 0; i < chunks.size(); ++i) {
      if (!done[i]) return failure(done[i]);
      add(stats_, stats[i]);
      for (Match& match : found[i]) keep(std::move(match));
    }
    return {};
  }

  Result<void> read(const Chunk& chunk, std::vector<Match>& found, ScanStats& stats) {
    ChunkReader reader(tools_);
    ChunkReader::Wish wish;
    // Where the cursor stands in the block's span, its best rows may all lie behind the cursor.
    if (query_.filter.words.empty() && !after_is_inside(chunk)) wish.best = wanted_ + 1;
    wish.newest = newest_;
    wish.wanted = [&](const FoundRecord& record) {
      const KeyView key{record.time, record.stream, record.number};
      if (query_.after && !leads(view_of(*query_.after), key)) return false;
      return !dropped_ || leads(key, *dropped_);
    };
    auto done = reader.read(sources_, chunk, wish,
                            [&](const FoundRecord& record, std::string_view line, const auto&) {
                              found.push_back({{record.time, intern(record.stream), record.number},
                                               intern(record.host),
                                               intern(record.unit),
                                               record.received,
                                               std::string(line)});
                            });
    stats = reader.stats();
    return done;
  }

  std::string_view intern(std::string_view text) {
    const std::lock_guard lock(names_mutex_);
    const auto found = names_.find(text);
    return found != names_.end() ? *found : *names_.emplace(text).first;
  }

  // Of many matches only those that can still be given out are kept.
  void keep(Match match) {
    if (dropped_ && !leads(match.key, *dropped_)) return;
    matches_.push_back(std::move(match));
    std::ranges::push_heap(matches_, match_order());
    if (matches_.size() < spare_matches_max || matches_.size() - spare_matches_max < wanted_) {
      return;
    }
    const auto last =
        matches_.begin() + static_cast<std::ptrdiff_t>(std::max<std::size_t>(wanted_, 1)) - 1;
    std::ranges::nth_element(
        matches_, last, [this](const Match& a, const Match& b) { return leads(a.key, b.key); });
    dropped_ = last->key;
    matches_.erase(last + 1, matches_.end());
    std::ranges::make_heap(matches_, match_order());
  }

  void give(const std::function<void(const StoredRecord&)>& visit) {
    std::ranges::pop_heap(matches_, match_order());
    const Match& match = matches_.back();
    const auto derived = derive_line(tools_.deriver, match.line, glance(match.line).lane);
    visit({.key = {match.key.time, std::string(match.key.stream), match.key.number},
           .host = match.host,
           .unit = match.unit,
           .received = match.received,
           .line = match.line,
           .derived = derived});
    bytes_given_ += match.line.size();
    matches_.pop_back();
  }

  const ChunkReader::Tools tools_;
  const ScanQuery& query_;
  const bool newest_;
  SearchSources sources_;
  ScanStats stats_;
  std::size_t wanted_ = 0;
  std::uint64_t bytes_given_ = 0;
  std::vector<Match> matches_;
  std::optional<KeyView> dropped_;  // what this does not lead is not kept any more
  std::mutex names_mutex_;          // protects names_
  std::set<std::string, std::less<>> names_;
};

std::optional<std::string> value_of(const AggregateQuery& query, const FoundRecord& record,
                                    const std::optional<std::string>& value) {
  switch (query.by) {
    case CountBy::host:
      return std::string(record.host);
    case CountBy::unit:
      return std::string(record.unit);
    case CountBy::stream:
      return std::string(record.stream);
    case CountBy::field:
      break;
  }
  return query.field.empty() ? std::optional<std::string>("") : value;
}

// Visits whatever matches, as it is found: nothing waits for its turn, nothing is copied.
class Sweep {
 public:
  Sweep(const ChunkReader::Tools& tools, const std::function<void(const StoredRecord&)>& visit)
      : tools_(tools), visit_(visit) {}

  Result<ScanStats> run(const SearchSources& sources) {
    const std::size_t threads = threads_for(sources.chunks.size());
    std::vector<Result<void>> done(threads);
    ScanStats all = sources.skipped;
    run_beside(threads, [&](std::size_t first) {
      ChunkReader reader(tools_);
      for (std::size_t i = first; i < sources.chunks.size() && done[first]; i += threads) {
        done[first] = reader.read(sources, sources.chunks[i], {},
                                  [this](const FoundRecord& record, std::string_view line,
                                         const auto&) { give(record, line); });
      }
      const std::lock_guard lock(mutex_);
      add(all, reader.stats());
    });
    for (auto& one : done) {
      if (!one) return failure(one);
    }
    return all;
  }

 private:
  void give(const FoundRecord& record, std::string_view line) {
    const auto derived = derive_line(tools_.deriver, line, glance(line).lane);
    const std::lock_guard lock(mutex_);
    visit_({.key = {record.time, std::string(record.stream), record.number},
            .host = record.host,
            .unit = record.unit,
            .received = record.received,
            .line = line,
            .derived = derived});
  }

  const ChunkReader::Tools tools_;
  const std::function<void(const StoredRecord&)>& visit_;
  std::mutex mutex_;  // protects visit_ from being called twice at once, and the sum of stats
};

// Counts records into an Aggregate. Neighbours are mostly of one unit and one step, and values
// repeat: the ordered maps are asked once a value and step.
class Counter {
 public:
  Counter(const AggregateQuery& query, Aggregate& result) : query_(query), result_(result) {}

  void count(std::string_view unit, Time step, const std::optional<std::string>& value) {
    if (of_unit_ == nullptr || *unit_ != unit) find_unit(unit);
    ++*of_unit_;
    if (step != step_) {
      step_ = step;
      groups_.clear();
      absent_ = nullptr;
    }
    if (std::uint64_t* group = value ? group_of(*value) : group_without()) ++*group;
  }

 private:
  void find_unit(std::string_view unit) {
    auto found = result_.units.find(unit);
    if (found == result_.units.end()) found = result_.units.emplace(unit, 0).first;
    unit_ = &found->first;
    of_unit_ = &found->second;
  }

  std::uint64_t* group_of(const std::string& value) {
    const auto known = groups_.find(value);
    if (known != groups_.end()) return known->second;
    std::uint64_t* group = find_group({step_, value});
    if (group != nullptr) groups_.emplace(value, group);
    return group;
  }

  std::uint64_t* group_without() {
    if (absent_ == nullptr) absent_ = find_group({step_, std::nullopt});
    return absent_;
  }

  // Null when there are too many.
  std::uint64_t* find_group(AggregateGroup group) {
    const auto found = result_.counts.find(group);
    if (found != result_.counts.end()) return &found->second;
    if (result_.counts.size() < query_.groups_max) {
      return &result_.counts.emplace(std::move(group), 0).first->second;
    }
    result_.stats.complete = false;
    return nullptr;
  }

  const AggregateQuery& query_;
  Aggregate& result_;
  const std::string* unit_ = nullptr;
  std::uint64_t* of_unit_ = nullptr;
  Time step_{};
  std::unordered_map<std::string, std::uint64_t*> groups_;  // of step_, by value
  std::uint64_t* absent_ = nullptr;                         // of step_, without a value
};

// Counts what the chunks hold that are this worker's.
struct CountingWorker {
  const ChunkReader::Tools& tools;
  const AggregateQuery& query;
  Aggregate result;
  Result<void> done;

  void run(const SearchSources& sources, std::size_t first, std::size_t step) {
    ChunkReader reader(tools);
    ChunkReader::Wish wish;
    wish.with_lines = false;
    if (query.by == CountBy::field) wish.field = query.field;
    Counter counter(query, result);
    for (std::size_t i = first; i < sources.chunks.size() && done; i += step) {
      done = reader.read(sources, sources.chunks[i], wish,
                         [&](const FoundRecord& record, std::string_view,
                             const std::optional<std::string>& value) {
                           counter.count(record.unit, step_of(record.time, query.step),
                                         value_of(query, record, value));
                         });
    }
    const bool complete = result.stats.complete;
    result.stats = reader.stats();
    result.stats.complete = complete;
  }
};

}  // namespace

LogRecordStore::LogRecordStore(const EvidenceLog& log, const Deriver* deriver)
    : log_(log), deriver_(deriver) {}

Result<ScanStats> LogRecordStore::scan(const Scope& scope, const ScanQuery& query,
                                       const std::function<void(const StoredRecord&)>& visit) {
  auto sources = find_sources(log_, scope, query);
  if (!sources) return failure(sources);
  if (query.order == Order::any) return Sweep({log_, query, deriver_}, visit).run(*sources);
  return Merge({log_, query, deriver_}, query).run(std::move(*sources), visit);
}

Result<Aggregate> LogRecordStore::aggregate(const Scope& scope, const AggregateQuery& query) {
  auto sources = find_sources(log_, scope, query);
  if (!sources) return failure(sources);
  const ChunkReader::Tools tools{log_, query, deriver_};
  const std::size_t threads = threads_for(sources->chunks.size());
  std::vector<CountingWorker> workers(threads, CountingWorker{tools, query, {}, {}});
  run_beside(threads, [&](std::size_t i) { workers[i].run(*sources, i, threads); });
  Aggregate all;
  all.stats = sources->skipped;
  for (CountingWorker& worker : workers) {
    if (!worker.done) return failure(worker.done);
    all.merge(std::move(worker.result));
  }
  while (all.counts.size() > query.groups_max) {
    all.counts.erase(std::prev(all.counts.end()));
    all.stats.complete = false;
  }
  return all;
}

Result<std::map<std::uint64_t, StoredDay>> LogRecordStore::days(Lane lane) {
  auto view = log_.view([&](const BatchRow& row) {
    return !row.hollow && row.records > 0 && has_lane(row.span, lane);
  });
  if (!view) return failure(view);
  std::map<std::uint64_t, StoredDay> days;
  for (const BatchRow& row : view->rows) days[day_of(row.filled)].waits = true;
  for (const PartPtr& part : view->parts->parts()) {
    const ledger::LaneTotals& totals = part->footer().lanes[static_cast<std::size_t>(lane)];
    if (totals.rows == 0) continue;
    StoredDay& day = days[part->footer().day];
    day.time_min = day.records == 0 ? totals.time_min : std::min(day.time_min, totals.time_min);
    day.time_max = day.records == 0 ? totals.time_max : std::max(day.time_max, totals.time_max);
    day.records += totals.rows;
    day.bytes += totals.line_bytes;
  }
  return days;
}

Result<std::string> LogRecordStore::lines(const Scope& scope, std::string_view stream,
                                          std::uint64_t batch) {
  auto row = log_.batch_row(stream, batch);
  if (!row) return failure(row);
  if (!*row || !scope.allows_messages((*row)->unit)) {
    return fail(ErrorKind::reject, fmt::format("there is no batch {} of {}", batch, stream));
  }
  return log_.lines(stream, batch);
}

Result<OwnedRecord> LogRecordStore::record(const Scope& scope, std::string_view stream,
                                           std::uint64_t number) {
  const auto absent = [&] {
    return fail(ErrorKind::reject, fmt::format("there is no record {} of {}", number, stream));
  };
  auto found = log_.row_of_record(stream, number);
  if (!found) return failure(found);
  if (!*found || !scope.allows((*found)->unit)) return absent();
  const BatchRow& row = **found;
  if (row.hollow) {
    return fail(ErrorKind::reject,
                fmt::format("record {} of {}: its batch {} came without its body", number, stream,
                            row.number));
  }
  auto joined = log_.lines(stream, row.number);
  if (!joined) return failure(joined);
  auto lines = ledger::split_lines(*joined, row.records);
  if (!lines) {
    return fail(ErrorKind::corrupt, fmt::format("batch {} of {}: its body has not {} records",
                                                row.number, row.stream, row.records));
  }
  const std::string_view line = lines->at(number - row.first_record);
  const LineGlance seen = glance(line);
  if (seen.lane == Lane::event && !scope.allows_messages(row.unit)) return absent();
  return OwnedRecord{{seen.time.value_or(row.filled), std::string(row.stream), number},
                     std::string(row.host),
                     std::string(row.unit),
                     row.filled,
                     std::string(line),
                     derive_line(deriver_, line, seen.lane)};
}

}  // namespace yunjian::collector
