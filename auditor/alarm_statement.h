#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "auditor/key_file.h"
#include "ledger/base/clock.h"
#include "ledger/checkpoint.h"

namespace yunjian::auditor {

// What a witness states over its own key about a log whose notes alone prove nothing: that it went
// back, does not grow, or does not answer. yunjian/alarm/v1, grammar in README.md. The times are
// the witness's word, the notes the log's.
struct AlarmStatement {
  enum class Kind { roll_back, stale, silent };
  Kind kind = Kind::stale;
  std::string origin;
  ledger::Time since{};  // the kept note was first seen then
  ledger::Time seen{};   // the alarm
  std::string kept;      // the newest note that the witness had verified
  std::string shown;     // what the log showed instead; empty: nothing
};
std::string_view to_string(AlarmStatement::Kind kind);

ledger::Result<std::string> sign_alarm(const AlarmStatement& statement, const OwnKey& witness);

struct AlarmCheck {
  AlarmStatement statement;
  ledger::TreeHead kept;
  ledger::TreeHead shown;  // size 0 when nothing was shown
};
// Reject: not by one of `witnesses`, its notes are not the log's, or they do not say what it
// states.
ledger::Result<AlarmCheck> check_alarm(std::string_view note, const ledger::Verifier& log,
                                       const std::vector<ledger::Verifier>& witnesses);
bool is_alarm_statement(std::string_view bytes);

}  // namespace yunjian::auditor
