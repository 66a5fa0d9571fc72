#include "collector/report/hour_folds.h"

#include <fmt/format.h>

#include <algorithm>

#include "ledger/archive/segment.h"
#include "rules/calendar/china_time.h"

namespace yunjian::collector {

using ledger::ErrorKind;
using ledger::join_path;
using ledger::Result;
using ledger::Time;

namespace {

constexpr unsigned directory_mode = 0700;
constexpr std::size_t hosts_at_once = 2048;  // about 15 KB each while a day is folded
constexpr std::size_t index_frame_hosts = 4096;
constexpr int months_kept = 2;  // before the running one
enum : std::uint8_t { frame_host = 1, frame_index = 2, frame_end = 3 };
// Of the last frame: payload of four numbers, head and checksum.
constexpr std::uint64_t end_payload_bytes = 32;
constexpr std::uint64_t end_frame_bytes = 8 + end_payload_bytes + 8;

std::uint64_t day_number(Time time) {
  return static_cast<std::uint64_t>(
      std::chrono::floor<std::chrono::days>(time).time_since_epoch().count());
}

Time day_start(std::uint64_t day) {
  return Time(std::chrono::days(static_cast<std::chrono::days::rep>(day)));
}

std::string name_of(std::uint64_t day) {
  return rules::format_date(
      rules::Date(std::chrono::sys_days(std::chrono::floor<std::chrono::days>(day_start(day)))));
}

ledger::Failure damaged() {
  return ledger::fail(ErrorKind::corrupt, "a file of folded hours is not whole");
}

// What the end of a file says of it.
struct FileEnd {
  std::uint64_t records = 0, bytes = 0;  // of the day, when it was folded
  std::uint64_t index = 0;               // the last index frame; 0: no host
  std::uint64_t hosts = 0;
};

std::string encode_end(const FileEnd& end) {
  std::string out;
  for (const std::uint64_t value : {end.records, end.bytes, end.index, end.hosts}) {
    ledger::put_u64be(out, value);
  }
  return out;
}

Result<FileEnd> read_end(const ledger::File& file, std::uint64_t number) {
  auto size = file.size();
  if (!size) return ledger::failure(size);
  if (*size < end_frame_bytes) return damaged();
  auto frame = ledger::read_frame(file, number, *size - end_frame_bytes);
  if (!frame) return ledger::failure(frame);
  if (frame->type != frame_end || frame->payload.size() != end_payload_bytes) return damaged();
  ledger::Unpacker in(frame->payload);
  FileEnd end;
  for (std::uint64_t* value : {&end.records, &end.bytes, &end.index, &end.hosts}) {
    *value = in.u64be();
  }
  return end;
}

// Index frames are a chain from the last one back.
Result<void> read_index(FoldedDay& day, const FileEnd& end) {
  for (std::uint64_t at = end.index; at != 0;) {
    auto frame = ledger::read_frame(*day.file, day.number, at);
    if (!frame) return ledger::failure(frame);
    ledger::Unpacker in(frame->payload);
    const std::uint64_t before = in.varint();
    if (frame->type != frame_index || before >= at) return damaged();
    for (std::uint64_t left = in.count(); left > 0; --left) {
      std::string host(in.text());
      std::string unit(in.text());
      day.hosts.emplace(std::move(host), FoldedDay::Place{std::move(unit), in.varint(), {}});
    }
    if (!in.at_end()) return damaged();
    at = before;
  }
  return day.hosts.size() == end.hosts ? Result<void>() : damaged();
}

bool is_in_order(std::vector<StreamRun>& runs) {
  std::sort(runs.begin(), runs.end(), [](const StreamRun& a, const StreamRun& b) {
    return a.input().first < b.input().first;
  });
  for (std::size_t i = 1; i < runs.size(); ++i) {
    if (runs[i].input().first <= runs[i - 1].input().last) return false;
  }
  return true;
}

// Collects the index while hosts are written.
class FoldWriter {
 public:
  explicit FoldWriter(ledger::SegmentWriter writer) : writer_(std::move(writer)) {}

  Result<void> add(const std::string& host, const std::string& unit, const std::string& packed) {
    std::uint64_t offset = 0;
    if (!packed.empty()) {
      auto put = writer_.append(frame_host, packed);
      if (!put) return ledger::failure(put);
      offset = *put;
    }
    ledger::put_text(index_, host);
    ledger::put_text(index_, unit);
    ledger::put_varint(index_, offset);
    ++end_.hosts;
    return ++indexed_ == index_frame_hosts ? put_index() : Result<void>();
  }

