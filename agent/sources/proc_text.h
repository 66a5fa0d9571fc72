#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace yunjian::agent {

// What the files under /proc and /sys are made of. Each takes its piece off the front of `rest`.
std::string_view next_line(std::string_view& rest);
std::string_view next_word(std::string_view& rest);  // skips blanks and tabs in front
std::uint64_t next_number(std::string_view& rest);   // 0 when there is none

// A file of /proc or /sys that is read again and again through one descriptor, without allocating.
// One thread.
class ProcFile {
 public:
  explicit ProcFile(std::string path) : path_(std::move(path)) {}
  ~ProcFile();
  ProcFile(const ProcFile&) = delete;
  ProcFile& operator=(const ProcFile&) = delete;

  // The whole content now, valid until `scratch` is used again; nothing when there is no such file.
  std::optional<std::string_view> read(std::string& scratch);
  int descriptor() const { return descriptor_; }  // -1 when it is not open

 private:
  std::string path_;
  int descriptor_ = -1;
};

}  // namespace yunjian::agent
