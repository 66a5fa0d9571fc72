#pragma once

#include "ledger/base/file_system.h"

namespace yunjian::ledger {

// The real file system; stateless, any thread. Files are opened with O_CLOEXEC and O_NOFOLLOW is
// not used: directories given by the operator may be links.
class PosixFileSystem : public FileSystem {
 public:
  Result<std::unique_ptr<File>> open_append(const std::string& path, unsigned mode) override;
  Result<std::unique_ptr<File>> open_read(const std::string& path) override;
  Result<std::string> read_file(const std::string& path) override;
  Result<bool> exists(const std::string& path) override;
  Result<std::vector<std::string>> list(const std::string& directory) override;
  Result<void> make_directory(const std::string& path, unsigned mode) override;
  Result<void> rename(const std::string& from, const std::string& to) override;
  Result<void> remove(const std::string& path) override;
  Result<void> sync_directory(const std::string& path) override;
  Result<std::unique_ptr<File>> lock(const std::string& path) override;
};

}  // namespace yunjian::ledger
