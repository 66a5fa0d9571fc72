#include "agent/sources/silent_file_system.h"

#include <linux/magic.h>
#include <sys/statfs.h>

#include <algorithm>
#include <array>

namespace yunjian::agent {

bool is_silent_type(std::uint32_t type) {
  constexpr std::array<std::uint32_t, 7> types = {NFS_SUPER_MAGIC, SMB_SUPER_MAGIC,  0xFE534D42U,
                                                  0xFF534D42U,     FUSE_SUPER_MAGIC, 0x00C36400U,
                                                  V9FS_MAGIC};
  return std::find(types.begin(), types.end(), type) != types.end();
}

bool is_silent_file(int descriptor) {
  struct statfs status {};
  return fstatfs(descriptor, &status) != 0 ||
         is_silent_type(static_cast<std::uint32_t>(status.f_type));
}

bool is_silent_directory(const std::string& path) {
  struct statfs status {};
  return statfs(path.c_str(), &status) != 0 ||
         is_silent_type(static_cast<std::uint32_t>(status.f_type));
}

}  // namespace yunjian::agent
