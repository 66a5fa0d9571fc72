#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "ledger/base/result.h"
#include "ledger/record.h"
#include "rules/classify/derived.h"
#include "rules/classify/rule_file.h"

namespace yunjian::rules {

// Says what a record means: who did what from where, and whether it went well. A pure function of
// the record's bytes and the rules: the same record means the same on every machine, under the same
// version. Immutable, any thread.
//
// Life of a record here: its program is found (process.name, else the head of a syslog line, else
// the path of the log), and only the rules of that program are asked, in their order; the first
// that matches decides. Audit events, acts of collector and agent, and CADF events are found by
// their type the same way.
class Classifier {
 public:
  // Reject: a file that is not of the format, or a program that stands in two files.
  static ledger::Result<Classifier> make(const std::vector<std::string_view>& files);
  // The rules that were compiled in. They are tested, so this gives a classifier or aborts.
  static const Classifier& builtin();

  Classifier(Classifier&&) noexcept;
  Classifier& operator=(Classifier&&) noexcept;
  ~Classifier();

  // Nothing for usage records, which mean what they measure. The views of the answer live as long
  // as the record, the classifier and the answer itself.
  std::optional<Derived> classify(const ledger::ParsedRecord& record) const;

  // Changes with every byte of the rules, and with the code where it changes what is derived.
  const std::string& version() const;

 private:
  struct Rules;
  explicit Classifier(std::unique_ptr<const Rules> rules);
  std::unique_ptr<const Rules> rules_;
};

}  // namespace yunjian::rules
