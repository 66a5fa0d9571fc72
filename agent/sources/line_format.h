#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "ledger/base/result.h"

namespace re2 {
class RE2;
}

namespace yunjian::agent {

// How the lines of a group of files are to be understood: which of them begin a message of several
// lines, and in which encoding they are. One thread.
class LineFormat {
 public:
  LineFormat();  // every line is a message, in UTF-8
  LineFormat(LineFormat&&) noexcept;
  LineFormat& operator=(LineFormat&&) noexcept;
  ~LineFormat();

  // `start`: RE2 that a message's first line matches somewhere (begin it with ^); empty: every line
  // is a message. `encoding`: "utf-8" or "gb18030". Reject: not such a pattern or encoding.
  static ledger::Result<LineFormat> make(const std::string& start, const std::string& encoding);

  bool joins() const { return start_ != nullptr; }
  bool starts(std::string_view line) const;

  // True when the bytes are GB18030 beyond ASCII and `utf8`, which then holds them as UTF-8, gives
  // exactly them back. Always false when the format is UTF-8, and on a host whose C library does
  // not know GB18030 (can_convert).
  bool convert(std::string_view bytes, std::string& utf8) const;
  bool is_gb18030() const { return gb18030_; }
  bool can_convert() const;

  // Length of the longest prefix of whole characters in at most `limit` bytes of GB18030, or of
  // all of them when there is none.
  static std::size_t gb18030_prefix(std::string_view bytes, std::size_t limit);

 private:
  struct Converters;
  std::unique_ptr<re2::RE2> start_;
  bool gb18030_ = false;
  std::unique_ptr<Converters> converters_;
};

}  // namespace yunjian::agent
