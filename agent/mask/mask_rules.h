#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ledger/base/result.h"

namespace yunjian::agent {

// One thing that is masked. The rules are data (rules.json) with examples of what they must mask
// and what they must leave.
struct MaskRule {
  enum class Kind {
    pattern,        // each group of the pattern that took part in a match
    pem,            // what follows a match, to the end of the block, also over several records
    identity_card,  // by digits and check character
    mobile_number,
  };
  // What must stand behind a word before the pattern is tried.
  enum class Guard { none, assignment, userinfo };

  std::string name;  // what `masked` says
  Kind kind = Kind::pattern;
  Guard guard = Guard::none;
  std::vector<std::string> words;  // one of them is in each match; ASCII letters in lower case
  std::string pattern;             // RE2
  std::vector<std::pair<std::string, std::string>> must;  // text, masked text
  std::vector<std::string> must_not;
};

// Reject: not such a file; the message names the rule.
ledger::Result<std::vector<MaskRule>> parse_mask_rules(std::string_view json);

// Those of rules.json, which are part of the program.
std::string_view mask_rules_json();

}  // namespace yunjian::agent
