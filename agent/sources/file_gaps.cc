#include "agent/sources/file_gaps.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "agent/sources/gap_record.h"
#include "ledger/base/bytes.h"
#include "ledger/record.h"

namespace yunjian::agent {
namespace {

std::string printable(const std::string& path) {
  return ledger::is_valid_utf8(path) ? path : ledger::escape_bytes(path);
}

std::optional<std::uint64_t> beyond(std::uint64_t size, std::uint64_t offset) {
  return size > offset ? std::optional(size - offset) : std::nullopt;
}

}  // namespace

void write_gone(std::string& out, ledger::Time now, const FilePlace& place) {
  const std::string log = printable(place.path);
  write_gap(out, now,
            {.cause = "gone",
             .detail = "the file was removed, replaced or compressed while the agent did not run",
             .source = "file",
             .log = log,
             .bytes = beyond(place.size, place.offset),
             .offset = place.offset});
}

void write_emptied(std::string& out, ledger::Time now, const FilePlace& place,
                   std::optional<std::uint64_t> copy_size) {
  const std::string log = printable(place.path);
  const std::uint64_t covered = std::max(place.offset, copy_size.value_or(0));
  write_gap(
      out, now,
      {.cause = "truncated",
       .detail = copy_size ? "the file was emptied in place; its copy was read to the end, what "
                             "was written behind that is lost"
                           : "the file was emptied in place; what was not read by then is lost",
       .source = "file",
       .log = log,
       .bytes = beyond(place.size, covered),
       .offset = covered});
}

void write_cut(std::string& out, ledger::Time now, const FilePlace& place) {
  const std::string log = printable(place.path);
  write_gap(out, now,
            {.cause = "truncated",
             .detail = "a copy of the file was read to its end; what was written between copying "
                       "and emptying is lost",
             .source = "file",
             .log = log,
             .offset = place.offset});
}

void write_compressed(std::string& out, ledger::Time now, const FilePlace& place,
                      std::optional<std::uint64_t> bytes) {
  const std::string log = printable(place.path);
  write_gap(
      out, now,
      {.cause = "compressed-partly",
       .detail = bytes ? "the file was written to behind what was read, and compressed, while "
                         "the agent did not run: these lines are in the compressed copy only"
                       : "the file was compressed while the agent did not run; what may have "
                         "been written to it behind what was read is in the compressed copy "
                         "only",
       .source = "file",
       .log = log,
       .bytes = bytes,
       .offset = place.offset});
}

void write_unseen(std::string& out, ledger::Time now, const UnseenFiles& unseen) {
  const std::string log = printable(unseen.path);
  const std::string detail = fmt::format(
      "{} of its files came and were compressed before they could be read: their lines are in the "
      "compressed copies only",
      unseen.count);
  write_gap(out, now,
            {.cause = "compressed-unread",
             .detail = detail,
             .source = "file",
             .log = log,
             .offset = unseen.end});
}

void write_unreadable(std::string& out, ledger::Time now, const std::string& path, int error) {
  const std::string log = printable(path);
  const std::string detail =
      error != 0 ? fmt::format("cannot be opened: {}; tried again every 10 s", std::strerror(error))
                 : fmt::format("more than {} files: narrow the patterns", tailed_files_max);
  write_gap(out, now,
            {.cause = error != 0 ? "unreadable" : "too-many-files",
             .detail = detail,
             .source = "file",
             .log = log,
             .offset = 0});
}

}  // namespace yunjian::agent
