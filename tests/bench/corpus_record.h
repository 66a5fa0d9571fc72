#pragma once

#include <string>
#include <string_view>

#include "ledger/base/clock.h"

namespace yunjian::bench {

// Appends the record of a line of the corpus, as an agent makes it of a line of a file. What stands
// before the first colon is the program: "… host sshd[812]: text".
void write_record(std::string& out, ledger::Time time, std::string_view text);

}  // namespace yunjian::bench
