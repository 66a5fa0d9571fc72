#include "collector/store/wal_record_store.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <compare>

#include "collector/store/record_gate.h"

namespace yunjian::collector {

using ledger::ErrorKind;
using ledger::fail;
using ledger::Result;
using ledger::Time;

namespace {

// Matches beyond those still wanted that may wait before the worst are dropped.
constexpr std::size_t spare_matches_max = 4096;
constexpr std::uint64_t records_between_cancel_checks = 256;

// RecordKey without a copy of the stream's id, which the log keeps.
struct KeyView {
  Time time{};
  std::string_view stream;
  std::uint64_t number = 0;
  auto operator<=>(const KeyView&) const = default;
};

KeyView view_of(const RecordKey& key) { return {key.time, key.stream, key.number}; }

// A batch that may hold matches, with the best time that one of them may have.
struct WaitingRow {
  Time bound{};
  std::size_t row = 0;
};

struct Match {
  KeyView key;
  std::string_view host;
  std::string_view unit;
  Time received{};
  std::string line;
};

Result<std::vector<std::string_view>> lines_of(const std::string& decoded, const BatchRow& row) {
  auto lines = ledger::split_lines(decoded, row.records);
  if (!lines) {
    return fail(ErrorKind::corrupt, fmt::format("batch {} of {}: its body has not {} records",
                                                row.number, row.stream, row.records));
  }
  return lines;
}

Result<void> decode_row(const EvidenceLog& log, const BatchRow& row, ledger::BodyDecoder& decoder,
                        std::string& out) {
  auto body = log.body(row.row);
  if (!body) return failure(body);
  auto decoded = decoder.decode(*body, out);
  if (!decoded) {
    return fail(ErrorKind::corrupt,
                fmt::format("batch {} of {}: {}", row.number, row.stream, decoded.error().message));
  }
  return {};
}

struct SeenLine {
  std::string_view line;
  Lane lane;
};

bool wants(const Selection& query, Lane lane) {
  return query.lanes.empty() || std::ranges::find(query.lanes, lane) != query.lanes.end();
}

bool is_cancelled(const Selection& query) {
  return query.cancelled != nullptr && query.cancelled->load(std::memory_order_relaxed);
}

ledger::Failure cancelled() { return fail(ErrorKind::retry, "the search was cancelled"); }

// Rows that may hold records of the selection, by what is known without their bodies.
void visit_wanted_rows(const EvidenceLog& log, const Scope& scope, const Selection& query,
                       const std::function<void(const BatchRow&)>& visit) {
  constexpr std::array all_lanes{Lane::event, Lane::usage, Lane::hour};
  const std::vector<std::string>& hosts = query.filter.hosts;
  std::string_view unit;
  bool allowed = false;
  log.visit_rows(0, [&](const BatchRow& row) {
    if (row.hollow || row.records == 0) return;
    if (row.time_max < query.from || row.time_min >= query.to) return;
    if (row.received < query.received_from) return;
    if (!hosts.empty() && std::ranges::find(hosts, row.host) == hosts.end()) return;
    if (!std::ranges::any_of(
            all_lanes, [&](Lane lane) { return wants(query, lane) && has_lane(row.span, lane); })) {
      return;
    }
    if (row.unit.data() != unit.data()) {  // units are kept once each
      unit = row.unit;
      allowed = scope.allows(unit);
    }
    if (allowed) visit(row);
  });
}

// One scan: rows wait in a heap by the best key they may hold, matches in a heap by their key. The
// best match is given out once no waiting row can hold a better one.
class Merge {
 public:
  struct Sources {
    const EvidenceLog& log;
    const Deriver* deriver;
  };
  Merge(const Sources& sources, const Scope& scope, const ScanQuery& query)
      : log_(sources.log),
        deriver_(sources.deriver),
        scope_(scope),
        query_(query),
        newest_(query.order == Order::newest_first),
        gate_(query, deriver_) {}

  Result<ScanStats> run(ledger::BodyDecoder& decoder,
                        const std::function<void(const StoredRecord&)>& visit) {
    collect_rows();
    for (std::size_t given = 0; given < query_.limit && bytes_given_ < query_.bytes_max; ++given) {
      wanted_ = query_.limit - given;
      while (!rows_.empty() && (matches_.empty() || row_may_lead())) {
        if (auto decoded = take_row(decoder); !decoded) return failure(decoded);
      }
      if (matches_.empty()) return stats_;
      give(visit);
    }
    stats_.complete = matches_.empty() && rows_.empty() && !dropped_;
    return stats_;
  }

