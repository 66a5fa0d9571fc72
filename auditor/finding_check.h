#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "auditor/findings.h"
#include "auditor/pack_acts.h"
#include "rules/month/utilization_table.h"

namespace yunjian::auditor {

// Holds what a pack says of findings, and what its collector sealed of them, against the figures
// that the sealed records give:
//
//   findings.list    is what the first n steps of findings in the log come to, n being its own
//   raised           what the month flagged and nobody had open became a finding, with the figures
//                    that people decide by, and nothing else did
//   measured         what was carried out got the saving that the sizes of the table give
//   outcome acts     how each host's month was judged, for the months that follow
//
// Of a later revision only what was raised behind its own checkpoint is held against the figures:
// the rest was raised by an earlier one. Used once, by one thread.
class FindingCheck {
 public:
  struct Pack {
    const PackActs& acts;
    const rules::UtilizationTable& table;  // refolded
    std::uint64_t revision = 1;
  };
  FindingCheck(const Pack& pack, Findings& findings) : pack_(pack), findings_(findings) {}

  // `list`: the pack's findings.list.
  void run(std::string_view list);
  // The findings as the list has them; nothing when it cannot be.
  const std::optional<std::vector<rules::StoredFinding>>& listed() const { return listed_; }

 private:
  using Steps = std::vector<const rules::FindingStepped*>;
  void check_list(std::string_view list, std::uint64_t steps);
  void check_raised(std::uint64_t steps);
  void compare(const std::vector<rules::StoredFinding>& wanted, const Steps& told);
  void compare(const rules::StoredFinding& wanted, const rules::FindingStepped& told);
  void check_outcomes();
  bool is_of_month(const rules::FindingStepped& step) const;
  void tampered(std::string place, std::string zh, std::string en);

  const Pack pack_;
  Findings& findings_;
  std::optional<std::vector<rules::StoredFinding>> listed_;
};

}  // namespace yunjian::auditor
