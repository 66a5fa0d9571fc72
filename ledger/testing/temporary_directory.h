#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>
#include <system_error>

#include "ledger/base/result.h"

namespace yunjian::ledger::testing {

// A directory of the real file system that goes with everything in it when the object goes.
class TemporaryDirectory {
 public:
  TemporaryDirectory() : path_(std::filesystem::temp_directory_path() / "yunjian-test-XXXXXX") {
    require(::mkdtemp(path_.data()) != nullptr, "a temporary directory can be made");
  }
  ~TemporaryDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace yunjian::ledger::testing
