#include "ledger/list_leaves.h"

#include <algorithm>

#include "ledger/batch.h"
#include "ledger/note.h"

namespace yunjian::ledger {
namespace {

constexpr std::string_view roster_form = "yunjian/roster/v1";
constexpr std::string_view purge_form = "yunjian/purge/v1";

void append_list(std::string& out, const ListHead& list) {
  append_field(out, "count", list.count);
  append_field(out, "root", list.root);
}

ListHead take_list(FieldReader& reader) {
  ListHead list;
  list.count = reader.take_number("count");
  list.root = reader.take_hash("root");
  return list;
}

bool is_day(std::string_view day) {
  return day.size() == 10 && day.find_first_not_of("0123456789-") == std::string_view::npos &&
         parse_rfc3339(day).has_value();
}

Failure bad_line(std::string_view form) {
  return fail(ErrorKind::reject, "not a line of the form '" + std::string(form) + "'");
}

// Takes the word before the next space; the rest stays in `line`.
std::string_view take_word(std::string_view& line) {
  const std::size_t space = line.find(' ');
  const std::string_view word = line.substr(0, space);
  line.remove_prefix(space == std::string_view::npos ? line.size() : space + 1);
  return word;
}

}  // namespace

Result<ListHead> list_head(std::string_view lines, Hasher& hasher) {
  if (lines.size() > list_bytes_max) return fail(ErrorKind::reject, "the list is over 64 MiB");
  MerkleFrontier tree(hasher);
  std::string_view before;
  while (!lines.empty()) {
    const std::size_t end = lines.find('\n');
    if (end == std::string_view::npos) return fail(ErrorKind::reject, "the list is cut off");
    const std::string_view line = lines.substr(0, end);
    if (line.empty() || line <= before) {
      return fail(ErrorKind::reject,
                  "line " + std::to_string(tree.size()) + " of the list is empty or out of order");
    }
    tree.add_leaf(line);
    before = line;
    lines.remove_prefix(end + 1);
  }
  return ListHead{tree.size(), tree.root()};
}

std::string list_file_name(const Hash& root) { return to_hex(as_view(root)); }

std::string format_roster(const Roster& roster) {
  std::string out(roster_form);
  out += '\n';
  append_field(out, "time", roster.time);
  append_field(out, "size", roster.size);
  append_field(out, "agents", roster.all ? "all" : "changed");
  append_list(out, roster.list);
  return out;
}

Result<Roster> parse_roster(std::string_view text) {
  FieldReader reader(text, roster_form);
  Roster roster;
  roster.time = reader.take_time("time");
  roster.size = reader.take_number("size");
  const std::string agents = reader.take(
      "agents", [](std::string_view value) { return value == "all" || value == "changed"; });
  roster.all = agents == "all";
  roster.list = take_list(reader);
  if (auto done = reader.finish(); !done) return failure(done);
  return roster;
}

void append_roster_line(std::string& lines, const RosterLine& line) {
  lines += line.agent + ' ' + std::to_string(line.incarnation) + ' ' +
           (line.batch ? std::to_string(*line.batch) : "-") + (line.live ? " live\n" : " silent\n");
}

Result<RosterLine> parse_roster_line(std::string_view line) {
  constexpr std::string_view form = "agent incarnation batch live|silent";
  RosterLine out;
  out.agent = take_word(line);
  auto incarnation = parse_decimal(take_word(line));
  const std::string_view batch = take_word(line);
  if (!is_agent_id(out.agent) || !incarnation || *incarnation == 0) return bad_line(form);
  out.incarnation = *incarnation;
  if (batch != "-") {
    auto number = parse_decimal(batch);
    if (!number) return bad_line(form);
    out.batch = *number;
  }
  if (line != "live" && line != "silent") return bad_line(form);
  out.live = line == "live";
  return out;
}

std::string format_purge(const Purge& purge) {
  std::string out(purge_form);
  out += '\n';
  append_field(out, "time", purge.time);
  append_field(out, "size", purge.size);
  append_field(out, "day", purge.day);
  append_list(out, purge.list);
  return out;
}

Result<Purge> parse_purge(std::string_view text) {
  FieldReader reader(text, purge_form);
  Purge purge;
  purge.time = reader.take_time("time");
  purge.size = reader.take_number("size");
  purge.day = reader.take("day", is_day);
  purge.list = take_list(reader);
  if (auto done = reader.finish(); !done) return failure(done);
  return purge;
}

void append_purge_line(std::string& lines, const PurgeLine& line) {
  lines += line.stream + ' ' + std::to_string(line.from) + ' ' + std::to_string(line.to) + '\n';
}

Result<PurgeLine> parse_purge_line(std::string_view line) {
  constexpr std::string_view form = "stream from to";
  PurgeLine out;
  out.stream = take_word(line);
  auto from = parse_decimal(take_word(line));
  auto to = parse_decimal(line);
  if (!parse_stream_id(out.stream) || !from || !to || *to < *from) return bad_line(form);
  out.from = *from;
  out.to = *to;
  return out;
}

Result<ListHead> list_of_leaf(std::string_view leaf) {
  auto note = parse_note(leaf);
  if (!note) return failure(note);
  if (auto roster = parse_roster(note->text)) return roster->list;
  auto purge = parse_purge(note->text);
  if (!purge) return fail(ErrorKind::reject, "the leaf is neither a roster nor a purge");
  return purge->list;
}

}  // namespace yunjian::ledger
