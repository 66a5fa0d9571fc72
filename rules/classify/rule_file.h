#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ledger/base/result.h"
#include "rules/classify/line_pattern.h"

namespace yunjian::rules {

// What a rule says of the records it matches, besides what it picks out of them.
struct Meaning {
  std::uint32_t class_uid = 0;
  std::uint32_t activity_id = 0;
  std::uint32_t severity_id = 0;  // 0: as the record's own severity says
  std::uint32_t status_id = 0;    // 0: as the picked-out status says
  std::string resource;           // when nothing is picked out
  std::string operation;
  std::map<std::string, std::uint32_t, std::less<>> activities;  // by operation
};

struct LineRule {
  std::string name;
  std::vector<LinePattern> patterns;  // any of them
  Meaning meaning;
};

// For records that come in fields: which of them, and which field says what.
struct FieldRule {
  std::string name;
  std::vector<std::string> values;  // of the file's `select`; one that ends in * is a beginning
  std::vector<std::pair<std::string, std::string>> where;  // field -> value it must hold
  std::array<std::vector<std::string>, slot_count> slots;  // field names, the first present counts
  Meaning meaning;
};

// A record that a rule must match, or must not.
struct RuleExample {
  std::string rule;  // names of file and rule: "sshd.accepted"
  bool matches = true;
  std::vector<std::pair<std::string, std::string>> record;  // its fields
  // "user" … "status", "activity", "severity": what must be derived. A text that is not named must
  // not be derived.
  std::vector<std::pair<std::string, std::string>> expect;
};

// One file of rules in memory.
struct RuleFile {
  enum class By { line, audit, act, cadf, kubernetes, openstack };
  std::string name;
  By by = By::line;
  std::vector<std::string> programs;  // by line
  std::vector<std::string> logs;      // by line: paths, * for any characters
  std::vector<LineRule> line_rules;
  std::vector<FieldRule> field_rules;
};

// Reject: not the format of README.md; the message names file and key. The examples are read when
// asked for, and checked for form in any case.
ledger::Result<RuleFile> parse_rule_file(std::string_view json,
                                         std::vector<RuleExample>* examples = nullptr);

// The files that were compiled in, in the order in which they are asked.
std::vector<std::string_view> classify_files();

}  // namespace yunjian::rules
