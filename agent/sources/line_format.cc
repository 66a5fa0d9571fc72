#include "agent/sources/line_format.h"

#include <fmt/format.h>
#include <iconv.h>
#include <re2/re2.h>

#include <algorithm>
#include <utility>

namespace yunjian::agent {
namespace {

constexpr std::size_t start_pattern_bytes_max = 1024;
constexpr std::int64_t start_pattern_memory = 1 << 20;

// One direction of iconv(3).
class Converter {
 public:
  Converter(const char* to, const char* from) : handle_(iconv_open(to, from)) {}
  ~Converter() {
    if (good()) iconv_close(handle_);
  }
  Converter(const Converter&) = delete;
  Converter& operator=(const Converter&) = delete;

  bool good() const { return handle_ != reinterpret_cast<iconv_t>(-1); }

  // Replaces `out`; false when some byte could not be converted exactly.
  bool run(std::string_view in, std::string& out) {
    if (!good()) return false;
    iconv(handle_, nullptr, nullptr, nullptr, nullptr);
    out.resize(in.size() * 4);
    char* from = const_cast<char*>(in.data());  // iconv only reads it
    std::size_t from_left = in.size();
    char* to = out.data();
    std::size_t to_left = out.size();
    const bool exact = iconv(handle_, &from, &from_left, &to, &to_left) == 0 && from_left == 0;
    out.resize(out.size() - to_left);
    return exact;
  }

 private:
  iconv_t handle_;
};

bool is_ascii(std::string_view bytes) {
  return std::all_of(bytes.begin(), bytes.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

// Bytes of the character that begins here; 1 for what is none.
std::size_t gb18030_length(std::string_view bytes) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(bytes[i]); };
  if (byte(0) < 0x81 || byte(0) == 0xFF || bytes.size() < 2) return 1;
  return byte(1) >= 0x30 && byte(1) <= 0x39 ? 4 : byte(1) >= 0x40 ? 2 : 1;
}

}  // namespace

struct LineFormat::Converters {
  Converter to_utf8{"UTF-8", "GB18030"};
  Converter back{"GB18030", "UTF-8"};
  std::string again;
};

LineFormat::LineFormat() = default;
LineFormat::LineFormat(LineFormat&&) noexcept = default;
LineFormat& LineFormat::operator=(LineFormat&&) noexcept = default;
LineFormat::~LineFormat() = default;

ledger::Result<LineFormat> LineFormat::make(const std::string& start, const std::string& encoding) {
  using ledger::ErrorKind;
  LineFormat format;
  if (encoding != "utf-8" && encoding != "gb18030")
    return ledger::fail(ErrorKind::reject, "must be \"utf-8\" or \"gb18030\"");
  if (start.size() > start_pattern_bytes_max)
    return ledger::fail(ErrorKind::reject,
                        fmt::format("must be at most {} bytes", start_pattern_bytes_max));
  if (!start.empty()) {
    re2::RE2::Options options;
    options.set_log_errors(false);
    options.set_max_mem(start_pattern_memory);
    // The bytes of a log need not be UTF-8; in an ASCII pattern that makes no difference.
    if (encoding == "gb18030") options.set_encoding(re2::RE2::Options::EncodingLatin1);
    format.start_ = std::make_unique<re2::RE2>(start, options);
    if (!format.start_->ok())
      return ledger::fail(ErrorKind::reject,
                          "is no regular expression of RE2: " + format.start_->error());
  }
  format.gb18030_ = encoding == "gb18030";
  if (format.gb18030_) format.converters_ = std::make_unique<Converters>();
  return format;
}

bool LineFormat::starts(std::string_view line) const {
  return re2::RE2::PartialMatch(re2::StringPiece(line.data(), line.size()), *start_);
}

bool LineFormat::can_convert() const {
  return converters_ && converters_->to_utf8.good() && converters_->back.good();
}

bool LineFormat::convert(std::string_view bytes, std::string& utf8) const {
  if (!gb18030_ || is_ascii(bytes)) return false;
  return converters_->to_utf8.run(bytes, utf8) && converters_->back.run(utf8, converters_->again) &&
         converters_->again == bytes;
}

std::size_t LineFormat::gb18030_prefix(std::string_view bytes, std::size_t limit) {
  std::size_t at = 0;
  while (at < bytes.size()) {
    const auto byte = static_cast<unsigned char>(bytes[at]);
    const bool cut_off = byte >= 0x81 && byte != 0xFF && at + 1 == bytes.size();
    const std::size_t length = cut_off ? 2 : gb18030_length(bytes.substr(at));
    if (at + length > std::min(limit, bytes.size())) break;
    at += length;
  }
  return at == 0 ? std::min(limit, bytes.size()) : at;
}

}  // namespace yunjian::agent
