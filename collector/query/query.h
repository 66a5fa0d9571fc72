#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "collector/query/text_match.h"
#include "ledger/base/clock.h"
#include "ledger/base/result.h"
#include "ledger/record.h"

namespace yunjian::collector {

inline constexpr std::size_t query_bytes_max = 4096;
inline constexpr std::size_t query_depth_max = 32;
inline constexpr std::size_t query_tests_max = 256;

// A record and where it came from.
struct Candidate {
  const ledger::ParsedRecord* record =
      nullptr;  // null: the line is not flat JSON, it is searched as text
  std::string_view line = {};
  std::string_view host = {};
  std::string_view unit = {};
  std::string_view stream = {};
};

// One comparison of a query. An empty field means any text value of the record.
struct AnyValue {};  // field: *
struct TextIs {
  TextPattern pattern;
  std::optional<double> number;  // the same as a number, for values that are numbers
};
struct InRange {  // field: 10.0.0.0/8
  AddressRange range;
};
enum class Relation { less, less_equal, greater, greater_equal };
struct NumberIs {
  Relation relation;
  double number;
};
struct TimeIs {
  Relation relation;
  ledger::Time time;
};
struct QueryTest {
  std::string field;
  std::variant<AnyValue, TextIs, InRange, NumberIs, TimeIs> value;
};

struct QueryNode {
  enum class Kind { all_of, any_of, none_of, test };
  Kind kind = Kind::all_of;
  std::vector<QueryNode> children = {};  // none_of has one
  std::optional<QueryTest> test = {};
};

// A parsed query (grammar and examples in README.md). Immutable, any thread.
class Query {
 public:
  // Reject: "column 7: …", columns counted in characters from 1. An empty text matches everything.
  static ledger::Result<Query> parse(std::string_view text);

  bool matches(const Candidate& candidate) const;
  // The one host that every match must have, when the query says so.
  std::optional<std::string> host() const;
  bool matches_everything() const {
    return root_.kind == QueryNode::Kind::all_of && root_.children.empty();
  }

 private:
  explicit Query(QueryNode root) : root_(std::move(root)) {}
  QueryNode root_;
};

}  // namespace yunjian::collector
