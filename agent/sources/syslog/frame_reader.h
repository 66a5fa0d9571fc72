#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace yunjian::agent {

// A longer message is handed over in stretches of this size; one of plain text fits a record.
inline constexpr std::size_t syslog_stretch_bytes = 60 * 1024;

// Cuts the bytes of one connection into messages. Which framing it is, its first byte says
// (RFC 6587): a digit is the octet count, anything else begins a line. A count that is none makes
// the rest of the connection lines: no byte is thrown away. Passive; one thread.
class FrameReader {
 public:
  // `zero_ends`: a NUL ends a line too, as C libraries write to a stream socket.
  explicit FrameReader(bool zero_ends) : zero_ends_(zero_ends) {}

  struct Frame {
    std::string_view bytes;  // valid until the next call
    bool open = false;       // the message goes on in the next frame
  };

  void add(std::string_view bytes);
  std::optional<Frame> next();
  // Behind the last byte: what is left, once. `missing()` is then known.
  std::optional<Frame> rest();

  bool empty() const { return taken_ == buffer_.size() && left_ == 0; }
  std::size_t held() const { return buffer_.size() - taken_; }
  // Bytes that an octet count promised and that have not come.
  std::uint64_t missing() const { return left_ > held() ? left_ - held() : 0; }

 private:
  enum class Framing { unknown, counted, lines };

  std::optional<Frame> next_counted();
  std::optional<Frame> next_line();
  bool read_count();
  Frame take(std::size_t bytes, std::size_t separator, bool open);

  bool zero_ends_;
  Framing framing_ = Framing::unknown;
  std::string buffer_;
  std::size_t taken_ = 0;    // of buffer_
  std::size_t scanned_ = 0;  // behind taken_: holds no end of a line
  std::uint64_t left_ = 0;   // of a counted message
  bool open_ = false;        // the frame before was open
};

}  // namespace yunjian::agent
