#include "collector/api/coverage.h"

#include <iterator>

namespace yunjian::collector {

void Coverage::add(std::string_view name, std::uint64_t number) {
  auto found = streams_.find(name);
  if (found == streams_.end()) found = streams_.emplace(name, Stream{}).first;
  Stream& stream = found->second;
  ++stream.records;
  ++records_;
  auto& ranges = stream.ranges;
  const auto behind = ranges.upper_bound(number);
  const auto before = behind == ranges.begin() ? ranges.end() : std::prev(behind);
  if (before != ranges.end() && number <= before->second) return;
  const bool joins_before = before != ranges.end() && before->second + 1 == number;
  const bool joins_behind = behind != ranges.end() && number + 1 == behind->first;
  if (joins_before && joins_behind) {
    before->second = behind->second;
    ranges.erase(behind);
    --ranges_;
  } else if (joins_before) {
    before->second = number;
  } else if (joins_behind) {
    const std::uint64_t last = behind->second;
    ranges.erase(behind);
    ranges.emplace(number, last);
  } else if (ranges_ < coverage_ranges_max) {
    ranges.emplace(number, number);
    ++ranges_;
  } else if (before != ranges.end()) {
    before->second = number;  // what lies between is not told
  }
}

void Coverage::write(Json& json) const {
  json.begin_array();
  for (const auto& [name, stream] : streams_) {
    if (stream.ranges.empty()) continue;
    json.begin_object()
        .member("stream", std::string_view(name))
        .member("first", stream.ranges.begin()->first)
        .member("last", stream.ranges.rbegin()->second)
        .member("records", stream.records)
        .member("exact", ranges_ < coverage_ranges_max)
        .key("absent")
        .begin_array();
    std::size_t told = 0;
    for (auto range = stream.ranges.begin(); std::next(range) != stream.ranges.end(); ++range) {
      if (told++ == coverage_gaps_max) break;
      json.begin_array().number(range->second + 1).number(std::next(range)->first - 1).end_array();
    }
    json.end_array().end_object();
  }
  json.end_array();
}

}  // namespace yunjian::collector
