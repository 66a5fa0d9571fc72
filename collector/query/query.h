#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "collector/query/regex.h"
#include "collector/query/text_match.h"
#include "collector/store/deriver.h"
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
  std::span<const DerivedField> derived = {};
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
struct WildcardIs {  // we*01
  Wildcard wildcard;
};
struct RegexIs {  // /re2/
  Regex regex;
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
  std::variant<AnyValue, TextIs, InRange, WildcardIs, RegexIs, NumberIs, TimeIs> value;
};

struct QueryNode {
  enum class Kind { all_of, any_of, none_of, test };
  Kind kind = Kind::all_of;
  std::vector<QueryNode> children = {};  // none_of has one
  std::optional<QueryTest> test = {};
};

// One value of a record, or of where it came from.
struct FieldValue {
  std::string_view text;
  bool is_string = true;
};

// Whether the value of `test.field` satisfies the test.
bool holds(const QueryTest& test, const FieldValue& value);
// Fields that say where a record came from: they stand in no line.
bool is_origin_field(std::string_view field);

// A parsed query (grammar and examples in README.md). Immutable, any thread; copies share the tree.
class Query {
 public:
  // Reject: "column 7: …", columns counted in characters from 1. An empty text matches everything.
  static ledger::Result<Query> parse(std::string_view text);

  bool matches(const Candidate& candidate) const;
  bool matches_everything() const {
    return root_->kind == QueryNode::Kind::all_of && root_->children.empty();
  }
  const std::shared_ptr<const QueryNode>& root() const { return root_; }

 private:
  explicit Query(QueryNode root) : root_(std::make_shared<const QueryNode>(std::move(root))) {}
  std::shared_ptr<const QueryNode> root_;
};

}  // namespace yunjian::collector
