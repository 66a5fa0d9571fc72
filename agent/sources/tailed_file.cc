#include "agent/sources/tailed_file.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "agent/sources/file_copy.h"
#include "agent/sources/utf8_cut.h"
#include "ledger/base/bytes.h"
#include "ledger/record.h"

namespace yunjian::agent {
namespace {

// Up to this size a message fits into one record whatever its bytes are (6 encoded bytes for one).
constexpr std::size_t surely_fits_bytes = 8 * 1024;
// Of the keys besides `log` and `message`, with room to spare.
constexpr std::size_t fixed_overhead = 256;

std::uint64_t size_of(int descriptor) {
  struct stat status {};
  return fstat(descriptor, &status) == 0 ? static_cast<std::uint64_t>(status.st_size) : 0;
}

}  // namespace

TailedFile::TailedFile(int descriptor, FilePlace place)
    : descriptor_(descriptor), place_(std::move(place)) {
  set_log();
}

void TailedFile::set_log() {
  log_ = ledger::is_valid_utf8(place_.path) ? place_.path : ledger::escape_bytes(place_.path);
  std::string encoded;
  ledger::append_json_string(encoded, log_);
  overhead_ = fixed_overhead + encoded.size();
  head_ = {};
}

TailedFile::TailedFile(TailedFile&& other) noexcept : descriptor_(-1), overhead_(0) {
  *this = std::move(other);
}

TailedFile& TailedFile::operator=(TailedFile&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  std::swap(place_, other.place_);
  std::swap(log_, other.log_);
  std::swap(head_, other.head_);
  std::swap(head_time_, other.head_time_);
  std::swap(overhead_, other.overhead_);
  std::swap(beginning_, other.beginning_);
  std::swap(partial_size_, other.partial_size_);
  std::swap(partial_since_, other.partial_since_);
  std::swap(last_active_, other.last_active_);
  return *this;
}

TailedFile::~TailedFile() {
  if (descriptor_ >= 0) close(descriptor_);
}

void TailedFile::skip_to_end() {
  place_.offset = place_.size = size_of(descriptor_);
  if (read_beginning({})) extend_fingerprint();
}

void TailedFile::set_rotated() {
  place_.rotated = true;
  place_.size = size_of(descriptor_);
}

void TailedFile::set_copied(bool copied) {
  place_.copied = copied;
  place_.size = size_of(descriptor_);
}

bool TailedFile::has_grown() const { return size_of(descriptor_) != place_.size; }

void TailedFile::go_on_at(FilePlace place) {
  place_ = std::move(place);
  set_log();
  partial_size_ = 0;
}

bool TailedFile::has_news() const {
  return waits_for_line_end() || size_of(descriptor_) != place_.offset;
}

TailedFile::Outcome TailedFile::read_some(ReadContext& context) {
  if (last_active_ == ledger::Time{}) last_active_ = context.now;
  const std::uint64_t size = size_of(descriptor_);
  if (is_emptied(size)) return Outcome::emptied;
  place_.size = size;
  if (size == place_.offset) {
    partial_size_ = 0;
    return Outcome::drained;
  }
  const std::string_view bytes = read_at(context.buffer, place_.offset);
  if (bytes.empty()) return Outcome::drained;
  if (!read_beginning(bytes)) return Outcome::more;
  const Outcome outcome =
      context.format.joins() ? take_messages(context, bytes) : take_lines(context, bytes);
  extend_fingerprint();
  return outcome;
}

bool TailedFile::is_emptied() const { return is_emptied(size_of(descriptor_)); }

bool TailedFile::is_emptied(std::uint64_t size) const {
  return size < place_.offset || !begins_as(descriptor_, place_.fingerprint);
}

std::string_view TailedFile::read_at(std::span<char> into, std::uint64_t offset) const {
  ssize_t got = 0;
  do {
    got = pread(descriptor_, into.data(), into.size(), static_cast<off_t>(offset));
  } while (got < 0 && errno == EINTR);
  return {into.data(), got > 0 ? static_cast<std::size_t>(got) : 0};
}

TailedFile::Outcome TailedFile::take_lines(ReadContext& context, std::string_view bytes) {
  const bool filled = bytes.size() == context.buffer.size();
  std::string_view rest = bytes;
  while (const void* end = std::memchr(rest.data(), '\n', rest.size())) {
    const auto length = static_cast<std::size_t>(static_cast<const char*>(end) - rest.data());
    if (!take_line(context, rest.substr(0, length))) return Outcome::full;
    advance(length + 1, false);
    rest.remove_prefix(length + 1);
    if (rest.empty()) break;
  }
  if (rest.size() < bytes.size()) {
    last_active_ = context.now;
    partial_size_ = 0;
  }
  if (filled) return rest.size() == bytes.size() ? take_long_line(context) : Outcome::more;
  return rest.empty() ? Outcome::drained : take_unfinished(context, rest);
}

// As take_lines, for messages that go on until a line that begins the next one.
TailedFile::Outcome TailedFile::take_messages(ReadContext& context, std::string_view bytes) {
  const bool filled = bytes.size() == context.buffer.size();
  std::size_t begin = 0;  // of the message
  std::size_t at = 0;     // of the line
  for (std::size_t end = bytes.find('\n'); end != std::string_view::npos;
       end = bytes.find('\n', at)) {
    const std::string_view line = bytes.substr(at, end - at);
    const bool too_long = end + 1 - begin > joined_bytes_max;
    if (at == begin && place_.line_open) {
      // The rest of a line whose beginning was handed over.
      if (!take_line(context, line)) return Outcome::full;
      advance(line.size() + 1, false);
      begin = end + 1;
    } else if (at > begin && (too_long || context.format.starts(line))) {
      const bool goes_on = too_long && !context.format.starts(line);
      if (!take_message(context, bytes.substr(begin, at - begin), goes_on)) return Outcome::full;
      begin = at;
    }
    at = end + 1;
  }
  if (begin > 0) {
    last_active_ = context.now;
    partial_size_ = 0;
    if (filled) return Outcome::more;
  }
  const std::string_view lines = bytes.substr(begin, at - begin);
  if (filled && lines.empty()) return take_long_line(context);
  if (filled) return take_message(context, lines, true) ? Outcome::more : Outcome::full;
  return begin == bytes.size() ? Outcome::drained
                               : take_open_message(context, lines, bytes.substr(at));
}

// Nobody knows yet whether the message goes on.
TailedFile::Outcome TailedFile::take_open_message(ReadContext& context, std::string_view lines,
                                                  std::string_view rest) {
  if (lines.empty()) return take_unfinished(context, rest);
  if (!has_waited(context, place_.offset + lines.size() + rest.size())) return Outcome::drained;
  if (!take_message(context, lines, false)) return Outcome::full;
  partial_size_ = 0;
  return rest.empty() ? Outcome::drained : Outcome::more;
}

// `lines` end with LF, which is part of the message only where more of it follows.
bool TailedFile::take_message(ReadContext& context, std::string_view lines, bool goes_on) {
  if (goes_on) {
    if (!take_beginning(context, lines)) return false;
    place_.line_open = false;  // the next line is a whole one
    return true;
  }
  if (!take_line(context, lines.substr(0, lines.size() - 1))) return false;
  advance(lines.size(), false);
  return true;
}

// The line is longer than the buffer: looks for its end up to line_bytes_max.
TailedFile::Outcome TailedFile::take_long_line(ReadContext& context) {
  std::string line(line_bytes_max + 1, '\0');
  std::size_t filled = 0;
  while (filled < line.size()) {
    const auto got = read_at(std::span(line).subspan(filled), place_.offset + filled);
    if (got.empty()) break;
    filled += got.size();
  }
  const std::string_view bytes(line.data(), filled);
  const std::size_t end = bytes.find('\n');
  if (end != std::string_view::npos) {
    if (!take_line(context, bytes.substr(0, end))) return Outcome::full;
    advance(end + 1, false);
  } else if (filled <= line_bytes_max) {
    return take_unfinished(context, bytes);
  } else {
    const std::size_t stretch = context.format.is_gb18030()
                                    ? LineFormat::gb18030_prefix(bytes, line_bytes_max)
                                    : whole_characters(bytes.substr(0, line_bytes_max));
    return take_beginning(context, bytes.substr(0, stretch)) ? Outcome::more : Outcome::full;
  }
  last_active_ = context.now;
  partial_size_ = 0;
  return Outcome::more;
}

// The last line has no newline yet. Its writer may be in the middle of it, so it gets time; but
// evidence must not lie for ever where an intruder can still remove it.
TailedFile::Outcome TailedFile::take_unfinished(ReadContext& context, std::string_view bytes) {
  if (!has_waited(context, place_.offset + bytes.size())) return Outcome::drained;
  return take_beginning(context, bytes) ? Outcome::drained : Outcome::full;
}

// Whether the file has ended at `end` for line_timeout.
bool TailedFile::has_waited(const ReadContext& context, std::uint64_t end) {
  const bool clock_stepped_back = context.now < partial_since_;
  if (partial_size_ != end || clock_stepped_back) {
    partial_size_ = end;
    partial_since_ = context.now;
    last_active_ = context.now;
  }
  return context.now - partial_since_ >= context.line_timeout;
}

// All lines of one reading have the same time, and mostly many of them come.
const ledger::RecordHead& TailedFile::head_at(ledger::Time now) {
  if (head_.text.empty() || head_time_ != now) {
    std::string text;
    ledger::RecordWriter record(text, now, "event");
    head_ = record.text("source", "file").text("log", log_).head();
    head_time_ = now;
  }
  return head_;
}

bool TailedFile::take_line(ReadContext& context, std::string_view line) {
  // Only the newline of a line that was handed over before: nothing is left to tell.
  if (place_.line_open && line.empty()) return true;
  if (line.size() > surely_fits_bytes) return take_pieces(context, line);
  if (context.format.convert(line, converted_)) return take_converted(context, "", converted_);
  context.line.clear();
  ledger::RecordWriter record(context.line, head_at(context.now));
  record.message(line).finish();
  return context.sink.take(context.line);
}

// A message that was GB18030: the key says so, and encoding it again gives the bytes of the file.
bool TailedFile::take_converted(ReadContext& context, std::string_view part,
                                std::string_view utf8) {
  context.line.clear();
  ledger::RecordWriter record(context.line, head_at(context.now));
  if (!part.empty()) record.text("part", part);
  record.text("encoding", "gb18030").text("message", utf8).finish();
  return context.sink.take(context.line);
}

bool TailedFile::take_part(ReadContext& context, std::string_view part, std::string_view piece) {
  context.line.clear();
  ledger::RecordWriter record(context.line, head_at(context.now));
  if (!part.empty()) record.text("part", part);
  record.message(piece).finish();
  return context.sink.take(context.line);
}

// The cut depends on nothing but the line, so that parts go on after a restart where they ended.
bool TailedFile::take_pieces(ReadContext& context, std::string_view line) {
  const bool converted = context.format.convert(line, converted_);
  const auto take = [&](std::string_view part, std::string_view piece) {
    return converted ? take_converted(context, part, piece) : take_part(context, part, piece);
  };
  const auto pieces = ledger::split_message(converted ? converted_ : line, overhead_);
  if (pieces.size() == 1) return take("", pieces[0]);
  for (std::size_t i = place_.parts; i < pieces.size(); ++i) {
    const std::string part = fmt::format("{}/{}", i + 1, pieces.size());
    if (!take(part, pieces[i])) return false;
    place_.parts = static_cast<std::uint32_t>(i + 1);
  }
  return true;
}

// A beginning whose end is not known yet: each piece says so and counts as handed over at once.
bool TailedFile::take_beginning(ReadContext& context, std::string_view bytes) {
  const auto take = [&](std::string_view piece) {
    const bool taken = context.format.convert(piece, converted_)
                           ? take_converted(context, "+", converted_)
                           : take_part(context, "+", piece);
    if (taken) advance(piece.size(), !piece.ends_with('\n'));
    return taken;
  };
  if (context.format.is_gb18030()) {
    while (!bytes.empty()) {
      const std::size_t size = LineFormat::gb18030_prefix(bytes, surely_fits_bytes);
      if (!take(bytes.substr(0, size))) return false;
      bytes.remove_prefix(size);
    }
  } else {
    for (const auto piece : ledger::split_message(bytes, overhead_)) {
      if (!take(piece)) return false;
    }
  }
  last_active_ = context.now;
  partial_size_ = 0;
  return true;
}

void TailedFile::advance(std::uint64_t bytes, bool line_open) {
  place_.offset += bytes;
  place_.parts = 0;
  place_.line_open = line_open;
}

// Keeps what the fingerprint will be made of, before `bytes`, which stand at the place, are handed
// over: by then the file may have been emptied, and only the fingerprint finds its copy. False: it
// was emptied between two reads.
bool TailedFile::read_beginning(std::string_view bytes) {
  beginning_.clear();
  if (place_.fingerprint.length >= fingerprint_bytes_max) return true;
  if (place_.offset == 0) {
    beginning_ = bytes.substr(0, fingerprint_bytes_max);
    return true;  // nothing was handed over that another beginning could contradict
  }
  std::array<char, fingerprint_bytes_max> prefix;
  beginning_ = read_at(prefix, 0);
  if (beginning_.size() < std::min<std::uint64_t>(place_.offset, prefix.size())) return false;
  const std::string_view text = beginning_;
  const Fingerprint& known = place_.fingerprint;
  if (known.length > 0 && fingerprint_of(text.substr(0, known.length)) != known) return false;
  const auto behind = std::min<std::uint64_t>(place_.offset, text.size());
  return bytes.starts_with(text.substr(behind, bytes.size()));
}

// Takes only bytes that were handed over: those a writer still may not change.
void TailedFile::extend_fingerprint() {
  const auto length = std::min<std::uint64_t>(place_.offset, beginning_.size());
  if (length > place_.fingerprint.length)
    place_.fingerprint = fingerprint_of(std::string_view(beginning_).substr(0, length));
}

}  // namespace yunjian::agent
