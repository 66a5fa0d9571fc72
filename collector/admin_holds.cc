#include <fmt/format.h>

#include <algorithm>

#include "collector/admin.h"
#include "collector/config.h"
#include "collector/tokens.h"
#include "ledger/base/bytes.h"

// `hold set`, `hold list`, `hold lift`.

namespace yunjian::collector {

using ledger::ErrorKind;
using ledger::Result;

namespace {

constexpr std::size_t hold_id_bytes = 6;

Result<std::uint64_t> day_field(const AdminRequest& request, const std::string& name,
                                std::uint64_t otherwise) {
  const std::string text = request.field(name);
  if (text.empty()) return otherwise;
  const auto day = parse_day(text);
  if (day) return *day;
  return ledger::fail(ErrorKind::reject,
                      fmt::format("--{} '{}': a day such as 2026-01-31", name, text));
}

std::string any_or(const std::string& text) { return text.empty() ? "*" : text; }

}  // namespace

// The record is durable before the row, and the row before a purge may be asked about it.
Result<AdminAnswer> AdminCommands::set_hold(const AdminRequest& request) {
  Hold hold;
  hold.id = ledger::to_hex(random_bytes(*context_.random, hold_id_bytes));
  hold.unit = request.field("unit");
  hold.host = request.field("host");
  auto first = day_field(request, "from", 0);
  if (!first) return ledger::failure(first);
  auto last = day_field(request, "to", last_day_ever);
  if (!last) return ledger::failure(last);
  hold.first_day = *first;
  hold.last_day = *last;
  hold.reason = request.field("reason");
  hold.who = request.who;
  hold.since = context_.clock->wall();
  if (hold.reason.empty()) return ledger::fail(ErrorKind::reject, "--reason: say why");
  if (*first > *last) return ledger::fail(ErrorKind::reject, "--from lies behind --to");
  if (!hold.unit.empty()) {
    auto units = context_.catalog->units(Scope::units({hold.unit}));
    if (!units) return ledger::failure(units);
    if (units->empty()) {
      return ledger::fail(ErrorKind::reject,
                          fmt::format("--unit '{}' is not in the catalog", hold.unit));
    }
  }
  Act set = act(request, "hold");
  set.text("act", "set").text("hold", hold.id).text("reason", hold.reason);
  set.text("unit", any_or(hold.unit)).text("host", any_or(hold.host));
  set.text("from", format_day(*first)).text("to", format_day(*last));
  const std::lock_guard acting(*context_.acts);
  if (auto recorded = record(set); !recorded) return ledger::failure(recorded);
  if (auto put = context_.catalog->put_hold(hold); !put) return ledger::failure(put);
  if (context_.holds_changed) context_.holds_changed();
  return AdminAnswer{.out = hold.id + "\n"};
}

Result<AdminAnswer> AdminCommands::list_holds(const AdminRequest&) {
  auto holds = context_.catalog->holds(Scope::all());
  if (!holds) return ledger::failure(holds);
  AdminAnswer answer{.out =
                         "id            state   unit  host  from        to          since"
                         "                        who  reason\n"};
  for (const Hold& hold : *holds) {
    answer.out += fmt::format(
        "{:<13} {:<7} {}  {}  {}  {}  {}  {}  {}\n", hold.id, hold.lifted ? "lifted" : "counts",
        any_or(hold.unit), any_or(hold.host), format_day(hold.first_day), format_day(hold.last_day),
        ledger::format_time(hold.since), hold.who, hold.reason);
  }
  return answer;
}

Result<AdminAnswer> AdminCommands::lift_hold(const AdminRequest& request) {
  const std::string id = request.field("id");
  const std::string reason = request.field("reason");
  if (reason.empty()) return ledger::fail(ErrorKind::reject, "--reason: say why");
  auto holds = context_.catalog->holds(Scope::all());
  if (!holds) return ledger::failure(holds);
  const auto found = std::ranges::find(*holds, id, &Hold::id);
  if (found == holds->end() || found->lifted) {
    return ledger::fail(ErrorKind::reject,
                        fmt::format("there is no hold '{}' that counts; see `hold list`", id));
  }
  Act lifted = act(request, "hold");
  lifted.text("act", "lift").text("hold", id).text("reason", reason);
  const std::lock_guard acting(*context_.acts);
  if (auto recorded = record(lifted); !recorded) return ledger::failure(recorded);
  auto done = context_.catalog->lift_hold(id, context_.clock->wall());
  if (!done) return ledger::failure(done);
  if (context_.holds_changed) context_.holds_changed();
  return AdminAnswer{.out = fmt::format("hold {} is lifted\n", id)};
}

}  // namespace yunjian::collector
