#include "agent/sources/proc_text.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>

namespace yunjian::agent {
namespace {

constexpr std::size_t first_size = 16 * 1024;
constexpr std::size_t size_max = 4 * 1024 * 1024;

}  // namespace

std::string_view next_line(std::string_view& rest) {
  const auto end = rest.find('\n');
  const std::string_view line = rest.substr(0, end);
  rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  return line;
}

std::string_view next_word(std::string_view& rest) {
  rest.remove_prefix(std::min(rest.find_first_not_of(" \t"), rest.size()));
  const std::string_view word = rest.substr(0, rest.find_first_of(" \t\n"));
  rest.remove_prefix(word.size());
  return word;
}

std::uint64_t next_number(std::string_view& rest) {
  const std::string_view word = next_word(rest);
  std::uint64_t value = 0;
  std::from_chars(word.data(), word.data() + word.size(), value);
  return value;
}

ProcFile::~ProcFile() {
  if (descriptor_ >= 0) close(descriptor_);
}

std::optional<std::string_view> ProcFile::read(std::string& scratch) {
  if (descriptor_ < 0) descriptor_ = open(path_.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor_ < 0) return std::nullopt;
  if (scratch.size() < first_size) scratch.resize(first_size);
  std::size_t filled = 0;
  while (true) {
    if (filled == scratch.size()) {
      if (filled >= size_max) break;
      scratch.resize(filled * 2);
    }
    const ssize_t got = pread(descriptor_, scratch.data() + filled, scratch.size() - filled,
                              static_cast<off_t>(filled));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      // The thing behind it went away and may come back under the same name.
      close(descriptor_);
      descriptor_ = -1;
      return std::nullopt;
    }
    if (got == 0) break;
    filled += static_cast<std::size_t>(got);
  }
  return std::string_view(scratch.data(), filled);
}

}  // namespace yunjian::agent
