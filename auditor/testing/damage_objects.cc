#include "auditor/testing/damage_objects.h"

#include <algorithm>

#include "ledger/archive/part.h"
#include "ledger/archive/segment.h"
#include "ledger/archive/tiles.h"
#include "ledger/base/bytes.h"

namespace yunjian::auditor::testing {

namespace {

std::uint64_t take_number(std::string_view& text) {
  std::uint64_t number = 0;
  while (!text.empty() && text.front() >= '0' && text.front() <= '9') {
    number = number * 10 + static_cast<std::uint64_t>(text.front() - '0');
    text.remove_prefix(1);
  }
  return number;
}

// "12" or "12..20" behind `word`.
Range numbers_behind(std::string_view place, std::string_view word) {
  const std::size_t at = place.find(word);
  if (at == std::string_view::npos) return {};
  std::string_view rest = place.substr(at + word.size());
  if (rest.empty() || rest.front() < '0' || rest.front() > '9') return {};
  Range range;
  range.from = range.to = take_number(rest);
  if (!rest.starts_with("..")) return range;
  rest.remove_prefix(2);
  range.to = take_number(rest);
  return range;
}

}  // namespace

NamedPlace::NamedPlace(std::string_view place)
    : leaves(numbers_behind(place, "leaf ")), batches(numbers_behind(place, " batch ")) {
  if (leaves.is_empty()) leaves = numbers_behind(place, "leaves ");
  constexpr std::string_view word = "stream ";
  const std::size_t at = place.find(word);
  if (at == std::string_view::npos) return;
  const std::string_view rest = place.substr(at + word.size());
  stream = rest.substr(0, rest.find(' '));
}

DamageObjects::DamageObjects(const SampleLog& log, Layout layout) : layout_(layout) {
  for (const SampleLog::Entry& entry : log.entries()) {
    Entry known;
    if (entry.type == ledger::WalType::batch) {
      known.stream = entry.stream;
      known.batch = entry.batch;
    } else if (const auto head = ledger::list_of_leaf(entry.leaf)) {
      known.list = "lists/" + ledger::list_file_name(head->root);
    }
    entries_.push_back(std::move(known));
  }
}

std::pair<std::size_t, std::size_t> DamageObjects::entries_of(const std::string& name) const {
  const std::size_t slash = name.find('/');
  const std::string base = slash == std::string::npos ? name : name.substr(slash + 1);
  if (name.starts_with("parts/") && ledger::part_number(base)) return {0, layout_.filed};
  const auto segment = ledger::segment_number(base);
  if (!name.starts_with("wal/") || !segment) return {0, 0};
  const std::size_t number = *segment - (layout_.filed > 0 ? 1 : 0);
  const std::size_t first = layout_.filed + number * layout_.frames_per_segment;
  return {first, std::min(entries_.size(), first + layout_.frames_per_segment)};
}

bool DamageObjects::names_file(const Finding& finding, const std::string& path) const {
  const std::string name = path.substr(std::string_view("/data/").size());
  if (finding.place.find(name) != std::string::npos) return true;
  const NamedPlace place(finding.place);
  // A hash in a tile of level 0 is that of a leaf, which is then named.
  constexpr std::string_view leaf_tile = "tile/0/000";
  if (name.starts_with(leaf_tile) && place.leaves.from == place.leaves.to) {
    return place.leaves.from < ledger::tile_width;
  }
  const auto [first, end] = entries_of(name);
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    const Entry& entry = entries_[i];
    if (entry.list == name && place.leaves.holds(i)) return true;
    if (i < first || i >= end) continue;
    if (!place.leaves.is_empty() && place.leaves.from == i) return true;
    if (!entry.stream.empty() && entry.stream == place.stream && place.batches.holds(entry.batch)) {
      return true;
    }
  }
  return false;
}

bool DamageObjects::names_entry(const Finding& finding, std::size_t at) const {
  const NamedPlace place(finding.place);
  if (place.leaves.from == at && place.leaves.to == at) return true;
  const Entry& entry = entries_.at(at);
  const Range beside{entry.batch == 0 ? 0 : entry.batch - 1, entry.batch + 1};
  return !entry.stream.empty() && entry.stream == place.stream && beside.meets(place.batches);
}

}  // namespace yunjian::auditor::testing
