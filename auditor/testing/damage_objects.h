#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "auditor/findings.h"
#include "auditor/testing/sample_log.h"

namespace yunjian::auditor::testing {

// Numbers from..to, both inclusive; nothing when from > to.
struct Range {
  std::uint64_t from = 1;
  std::uint64_t to = 0;
  bool is_empty() const { return from > to; }
  bool holds(std::uint64_t n) const { return from <= n && n <= to; }
  bool meets(const Range& other) const {
    return !is_empty() && !other.is_empty() && from <= other.to && other.from <= to;
  }
};

// What the place of a finding names: "leaf 7", "leaves 3..9", "stream S batch 4 records 8..9".
struct NamedPlace {
  explicit NamedPlace(std::string_view place);
  Range leaves;
  std::string stream;
  Range batches;
};

// How a SampleLog lies in its directory, to judge whether a finding names what was damaged.
class DamageObjects {
 public:
  struct Layout {
    std::size_t filed = 0;  // entries in the part
    std::size_t frames_per_segment = 0;
  };
  DamageObjects(const SampleLog& log, Layout layout);

  // The finding names the file, a leaf or a batch that lies in it, or leaves from one of it on:
  // what lies behind damage may not be numbered any more.
  bool names_file(const Finding& finding, const std::string& path) const;
  // The finding names this entry: its leaf, or the batch or the one beside it in its stream.
  bool names_entry(const Finding& finding, std::size_t entry) const;

 private:
  struct Entry {
    std::string stream;  // of a batch
    std::uint64_t batch = 0;
    std::string list;  // file that a roster or purge leaf names
  };
  std::pair<std::size_t, std::size_t> entries_of(const std::string& name) const;

  Layout layout_;
  std::vector<Entry> entries_;
};

}  // namespace yunjian::auditor::testing
