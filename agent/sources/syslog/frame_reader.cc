#include "agent/sources/syslog/frame_reader.h"

#include <algorithm>
#include <charconv>

#include "agent/sources/utf8_cut.h"
#include "ledger/base/bytes.h"

namespace yunjian::agent {
namespace {

using ledger::is_digit;

constexpr std::size_t count_digits_max = 7;  // 9 999 999 bytes; more is no count

}  // namespace

void FrameReader::add(std::string_view bytes) {
  if (taken_ > 0) {
    buffer_.erase(0, taken_);
    taken_ = 0;
  }
  buffer_ += bytes;
}

std::optional<FrameReader::Frame> FrameReader::next() {
  if (held() == 0) return {};
  if (framing_ == Framing::unknown) {
    const char first = buffer_[taken_];
    framing_ = is_digit(first) && first != '0' ? Framing::counted : Framing::lines;
  }
  if (framing_ == Framing::counted) {
    if (left_ > 0 || read_count()) return next_counted();
    if (framing_ == Framing::counted) return {};
  }
  return next_line();
}

// False: the count is not there whole yet, or there is none and the rest are lines.
bool FrameReader::read_count() {
  const char* begin = buffer_.data() + taken_;
  const std::string_view head(begin, std::min(held(), count_digits_max + 1));
  const auto digits = std::find_if_not(head.begin(), head.end(), is_digit);
  if (digits == head.end() && head.size() <= count_digits_max) return false;
  std::uint64_t count = 0;
  if (digits != head.end() && *digits == ' ') {
    std::from_chars(begin, begin + (digits - head.begin()), count);
  }
  if (count == 0 || head.front() == '0') {
    framing_ = Framing::lines;
    return false;
  }
  taken_ += static_cast<std::size_t>(digits - head.begin()) + 1;
  left_ = count;
  return true;
}

std::optional<FrameReader::Frame> FrameReader::next_counted() {
  if (held() >= left_ && left_ <= syslog_stretch_bytes) {
    const auto bytes = static_cast<std::size_t>(left_);
    left_ = 0;
    return take(bytes, 0, false);
  }
  if (left_ <= syslog_stretch_bytes || held() < syslog_stretch_bytes) return {};
  const std::size_t bytes = whole_characters({buffer_.data() + taken_, syslog_stretch_bytes});
  left_ -= bytes;
  return take(bytes, 0, true);
}

std::optional<FrameReader::Frame> FrameReader::next_line() {
  while (held() > 0) {
    const std::string_view bytes(buffer_.data() + taken_, held());
    const std::size_t end = zero_ends_ ? bytes.find_first_of(std::string_view("\n\0", 2), scanned_)
                                       : bytes.find('\n', scanned_);
    if (std::min(end, bytes.size()) > syslog_stretch_bytes) {
      return take(whole_characters(bytes.substr(0, syslog_stretch_bytes)), 0, true);
    }
    if (end == std::string_view::npos) {
      scanned_ = bytes.size();
      return {};
    }
    // An empty line says nothing, unless it ends a message that was open.
    if (end > 0 || open_) return take(end, 1, false);
    ++taken_;
    scanned_ = 0;
  }
  return {};
}

std::optional<FrameReader::Frame> FrameReader::rest() {
  if (held() == 0) return {};
  return take(held(), 0, false);
}

FrameReader::Frame FrameReader::take(std::size_t bytes, std::size_t separator, bool open) {
  const Frame frame{.bytes = {buffer_.data() + taken_, bytes}, .open = open};
  taken_ += bytes + separator;
  scanned_ = 0;
  open_ = open;
  return frame;
}

}  // namespace yunjian::agent
