#include "auditor/alarm_statement.h"

#include <array>

#include "ledger/leaves.h"
#include "ledger/text_fields.h"

namespace yunjian::auditor {

using ledger::ErrorKind;
using ledger::Result;

namespace {

// A cosignature over it cannot be taken for one over a checkpoint: no log has this name.
constexpr std::string_view form = "yunjian/alarm/v1";
using Kind = AlarmStatement::Kind;
constexpr std::array<std::pair<Kind, std::string_view>, 3> kinds = {
    {{Kind::roll_back, "roll-back"}, {Kind::stale, "stale"}, {Kind::silent, "silent"}}};

bool is_kind(std::string_view word) {
  return std::any_of(kinds.begin(), kinds.end(), [&](const auto& k) { return k.second == word; });
}

std::string format(const AlarmStatement& statement) {
  std::string out = std::string(form) + "\n";
  ledger::append_field(out, "log", statement.origin);
  ledger::append_field(out, "alarm", to_string(statement.kind));
  ledger::append_field(out, "since", statement.since);
  ledger::append_field(out, "seen", statement.seen);
  ledger::append_field(out, "kept", ledger::to_base64(statement.kept));
  ledger::append_field(out, "shown",
                       statement.shown.empty() ? "-" : ledger::to_base64(statement.shown));
  return out;
}

Result<AlarmStatement> parse(std::string_view text) {
  ledger::FieldReader reader(text, form);
  AlarmStatement statement;
  statement.origin = reader.take("log", ledger::is_origin);
  const std::string word = reader.take("alarm", is_kind);
  for (const auto& [kind, name] : kinds) {
    if (name == word) statement.kind = kind;
  }
  statement.since = reader.take_time("since");
  statement.seen = reader.take_time("seen");
  statement.kept = reader.take_base64("kept");
  const std::string_view shown = reader.take("shown");
  if (shown != "-") {
    auto note = ledger::from_base64(shown);
    if (!note || note->empty()) reader.refuse("shown");
    if (note) statement.shown = std::move(*note);
  }
  if (auto done = reader.finish(); !done) return ledger::failure(done);
  return statement;
}

bool says_so(const AlarmCheck& check) {
  switch (check.statement.kind) {
    case Kind::roll_back:
      return !check.statement.shown.empty() && check.shown.size < check.kept.size;
    case Kind::stale:
      return !check.statement.shown.empty() && check.shown == check.kept;
    case Kind::silent:
      return check.statement.shown.empty();
  }
  return false;
}

}  // namespace

std::string_view to_string(Kind kind) {
  for (const auto& [each, name] : kinds) {
    if (each == kind) return name;
  }
  return "";
}

bool is_alarm_statement(std::string_view bytes) {
  return bytes.starts_with(form) && bytes.substr(form.size()).starts_with("\n");
}

Result<std::string> sign_alarm(const AlarmStatement& statement, const OwnKey& witness) {
  const std::string text = format(statement);
  const auto seconds =
      std::chrono::duration_cast<std::chrono::seconds>(statement.seen.time_since_epoch());
  auto line = ledger::cosign_line(witness.identity, *witness.key, text,
                                  static_cast<std::uint64_t>(seconds.count()));
  if (!line) return ledger::failure(line);
  return ledger::format_note(text, {*line});
}

Result<AlarmCheck> check_alarm(std::string_view note, const ledger::Verifier& log,
                               const std::vector<ledger::Verifier>& witnesses) {
  auto opened = ledger::open_note(note, witnesses);
  if (!opened) return ledger::failure(opened, "not by a witness whose key was given");
  auto statement = parse(opened->text);
  if (!statement) return ledger::failure(statement);
  AlarmCheck check{.statement = std::move(*statement), .kept = {}, .shown = {}};
  auto kept = ledger::open_checkpoint(check.statement.kept, log);
  if (!kept) return ledger::failure(kept, "the kept note");
  check.kept = kept->tree;
  if (!check.statement.shown.empty()) {
    auto shown = ledger::open_checkpoint(check.statement.shown, log);
    if (!shown) return ledger::failure(shown, "the note that was shown");
    check.shown = shown->tree;
  }
  if (check.statement.origin == log.name() && check.statement.since <= check.statement.seen &&
      says_so(check)) {
    return check;
  }
  return ledger::fail(ErrorKind::reject, "the notes in it do not say what it states");
}

}  // namespace yunjian::auditor
