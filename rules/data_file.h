#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ledger/base/result.h"

namespace yunjian::rules {

// One JSON value of a rule data file. Numbers keep their digits, so that 0.1 stays exactly 0.1.
struct DataNode {
  enum class Kind { null, boolean, number, text, list, object };
  Kind kind = Kind::null;
  std::string text = {};                                       // text, digits, or "true" / "false"
  std::vector<DataNode> items = {};                            // of a list
  std::vector<std::pair<std::string, DataNode>> members = {};  // of an object; keys unique
  // Where it ends, or where a list or object begins; from 1, columns in characters.
  std::size_t line = 0;
  std::size_t column = 0;
};

inline constexpr std::size_t data_file_bytes_max = 1024 * 1024;
inline constexpr std::size_t data_file_depth_max = 16;
inline constexpr std::size_t data_file_values_max = 250'000;  // each takes some 100 bytes

// Reject: not JSON (with line and column), a key twice, beyond one of the limits.
ledger::Result<DataNode> parse_data_file(std::string_view json,
                                         std::size_t bytes_max = data_file_bytes_max);

// Collects the first thing that is wrong in a file, so that readers need not check each value.
class DataProblem {
 public:
  void add(std::string_view path, std::string_view what);
  // Reject with "<name>: <path>: <what>" when something was added.
  ledger::Result<void> result(std::string_view name) const;

 private:
  std::optional<std::string> first_;
};

// Reads one object strictly: what is missing, of another type, out of range or not asked for goes
// to the DataProblem with its path ("gate.working_days_min"); a wrong value then reads as empty or
// zero, never as something plausible. Lives while the nodes and the DataProblem do.
class DataObject {
 public:
  DataObject(const DataNode& node, std::string path, DataProblem& problem);

  bool has(std::string_view key) const;
  std::string text(std::string_view key);  // not empty
  bool boolean(std::string_view key);
  std::uint64_t integer(std::string_view key, std::uint64_t max);  // 0 … max
  // At most two decimals, given back times 100: 12.5 reads as 1250.
  std::uint64_t hundredths(std::string_view key, std::uint64_t max_hundredths);
  DataObject object(std::string_view key);
  std::vector<DataObject> objects(std::string_view key);  // a list of objects
  // A list of lists of objects.
  std::vector<std::vector<DataObject>> object_lists(std::string_view key);
  std::vector<std::string> texts(std::string_view key);  // a list of texts
  std::vector<std::string> keys() const;                 // in file order
  // Adds a problem for the value under `key`.
  void wrong(std::string_view key, std::string_view what);
  // Every key must have been read by now; call last.
  void finish();

 private:
  const DataNode* take(std::string_view key, DataNode::Kind kind, std::string_view wanted);
  std::string path_of(std::string_view key) const;

  const DataNode* node_;
  std::string path_;
  DataProblem* problem_;
  std::set<std::string, std::less<>> read_;
};

}  // namespace yunjian::rules
