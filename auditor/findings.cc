#include "auditor/findings.h"

#include <algorithm>

namespace yunjian::auditor {

void Findings::add(Finding finding) {
  if (++counts_[finding.kind] <= kept_per_kind_max) kept_.push_back(std::move(finding));
}

void Findings::merge(const Findings& other) {
  for (const Finding& finding : other.kept_) kept_.push_back(finding);
  for (const auto& [kind, count] : other.counts_) counts_[kind] += count;
}

void Findings::sort() {
  std::stable_sort(kept_.begin(), kept_.end(),
                   [](const Finding& a, const Finding& b) { return a.order < b.order; });
  std::map<FindingKind, std::size_t> kept;
  std::erase_if(kept_, [&](const Finding& each) { return ++kept[each.kind] > kept_per_kind_max; });
}

std::uint64_t Findings::count(FindingKind kind) const {
  const auto found = counts_.find(kind);
  return found == counts_.end() ? 0 : found->second;
}

int Findings::exit_code(bool strict) const {
  using enum FindingKind;
  if (count(tampered) > 0) return 1;
  if (count(missing) > 0 || count(lost) > 0) return 2;
  if (count(cannot_tell) > 0 || (strict && count(notice) > 0)) return 4;
  return count(declared_gap) > 0 ? 3 : 0;
}

std::string_view to_string(FindingKind kind) {
  switch (kind) {
    case FindingKind::tampered:
      return "tampered";
    case FindingKind::missing:
    case FindingKind::lost:
      return "missing";
    case FindingKind::cannot_tell:
      return "cannot tell";
    case FindingKind::declared_gap:
      return "declared gap";
    case FindingKind::notice:
      return "notice";
  }
  return "";
}

}  // namespace yunjian::auditor
