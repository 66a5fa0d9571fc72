#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "agent/sources/file_place.h"
#include "ledger/base/clock.h"

namespace yunjian::agent {

// The gap records of a file source, each into `out`. README.md says when.

// The file of a place is not there any more.
void write_gone(std::string& out, ledger::Time now, const FilePlace& place);
// Emptied in place; `copy_size`: of the copy that is read instead, when there is one.
void write_emptied(std::string& out, ledger::Time now, const FilePlace& place,
                   std::optional<std::uint64_t> copy_size);
// A copy was read to its end; its original was emptied some time after it was made.
void write_cut(std::string& out, ledger::Time now, const FilePlace& place);
// Compressed after it was read to its end, whoever went on writing to it; `bytes` when known.
void write_compressed(std::string& out, ledger::Time now, const FilePlace& place,
                      std::optional<std::uint64_t> bytes);
// `count` files of `path` came and went behind one that ended at `end`.
struct UnseenFiles {
  const std::string& path;
  std::uint64_t count;
  std::uint64_t end;
};
void write_unseen(std::string& out, ledger::Time now, const UnseenFiles& unseen);
// The file cannot be followed: an errno, or 0 for too many files.
void write_unreadable(std::string& out, ledger::Time now, const std::string& path, int error);

}  // namespace yunjian::agent
