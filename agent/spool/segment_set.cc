#include "agent/spool/segment_set.h"

#include <algorithm>
#include <utility>

#include "ledger/base/bytes.h"

namespace yunjian::agent {
namespace {

using ledger::ErrorKind;
using ledger::failure;
using ledger::join_path;
using ledger::Result;

constexpr std::uint8_t batch_frame = 1;
constexpr std::uint8_t mark_frame = 2;
constexpr std::size_t entry_head_bytes = 24;
constexpr std::string_view damaged_suffix = ".damaged";
constexpr std::size_t damaged_files_max = 8;

// batch payload := u64be batch | u64be sealed, µs since 1970 | u32be records | u32be header length
//                  | header | body
std::string encode_head(const SpoolEntry& entry) {
  std::string out;
  out.reserve(entry_head_bytes + entry.header.size());
  ledger::put_u64be(out, entry.batch);
  ledger::put_u64be(out, static_cast<std::uint64_t>(entry.sealed.time_since_epoch().count()));
  ledger::put_u32be(out, entry.records);
  ledger::put_u32be(out, static_cast<std::uint32_t>(entry.header.size()));
  return out += entry.header;
}

std::optional<SpoolEntry> decode(const ledger::StoredFrame& frame) {
  const std::string& payload = frame.payload;
  if (frame.type != batch_frame || payload.size() < entry_head_bytes) return {};
  const std::size_t header_bytes = ledger::get_u32be(payload.data() + 20);
  if (header_bytes > payload.size() - entry_head_bytes) return {};
  const auto sealed = static_cast<std::int64_t>(ledger::get_u64be(payload.data() + 8));
  return SpoolEntry{.batch = ledger::get_u64be(payload.data()),
                    .sealed = ledger::Time(std::chrono::microseconds(sealed)),
                    .records = ledger::get_u32be(payload.data() + 16),
                    .header = payload.substr(entry_head_bytes, header_bytes),
                    .body = payload.substr(entry_head_bytes + header_bytes)};
}

}  // namespace

Result<SegmentSet> SegmentSet::open(Place place, const OnMark& on_mark) {
  SegmentSet set(std::move(place));
  ledger::FileSystem& files = *set.place_.files;
  if (auto made = files.make_directory(set.place_.directory, 0700); !made) return failure(made);
  auto synced = files.sync_directory(ledger::parent_directory(set.place_.directory));
  if (!synced) return failure(synced);
  auto names = files.list(set.place_.directory);
  if (!names) return failure(names);
  std::vector<std::uint64_t> numbers;
  for (const std::string& name : *names) {
    if (const auto number = ledger::segment_number(name)) numbers.push_back(*number);
  }
  std::sort(numbers.begin(), numbers.end());
  for (const std::uint64_t number : numbers) {
    const bool last = number == numbers.back();
    if (auto loaded = set.load(number, last, on_mark); !loaded) return failure(loaded);
    set.next_number_ = number + 1;
  }
  if (!set.spans_.empty() && set.spans_.back().number != numbers.back()) {
    // The newest held nothing and is gone: the one before is the last now.
    const std::uint64_t number = set.spans_.back().number;
    set.spans_.pop_back();
    if (auto loaded = set.load(number, true, {}); !loaded) return failure(loaded);
  }
  return set;
}

// Learns what one segment spans; the last one is cut behind its last whole frame and continued.
Result<void> SegmentSet::load(std::uint64_t number, bool last, const OnMark& on_mark) {
  auto file = place_.files->open_read(path(number));
  if (!file) return failure(file);
  auto size = (*file)->size();
  if (!size) return failure(size);
  FrameWalk frames(std::move(*file), number, *size);
  Span span{.number = number, .bytes = *size};
  bool found = false;
  std::uint64_t valid_bytes = 0;
  while (!found || last || on_mark) {
    auto step = frames.next();
    if (!step) return failure(step);
    if (!*step) break;
    valid_bytes = (*step)->end_offset;
    const auto entry = decode((*step)->frame);
    if (!entry) {
      if (on_mark) on_mark((*step)->frame.payload);
      continue;
    }
    if (!found) {
      span.first = entry->batch;
      span.sealed = entry->sealed;
      end_at(entry->batch);
      if (!spans_.empty()) spans_.back().end = entry->batch;
    }
    found = true;
    span.end = entry->batch + 1;
  }
  std::uint64_t damage = frames.damaged_places();
  if (!found && *size > ledger::segment_header_bytes) ++damage;
  damaged_places_ += damage;
  if (last) tail_damage_ = damage;
  // Nothing but a beginning, as a crash in begin_segment() leaves it; or all of it is damaged.
  if (!found) return damage > 0 ? quarantine(number) : place_.files->remove(path(number));
  if (last) {
    auto writer = ledger::SegmentWriter::reopen(*place_.files, path(number), number, valid_bytes);
    if (!writer && writer.error().kind != ErrorKind::corrupt) return failure(writer);
    if (writer) {
      writer_.emplace(std::move(*writer));
      span.bytes = valid_bytes;
    }
  }
  spans_.push_back(span);
  return {};
}

// Kept for a look, under a name that is never read again; only the newest few.
Result<void> SegmentSet::quarantine(std::uint64_t number) {
  if (auto kept = place_.files->rename(path(number), path(number) + std::string(damaged_suffix));
      !kept) {
    return kept;
  }
  auto names = place_.files->list(place_.directory);
  if (!names) return failure(names);
  std::erase_if(*names, [](const std::string& name) { return !name.ends_with(damaged_suffix); });
  for (std::size_t i = 0; i + damaged_files_max < names->size(); ++i) {
    auto removed = place_.files->remove(join_path(place_.directory, (*names)[i]));
    if (!removed) return removed;
  }
  return {};
}

std::uint64_t SegmentSet::bytes() const {
  std::uint64_t sum = 0;
  for (const Span& span : spans_) sum += span.bytes;
  return sum;
}

std::string SegmentSet::path(std::uint64_t number) const {
  return join_path(place_.directory, ledger::segment_name(number));
}

Result<void> SegmentSet::append(const SpoolEntry& entry, bool with_body) {
  const std::string_view body = with_body ? std::string_view(entry.body) : std::string_view();
  const std::uint64_t need = entry_head_bytes + entry.header.size() + body.size();
  if (!writer_ || writer_->bytes() + need > place_.segment_bytes_max) {
    if (auto begun = begin_segment(entry); !begun) return failure(begun);
  }
  auto offset = writer_->append(batch_frame, encode_head(entry), body);
  if (!offset) return failure(offset);
  spans_.back().end = entry.batch + 1;
  return {};
}

Result<void> SegmentSet::append_mark(std::string_view payload) {
  ledger::require(takes_marks(), "a mark is written into an open segment");
  auto offset = writer_->append(mark_frame, payload);
  if (!offset) return failure(offset);
  return {};
}

Result<void> SegmentSet::begin_segment(const SpoolEntry& entry) {
  if (writer_) {
    if (auto synced = sync(); !synced) return failure(synced);
    writer_.reset();
  }
  // An attempt that failed late may have left a file of this number.
  const std::uint64_t number = next_number_++;
  auto writer = ledger::SegmentWriter::create(*place_.files, path(number), number);
  if (!writer) return failure(writer);
  writer_.emplace(std::move(*writer));
  if (!spans_.empty()) spans_.back().end = entry.batch;
  spans_.push_back(Span{.number = number,
                        .first = entry.batch,
                        .end = entry.batch,
                        .bytes = writer_->bytes(),
                        .sealed = entry.sealed});
  return {};
}

Result<void> SegmentSet::sync() {
  if (!writer_) return {};
  if (auto synced = writer_->sync(); !synced) return failure(synced);
  spans_.back().bytes = writer_->bytes();
  for (const std::uint64_t number : std::exchange(superseded_, {})) {
    if (auto removed = place_.files->remove(path(number)); !removed) return failure(removed);
  }
  return {};
}

Result<void> SegmentSet::rewind(std::uint64_t batch) {
  reader_ = FrameWalk();
  ahead_.reset();
  writer_.reset();
  while (!spans_.empty() && spans_.back().first >= batch) {
    if (auto removed = place_.files->remove(path(spans_.back().number)); !removed) {
      return failure(removed);
    }
    spans_.pop_back();
  }
  if (spans_.empty()) return {};
  Span& span = spans_.back();
  span.end = std::min(span.end, batch);
  auto writer =
      ledger::SegmentWriter::reopen(*place_.files, path(span.number), span.number, span.bytes);
  // One that cannot be continued is read all the same; the next append begins another.
  if (!writer && writer.error().kind != ErrorKind::corrupt) return failure(writer);
  if (writer) writer_.emplace(std::move(*writer));
  return {};
}

void SegmentSet::supersede(std::uint64_t batch) {
  // A torn tail of what was never promised is no damage.
  damaged_places_ -= std::exchange(tail_damage_, 0);
  reader_ = FrameWalk();
  ahead_.reset();
  writer_.reset();
  end_at(batch);
}

void SegmentSet::end_at(std::uint64_t batch) {
  while (!spans_.empty() && spans_.back().first >= batch) {
    superseded_.push_back(spans_.back().number);
    spans_.pop_back();
  }
  if (!spans_.empty()) spans_.back().end = std::min(spans_.back().end, batch);
}

Result<std::optional<SpoolEntry>> SegmentSet::find(std::uint64_t batch) {
  const auto span = std::find_if(spans_.begin(), spans_.end(),
                                 [&](const Span& s) { return s.first <= batch && batch < s.end; });
  if (span == spans_.end()) return std::optional<SpoolEntry>();
  if (reader_.number() != span->number || batch < reader_next_) {
    auto frames = walk(span->number, span->bytes);
    if (!frames) return failure(frames);
    reader_ = std::move(*frames);
    ahead_.reset();
  }
  reader_.grow(span->bytes);
  while (!ahead_ || ahead_->batch < batch) {
    auto step = reader_.next();
    if (!step) return failure(step);
    if (!*step) break;
    if (auto entry = decode((*step)->frame)) ahead_ = std::move(entry);
  }
  reader_next_ = batch + 1;
  std::optional<SpoolEntry> found;
  if (ahead_ && ahead_->batch == batch) found.swap(ahead_);
  return found;
}

Result<FrameWalk> SegmentSet::walk(std::uint64_t number, std::uint64_t size) const {
  auto file = place_.files->open_read(path(number));
  if (!file) return failure(file);
  return FrameWalk(std::move(*file), number, size);
}

Result<void> SegmentSet::drop_front() {
  if (spans_.empty()) return {};
  const std::uint64_t number = spans_.front().number;
  if (spans_.size() == 1) writer_.reset();
  if (reader_.number() == number) {
    reader_ = FrameWalk();
    ahead_.reset();
  }
  if (auto removed = place_.files->remove(path(number)); !removed) return failure(removed);
  spans_.pop_front();
  return {};
}

}  // namespace yunjian::agent
