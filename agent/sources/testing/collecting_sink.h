#pragma once

#include <stdlib.h>

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "agent/sources/source.h"
#include "ledger/record.h"

namespace yunjian::agent::testing {

// Keeps what a source hands over, up to a limit; refuses the rest as a full spool does.
class CollectingSink : public RecordSink {
 public:
  bool take(std::string_view line) override {
    if (lines.size() >= limit) return false;
    lines.emplace_back(line);
    return true;
  }

  // The values of one key over all records that have it.
  std::vector<std::string> values(std::string_view key) const {
    std::vector<std::string> found;
    for (const auto& line : lines) {
      bool canonical = false;
      const auto record = ledger::parse_record(line, &canonical);
      if (!record || !canonical) return {"NOT CANONICAL: " + line};
      if (const auto value = (*record)->find(key)) found.emplace_back(*value);
    }
    return found;
  }
  std::vector<std::string> messages() const { return values("message"); }

  std::vector<std::string> lines;
  std::size_t limit = static_cast<std::size_t>(-1);
};

// A directory that goes with the test.
class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string pattern = std::filesystem::temp_directory_path() / "yunjian-test-XXXXXX";
    path_ = mkdtemp(pattern.data());
  }
  ~TemporaryDirectory() { std::filesystem::remove_all(path_); }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

  std::string operator/(std::string_view name) const { return path_ + "/" + std::string(name); }

 private:
  std::string path_;
};

inline void append(const std::string& path, std::string_view text) {
  std::ofstream(path, std::ios::app | std::ios::binary) << text;
}

inline void overwrite(const std::string& path, std::string_view text) {
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  std::ofstream(path, std::ios::trunc | std::ios::binary) << text;
}

}  // namespace yunjian::agent::testing