 private:
  bool leads(const KeyView& a, const KeyView& b) const { return newest_ ? a > b : a < b; }

  // std heaps keep the largest in front: here the one that leads.
  auto row_order() const {
    return [this](const WaitingRow& a, const WaitingRow& b) {
      return newest_ ? a.bound < b.bound : a.bound > b.bound;
    };
  }
  auto match_order() const {
    return [this](const Match& a, const Match& b) { return leads(b.key, a.key); };
  }

  bool row_may_lead() const {
    const Time best = rows_.front().bound;
    const Time match = matches_.front().key.time;
    return newest_ ? best >= match : best <= match;
  }

  void collect_rows() {
    visit_wanted_rows(log_, scope_, query_, [&](const BatchRow& row) {
      if (!is_behind_cursor(row)) rows_.push_back({newest_ ? row.time_max : row.time_min, row.row});
    });
    std::make_heap(rows_.begin(), rows_.end(), row_order());
  }

  bool is_behind_cursor(const BatchRow& row) const {
    if (!query_.after) return false;
    return newest_ ? row.time_min > query_.after->time : row.time_max < query_.after->time;
  }

  Result<void> take_row(ledger::BodyDecoder& decoder) {
    std::ranges::pop_heap(rows_, row_order());
    const BatchRow row = log_.row(rows_.back().row);
    rows_.pop_back();
    if (auto decoded = decode_row(log_, row, decoder, decoded_); !decoded) return decoded;
    auto lines = lines_of(decoded_, row);
    if (!lines) return failure(lines);
    ++stats_.batches;
    stats_.bytes += decoded_.size();
    for (std::size_t i = 0; i < lines->size(); ++i) {
      if (stats_.records++ % records_between_cancel_checks == 0 && is_cancelled(query_)) {
        return cancelled();
      }
      consider(row, row.first_record + i, (*lines)[i]);
    }
    return {};
  }

  void consider(const BatchRow& row, std::uint64_t number, std::string_view line) {
    const LineGlance seen = glance(line);
    const KeyView key{seen.time.value_or(row.received), row.stream, number};
    if (key.time < query_.from || key.time >= query_.to) return;
    if (!wants(query_, seen.lane)) return;
    if (query_.after && !leads(view_of(*query_.after), key)) return;
    if (dropped_ && !leads(key, *dropped_)) return;
    if (!satisfies(row, key, {line, seen.lane})) return;
    matches_.push_back({key, row.host, row.unit, row.received, std::string(line)});
    std::ranges::push_heap(matches_, match_order());
    drop_unwanted();
  }

  bool satisfies(const BatchRow& row, const KeyView& key, const SeenLine& seen) {
    if (!gate_.needs_record()) return true;
    return gate_.admits({.key = {key.time, std::string(key.stream), key.number},
                         .host = row.host,
                         .unit = row.unit,
                         .received = row.received,
                         .line = seen.line,
                         .derived = {}},
                        seen.lane);
  }

  // Of many matches only those that can still be given out are kept.
  void drop_unwanted() {
    if (matches_.size() < spare_matches_max || matches_.size() - spare_matches_max < wanted_)
      return;
    const auto last = matches_.begin() + static_cast<std::ptrdiff_t>(wanted_) - 1;
    std::ranges::nth_element(
        matches_, last, [this](const Match& a, const Match& b) { return leads(a.key, b.key); });
    dropped_ = last->key;
    matches_.erase(last + 1, matches_.end());
    std::ranges::make_heap(matches_, match_order());
  }

  void give(const std::function<void(const StoredRecord&)>& visit) {
    std::ranges::pop_heap(matches_, match_order());
    const Match& match = matches_.back();
    const auto derived = derive_line(deriver_, match.line, glance(match.line).lane);
    visit({.key = {match.key.time, std::string(match.key.stream), match.key.number},
           .host = match.host,
           .unit = match.unit,
           .received = match.received,
           .line = match.line,
           .derived = derived});
    bytes_given_ += match.line.size();
    matches_.pop_back();
  }

  const EvidenceLog& log_;
  const Deriver* const deriver_;
  const Scope& scope_;
  const ScanQuery& query_;
  const bool newest_;
  RecordGate gate_;
  ScanStats stats_;
  std::size_t wanted_ = 0;
  std::uint64_t bytes_given_ = 0;
  std::vector<WaitingRow> rows_;
  std::vector<Match> matches_;
  std::optional<KeyView> dropped_;  // what this does not lead is not kept any more
  std::string decoded_;
};

// Counts what a selection asks for.
class Counting {
 public:
  Counting(const EvidenceLog& log, const Deriver* deriver, const AggregateQuery& query)
      : log_(log), query_(query), gate_(query, deriver) {}

