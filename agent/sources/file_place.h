#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ledger/base/result.h"

namespace yunjian::agent {

inline constexpr std::size_t fingerprint_bytes_max = 1024;
inline constexpr std::size_t tailed_files_max = 4096;  // of one source

// Hash of the first `length` bytes of a file, all of them already read: tells a file from another
// one that got its inode, and from itself after a truncation. Length 0 says nothing.
struct Fingerprint {
  std::uint32_t length = 0;
  std::uint64_t hash = 0;
  bool operator==(const Fingerprint&) const = default;
};

// `prefix` holds at most fingerprint_bytes_max bytes.
Fingerprint fingerprint_of(std::string_view prefix);

// What is known of the compressed rotations of a path: see CompressedRotations.
struct CompressedMark {
  std::int64_t newest_ns = 0;
  std::int64_t expected = 0;
  bool operator==(const CompressedMark&) const = default;
};

// How far one file has been handed over: what survives a restart of the agent.
struct FilePlace {
  std::string path;  // under which the file was first seen; its records carry it as `log`
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::int64_t born_ns = 0;  // creation, where the file system keeps it: else 0
  Fingerprint fingerprint;
  std::uint64_t offset = 0;  // first byte of the first line that is not handed over whole
  std::uint64_t size = 0;    // of the file when it was last looked at
  std::uint32_t parts = 0;   // parts of the line at `offset` that are handed over
  bool line_open = false;    // `offset` is inside a line whose beginning was handed over
  bool rotated = false;      // the path belongs to another file by now, or to none
  bool copied = false;       // holds what is read from another file: not read itself
  bool cut = false;  // copied before its original was emptied: the loss behind it is not told yet
  std::optional<CompressedMark> compressed;  // of the path, when the place was restored

  // No file: only what is known of the path's compressed rotations. Written as a copy that is read
  // already, which older readers pass over.
  bool is_mark() const { return inode == 0 && copied; }
};

// "files/v1" and per file ";device inode offset size parts flags length hash path", the path with
// bytes other than printable ASCII (and '%', ';', ' ') as %HH: one line of printable ASCII. Flags:
// '-', then 'c', 'o', 'r', 't' (cut) as they hold, then what older readers pass over: 'b' and
// born_ns; 'n' and newest_ns, 'e' and expected of the compressed rotations.
std::string format_places(const std::vector<FilePlace>& places);
void append_place(std::string& out, const FilePlace& place,
                  const std::optional<CompressedMark>& compressed);
ledger::Result<std::vector<FilePlace>> parse_places(std::string_view text);

}  // namespace yunjian::agent