  Result<void> finish(const StoredDay& stored) {
    if (indexed_ > 0) {
      if (auto put = put_index(); !put) return put;
    }
    end_.records = stored.records;
    end_.bytes = stored.bytes;
    if (auto put = writer_.append(frame_end, encode_end(end_)); !put) return ledger::failure(put);
    return writer_.sync();
  }

 private:
  Result<void> put_index() {
    std::string head;
    ledger::put_varint(head, end_.index);
    ledger::put_varint(head, indexed_);
    auto put = writer_.append(frame_index, head, index_);
    if (!put) return ledger::failure(put);
    end_.index = *put;
    index_.clear();
    indexed_ = 0;
    return writer_.flush();
  }

  ledger::SegmentWriter writer_;
  std::string index_;
  std::uint64_t indexed_ = 0;
  FileEnd end_;
};

}  // namespace

Result<bool> FoldedDay::add(const std::string& host, const Scope& scope, rules::Month month,
                            StreamRuns& streams) const {
  const auto [first, last] = hosts.equal_range(host);
  for (auto at = first; at != last; ++at) {
    const Place& place = at->second;
    if (!scope.allows(place.unit)) continue;
    if (place.offset == 0 && place.packed.empty()) return false;
    Result<ledger::StoredFrame> frame = ledger::StoredFrame{.type = frame_host, .payload = {}};
    if (file) frame = ledger::read_frame(*file, number, place.offset);
    if (!frame) return ledger::failure(frame);
    auto added = unpack_host(file ? frame->payload : place.packed, month, streams);
    if (!added) return ledger::failure(added);
  }
  return true;
}

Result<std::optional<rules::FoldedHost>> FoldedMonth::fold(const std::string& host,
                                                           const Scope& scope,
                                                           const rules::FoldWindow& window,
                                                           const rules::Calendar& calendar) const {
  StreamRuns streams;
  for (const FoldedDay& day : days_) {
    auto regular = day.add(host, scope, month_, streams);
    const bool is_damaged = !regular && regular.error().kind == ErrorKind::corrupt;
    if (!regular && !is_damaged) return ledger::failure(regular, name_of(day.number));
    if (is_damaged || !*regular) return std::nullopt;
  }
  rules::MonthFold fold(window, calendar);
  for (auto& [stream, runs] : streams) {
    if (!is_in_order(runs)) return std::nullopt;
    for (StreamRun& run : runs) {
      if (auto added = fold.add(std::move(run.run)); !added) return ledger::failure(added);
    }
  }
  return rules::FoldedHost{.parts = fold.finish()};
}

std::string HourFolds::path_of(std::uint64_t day) const {
  return join_path(parts_.directory, name_of(day));
}

std::optional<FoldedDay> HourFolds::read(std::uint64_t day, const StoredDay& stored) const {
  auto there = parts_.files.exists(path_of(day));
  if (!there || !*there) return std::nullopt;
  auto file = parts_.files.open_read(path_of(day));
  if (!file) return std::nullopt;
  FoldedDay folded;
  folded.file = std::move(*file);
  folded.number = day;
  const auto end = read_end(*folded.file, day);
  if (!end || end->records != stored.records || end->bytes != stored.bytes) return std::nullopt;
  if (!read_index(folded, *end)) return std::nullopt;
  return folded;
}

bool HourFolds::is_folded(std::uint64_t day, const StoredDay& stored) const {
  auto there = parts_.files.exists(path_of(day));
  if (!there || !*there) return false;
  auto file = parts_.files.open_read(path_of(day));
  if (!file) return false;
  const auto end = read_end(**file, day);
  return end && end->records == stored.records && end->bytes == stored.bytes;
}

// Some hosts at a time: blocks hold neighbours, so that nearly each is read once.
Result<void> HourFolds::fold(std::uint64_t day, const std::atomic<bool>* cancelled,
                             const Take& take) const {
  const std::vector<std::string> hosts = parts_.hosts();
  for (std::size_t at = 0; at < hosts.size(); at += hosts_at_once) {
    ScanQuery query;
    query.lanes = {Lane::hour};
    query.from = Time::min();
    query.to = Time::max();
    query.received_from = day_start(day);
    query.received_to = day_start(day + 1);
    query.order = Order::any;
    query.cancelled = cancelled;
    const std::size_t end = std::min(at + hosts_at_once, hosts.size());
    query.filter.hosts.insert(hosts.begin() + static_cast<std::ptrdiff_t>(at),
                              hosts.begin() + static_cast<std::ptrdiff_t>(end));
    DayFold folded;
    auto scanned = parts_.records.scan(Scope::all(), query,
                                       [&](const StoredRecord& record) { folded.add(record); });
    if (!scanned) return ledger::failure(scanned);
    if (auto taken = take(folded.hosts()); !taken) return taken;
  }
  return {};
}

Result<FoldedDay> HourFolds::in_memory(std::uint64_t day,
                                       const std::atomic<bool>* cancelled) const {
  FoldedDay folded;
  folded.number = day;
  auto done = fold(day, cancelled, [&](const DayFold::Hosts& hosts) -> Result<void> {
    for (const auto& [key, host] : hosts) {
      folded.hosts.emplace(key.first, FoldedDay::Place{key.second, 0, pack_host(host)});
    }
    return {};
  });
  if (!done) return ledger::failure(done);
  return folded;
}

Result<void> HourFolds::write(std::uint64_t day, const StoredDay& stored,
                              const std::atomic<bool>* cancelled) const {
  auto made = parts_.files.make_directory(parts_.directory, directory_mode);
  if (!made) return made;
  const std::string path = path_of(day);
  const std::string fresh = path + ".new";
  if (auto removed = ledger::remove_leftover(parts_.files, fresh); !removed) return removed;
  auto segment = ledger::SegmentWriter::create(parts_.files, fresh, day);
  if (!segment) return ledger::failure(segment);
  FoldWriter writer(std::move(*segment));
  auto done = fold(day, cancelled, [&](const DayFold::Hosts& hosts) -> Result<void> {
    for (const auto& [key, host] : hosts) {
      if (auto added = writer.add(key.first, key.second, pack_host(host)); !added) return added;
    }
    return {};
  });
  if (done) done = writer.finish(stored);
  if (!done) return done;
  if (auto renamed = parts_.files.rename(fresh, path); !renamed) return renamed;
  return parts_.files.sync_directory(parts_.directory);
}

Result<FoldedMonth> HourFolds::month(rules::Month month, const std::atomic<bool>* cancelled) {
  const std::lock_guard making(making_);
  auto days = parts_.records.days(Lane::hour);
  if (!days) return ledger::failure(days);
  const std::uint64_t today = day_number(parts_.clock.wall());
  FoldedMonth folded(month);
  const Time end = rules::month_end(month) + rules::record_length_max;
  for (const auto& [day, stored] : *days) {
    const bool elsewhere = stored.time_max < rules::month_begin(month) || stored.time_min >= end;
    if (elsewhere && !stored.waits) continue;
    const bool settled = day < today && !stored.waits;
    auto known = settled ? read(day, stored) : std::nullopt;
    if (settled && !known) {
      auto written = write(day, stored, cancelled);
      if (!written && written.error().kind == ErrorKind::retry) return ledger::failure(written);
      if (written) known = read(day, stored);
    }
    if (!known) {  // it is not over, or no file can be made of it
      auto live = in_memory(day, cancelled);
      if (!live) return ledger::failure(live);
      known = std::move(*live);
    }
    folded.add(std::move(*known));
  }
  return folded;
}

Result<bool> HourFolds::step(const std::atomic<bool>* cancelled) {
  const std::lock_guard making(making_);
  auto days = parts_.records.days(Lane::hour);
  if (!days) return ledger::failure(days);
  const Time now = parts_.clock.wall();
  const rules::Month first = rules::china_month(now) - std::chrono::months(1);
  const std::uint64_t today = day_number(now);
  for (auto at = days->lower_bound(day_number(rules::month_begin(first))); at != days->end();
       ++at) {
    const auto& [day, stored] = *at;
    if (day >= today || stored.waits || is_folded(day, stored)) continue;
    if (auto written = write(day, stored, cancelled); !written) return ledger::failure(written);
    if (auto dropped = drop_old(); !dropped) return ledger::failure(dropped);
    return true;
  }
  return false;
}

Result<void> HourFolds::drop_old() const {
  const rules::Month first =
      rules::china_month(parts_.clock.wall()) - std::chrono::months(months_kept);
  const std::string oldest = name_of(day_number(rules::month_begin(first)));
  auto names = parts_.files.list(parts_.directory);
  if (!names) return ledger::failure(names);
  for (const std::string& name : *names) {
    if (name >= oldest) continue;
    auto removed = parts_.files.remove(join_path(parts_.directory, name));
    if (!removed) return removed;
  }
  return {};
}

}  // namespace yunjian::collector