  Result<void> take(const BatchRow& row, ledger::BodyDecoder& decoder) {
    if (is_cancelled(query_)) return cancelled();
    if (auto decoded = decode_row(log_, row, decoder, decoded_); !decoded) return decoded;
    auto lines = lines_of(decoded_, row);
    if (!lines) return failure(lines);
    ++result_.stats.batches;
    result_.stats.records += lines->size();
    result_.stats.bytes += decoded_.size();
    for (std::size_t i = 0; i < lines->size(); ++i) consider(row, i, (*lines)[i]);
    return {};
  }
  Aggregate take_result() { return std::move(result_); }

 private:
  void consider(const BatchRow& row, std::size_t ordinal, std::string_view line) {
    const LineGlance seen = glance(line);
    const Time time = seen.time.value_or(row.received);
    if (time < query_.from || time >= query_.to || !wants(query_, seen.lane)) return;
    if (!gate_.admits({.key = {time, std::string(row.stream), row.first_record + ordinal},
                       .host = row.host,
                       .unit = row.unit,
                       .received = row.received,
                       .line = line,
                       .derived = {}},
                      seen.lane)) {
      return;
    }
    AggregateGroup group{step_of(time, query_.step), gate_.value(line, seen.lane, query_.field)};
    const auto at = result_.counts.find(group);
    if (at != result_.counts.end()) {
      ++at->second;
    } else if (result_.counts.size() < query_.groups_max) {
      result_.counts.emplace(std::move(group), 1);
    } else {
      result_.stats.complete = false;
    }
  }

  const EvidenceLog& log_;
  const AggregateQuery& query_;
  RecordGate gate_;
  Aggregate result_;
  std::string decoded_;
};

}  // namespace

WalRecordStore::WalRecordStore(const EvidenceLog& log, const Deriver* deriver)
    : log_(log),
      deriver_(deriver),
      decoders_([] { return std::make_unique<ledger::BodyDecoder>(); }) {}

Result<ScanStats> WalRecordStore::scan(const Scope& scope, const ScanQuery& query,
                                       const std::function<void(const StoredRecord&)>& visit) {
  const auto decoder = decoders_.take();
  return Merge({log_, deriver_}, scope, query).run(*decoder, visit);
}

Result<Aggregate> WalRecordStore::aggregate(const Scope& scope, const AggregateQuery& query) {
  const auto decoder = decoders_.take();
  Counting counting(log_, deriver_, query);
  Result<void> done;
  visit_wanted_rows(log_, scope, query, [&](const BatchRow& row) {
    if (done) done = counting.take(row, *decoder);
  });
  if (!done) return failure(done);
  return counting.take_result();
}

Result<std::string> WalRecordStore::lines(const Scope& scope, std::string_view stream,
                                          std::uint64_t batch) {
  const auto row = log_.batch_row(stream, batch);
  if (!row || !scope.allows(row->unit)) {
    return fail(ErrorKind::reject, fmt::format("there is no batch {} of {}", batch, stream));
  }
  if (row->hollow) {
    return fail(ErrorKind::reject,
                fmt::format("batch {} of {} came without its body", batch, stream));
  }
  std::string decoded;
  if (row->records == 0) return decoded;
  auto done = decode_row(log_, *row, *decoders_.take(), decoded);
  if (!done) return failure(done);
  return decoded;
}

Result<OwnedRecord> WalRecordStore::record(const Scope& scope, std::string_view stream,
                                           std::uint64_t number) {
  const auto row = log_.row_of_record(stream, number);
  if (!row || !scope.allows(row->unit)) {
    return fail(ErrorKind::reject, fmt::format("there is no record {} of {}", number, stream));
  }
  if (row->hollow) {
    return fail(ErrorKind::reject,
                fmt::format("record {} of {}: its batch {} came without its body", number, stream,
                            row->number));
  }
  std::string decoded;
  auto done = decode_row(log_, *row, *decoders_.take(), decoded);
  if (!done) return failure(done);
  auto lines = lines_of(decoded, *row);
  if (!lines) return failure(lines);
  const std::string_view line = lines->at(number - row->first_record);
  const LineGlance seen = glance(line);
  return OwnedRecord{{seen.time.value_or(row->received), std::string(row->stream), number},
                     std::string(row->host),
                     std::string(row->unit),
                     row->received,
                     std::string(line),
                     derive_line(deriver_, line, seen.lane)};
}

}  // namespace yunjian::collector
