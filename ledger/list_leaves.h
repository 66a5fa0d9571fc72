#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ledger/merkle.h"
#include "ledger/text_fields.h"

namespace yunjian::ledger {

// Leaves over a list: the leaf holds count and RFC 6962 root of the list's sorted lines, the lines
// themselves are a file, `lists/<root as hex>` in the data directory, each ended by \n; a list
// without lines is an empty file.
inline constexpr std::size_t list_bytes_max = 64U << 20;

// Root over the lines of such a file. Reject: the last line is not ended, a line is empty, or the
// lines are not sorted bytewise.
struct ListHead {
  std::uint64_t count = 0;
  Hash root{};
  bool operator==(const ListHead&) const = default;
};
Result<ListHead> list_head(std::string_view lines, Hasher& hasher);
std::string list_file_name(const Hash& root);  // 64 hex digits

// yunjian/roster/v1: what the collector has of each agent. Signed by the log's key.
struct Roster {
  Time time{};
  std::uint64_t size = 0;  // leaves the log had just before the lines were made
  bool all = true;         // every enrolled agent that is not retired; else those that changed
  ListHead list;
};
// `agent incarnation batch live|silent`: the newest incarnation, its last batch in the log ("-"
// before the first); silent: no batch came for 180 s.
struct RosterLine {
  std::string agent;
  std::uint64_t incarnation = 1;
  std::optional<std::uint64_t> batch;
  bool live = false;
};

std::string format_roster(const Roster& roster);
Result<Roster> parse_roster(std::string_view text);
void append_roster_line(std::string& lines, const RosterLine& line);
Result<RosterLine> parse_roster_line(std::string_view line);  // without the \n

// yunjian/purge/v1: bodies of a received day that retention lets go. Signed by the log's key,
// durable before the first of them goes; headers and tiles stay.
struct Purge {
  Time time{};
  std::uint64_t size = 0;
  std::string day;  // yyyy-mm-dd, UTC, of the commit
  ListHead list;
};
// `stream from to`: batches from..to, both inclusive; sorted bytewise as lines.
struct PurgeLine {
  std::string stream;
  std::uint64_t from = 0;
  std::uint64_t to = 0;
};

std::string format_purge(const Purge& purge);
Result<Purge> parse_purge(std::string_view text);
void append_purge_line(std::string& lines, const PurgeLine& line);
Result<PurgeLine> parse_purge_line(std::string_view line);

// The list of a roster or purge leaf (the whole note, its signature not looked at). Reject: another
// leaf.
Result<ListHead> list_of_leaf(std::string_view leaf);

}  // namespace yunjian::ledger
