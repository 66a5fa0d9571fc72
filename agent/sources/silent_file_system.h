#pragma once

#include <cstdint>
#include <string>

namespace yunjian::agent {

// File systems whose changes by other hosts inotify does not see (NFS, SMB, FUSE, Ceph, 9P): what
// lies there is looked at in intervals. `type` as statfs(2) has it.
bool is_silent_type(std::uint32_t type);

// Of an open file, of a directory; true also when nobody can tell.
bool is_silent_file(int descriptor);
bool is_silent_directory(const std::string& path);

}  // namespace yunjian::agent
