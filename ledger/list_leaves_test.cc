#include "ledger/list_leaves.h"

#include <doctest/doctest.h>

#include "ledger/note.h"

namespace yunjian::ledger {
namespace {

const std::string agent = "5f0c9a00112233445566778899aabbcc";
const Time time = parse_time("2026-11-22T08:00:00.000000Z").value();

TEST_CASE("a roster and a purge read back, and each wrong line is named") {
  const auto hasher = default_suite().hasher();
  const ListHead list = list_head("a\nb\n", *hasher).value();
  const std::string roster = format_roster({time, 17, false, list});
  const std::string purge = format_purge({time, 17, "2025-11-20", list});
  CHECK(format_roster(parse_roster(roster).value()) == roster);
  CHECK(format_purge(parse_purge(purge).value()) == purge);
  const auto problem = [](std::string text, std::string_view from, std::string_view to) {
    text.replace(text.find(from), from.size(), to);
    const auto changed = text.starts_with("yunjian/roster")
                             ? parse_roster(text).map([](const Roster&) {})
                             : parse_purge(text).map([](const Purge&) {});
    return changed ? std::string() : changed.error().message;
  };
  CHECK(problem(roster, "agents changed", "agents some").find("'agents'") != std::string::npos);
  CHECK(problem(roster, "size 17", "size 017").find("'size'") != std::string::npos);
  CHECK(problem(roster, "count 2", "count -2").find("'count'") != std::string::npos);
  CHECK(problem(purge, "2025-11-20", "2025-11-31").find("'day'") != std::string::npos);
  CHECK(problem(purge, "2025-11-20", "2025-1-020").find("'day'") != std::string::npos);
}

TEST_CASE("the root of a list changes with every line, and unsorted or cut lists have none") {
  const auto hasher = default_suite().hasher();
  const ListHead head = list_head("a\nb\n", *hasher).value();
  CHECK(head.count == 2);
  CHECK(list_head("a\n", *hasher).value() != head);
  CHECK(list_head("a\nc\n", *hasher).value() != head);
  CHECK(list_head("", *hasher).value().count == 0);
  for (const std::string_view bad : {"a", "a\nb", "b\na\n", "a\na\n", "\n", "a\n\n"}) {
    CHECK_FALSE(list_head(bad, *hasher));
  }
}

TEST_CASE("lines of rosters and purges read back; others are refused") {
  for (const RosterLine& line : {RosterLine{agent, 3, 12, true}, RosterLine{agent, 1, {}, false}}) {
    std::string text;
    append_roster_line(text, line);
    std::string again;
    append_roster_line(again, parse_roster_line({text.data(), text.size() - 1}).value());
    CHECK(again == text);
  }
  std::string text;
  append_purge_line(text, {agent + ".1", 0, 77});
  CHECK(parse_purge_line({text.data(), text.size() - 1}).value().to == 77);
  for (const std::string& bad :
       {std::string(), agent, agent + " 1 5", agent + " 0 5 live", agent + " 1 5 live ",
        agent + " 1 05 live", agent + "  1 5 live", agent + " 1 5 dead"}) {
    CHECK_FALSE(parse_roster_line(bad));
  }
  for (const std::string& bad : {std::string(), agent + ".1 5", agent + ".1 5 4", agent + " 1 2",
                                 agent + ".1 1 2 ", agent + ".0 1 2"}) {
    CHECK_FALSE(parse_purge_line(bad));
  }
}

TEST_CASE("the list of a leaf is found whatever kind of list it is") {
  const auto hasher = default_suite().hasher();
  const ListHead list = list_head("a\nb\n", *hasher).value();
  const SignatureLine line{"log.example", 7, std::string(64, 's')};
  CHECK(list_of_leaf(format_note(format_roster({time, 1, true, list}), {line})).value() == list);
  CHECK(list_of_leaf(format_note(format_purge({time, 1, "2025-11-20", list}), {line})).value() ==
        list);
  CHECK_FALSE(list_of_leaf(format_note("yunjian/fork/v1\n", {line})));
  CHECK(list_file_name(list.root).size() == 64);
}

}  // namespace
}  // namespace yunjian::ledger
