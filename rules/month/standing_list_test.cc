#include "rules/month/standing_list.h"

#include <doctest/doctest.h>

#include "rules/month/testing/sample_table.h"

namespace yunjian::rules {
namespace {

UtilizationTable with_history() {
  UtilizationTable table = testing::sample_table();
  for (UtilizationRow& row : table.rows) {
    if (!row.standing) continue;
    row.history = {{.month = table.month - std::chrono::months(2), .verdict = Verdict::low},
                   {.month = table.month - std::chrono::months(1),
                    .verdict = Verdict::low,
                    .clears = {Verdict::high, Verdict::severe},
                    .exempt = Exempt{.kind = ExemptionKind::key_event}}};
  }
  return table;
}

TEST_CASE("each host has one line, by host, and its history comes back from it") {
  const UtilizationTable table = with_history();
  const std::string text = format_standings(table);
  std::size_t lines = 0;
  for (const char c : text) lines += c == '\n' ? 1 : 0;
  CHECK(lines == table.hosts);
  const auto history = StandingHistory::parse(text);
  REQUIRE_MESSAGE(history, history.error().message);
  const HistorySource source = history->source();
  for (const UtilizationRow& row : table.rows) {
    if (!row.standing || !row.vcpus) continue;
    const auto months = source(row.host.id, size_key(*row.vcpus, *row.memory_bytes));
    REQUIRE(months.size() == 2);
    CHECK(months[1].month == table.month - std::chrono::months(1));
    CHECK(months[1].verdict == Verdict::low);
    CHECK(months[1].clears == std::vector{Verdict::high, Verdict::severe});
    CHECK(months[1].exempt->kind == ExemptionKind::key_event);
    CHECK(source(row.host.id, "1x1").empty());
  }
}

TEST_CASE("a line that is not of this form is refused") {
  const auto refused = [](std::string_view line) { return !StandingHistory::parse(line); };
  CHECK_FALSE(refused("h 4x8 low/-/- - - 1 1 - -\n"));
  CHECK_FALSE(refused("h 4x8 low/-/- low 2026-08 3 3 held 2026-08/low/high,severe/key_event\n"));
  CHECK(refused("h 4x8 low/-/- - - 1 1 -\n"));
  CHECK(refused("h 4x8 low/-/- - - 1 1 - 2026-08/low/-\n"));
  CHECK(refused("h 4x8 low/-/- - - 1 1 - 2026-08/dull/-/-\n"));
  CHECK(refused("h 4x8 low/-/- - - 1 1 - 2026-08/low/dull/-\n"));
  CHECK(refused("h 4x8 low/-/- - - 1 1 - 2026-08/low/-/dull\n"));
  CHECK(refused("h 4x8 low/-/- - - 1 1 - 2026-08/low/-/-;2026-08/low/-/-\n"));
}

TEST_CASE("differences are told by host, also of lines that only one has") {
  const auto found = standing_differences("a x\nb x\nc x\n", "b x\nc y\nd x\n");
  REQUIRE(found.size() == 3);
  CHECK(found[0].host == "a");
  CHECK(found[0].wanted.empty());
  CHECK(found[1].told == "c x");
  CHECK(found[1].wanted == "c y");
  CHECK(found[2].told.empty());
}

}  // namespace
}  // namespace yunjian::rules
