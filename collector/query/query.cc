#include "collector/query/query.h"

#include <algorithm>
#include <charconv>

#include "collector/query/parser.h"

namespace yunjian::collector {

namespace {

template <typename T>
bool compares(Relation relation, const T& left, const T& right) {
  switch (relation) {
    case Relation::less:
      return left < right;
    case Relation::less_equal:
      return left <= right;
    case Relation::greater:
      return left > right;
    case Relation::greater_equal:
      return left >= right;
  }
  return false;
}

// Ids are compared as a whole.
bool is_key(std::string_view field) {
  return is_origin_field(field) || field == "kind" || field == "source";
}

std::optional<FieldValue> find_value(const Candidate& candidate, std::string_view field) {
  if (field == "host") return FieldValue{.text = candidate.host};
  if (field == "unit") return FieldValue{.text = candidate.unit};
  if (field == "stream") return FieldValue{.text = candidate.stream};
  if (candidate.record != nullptr) {
    for (const auto& each : candidate.record->fields) {
      if (each.key == field) return FieldValue{.text = each.value, .is_string = each.is_string};
    }
  }
  for (const auto& each : candidate.derived) {
    if (each.key == field) return FieldValue{.text = each.value, .is_string = each.is_string};
  }
  return std::nullopt;
}

struct TestValue {
  const FieldValue& value;
  bool whole;

  bool operator()(const AnyValue&) const { return true; }
  bool operator()(const TextIs& wanted) const {
    if (whole) return wanted.pattern.equals(value.text);
    if (value.is_string) return wanted.pattern.in(value.text);
    return wanted.number && parse_number(value.text) == wanted.number;
  }
  bool operator()(const InRange& wanted) const {
    return value.is_string && wanted.range.in(value.text);
  }
  bool operator()(const WildcardIs& wanted) const {
    return (whole ? wanted.wildcard.whole : wanted.wildcard.within).in(value.text);
  }
  bool operator()(const RegexIs& wanted) const { return wanted.regex.in(value.text); }
  bool operator()(const NumberIs& wanted) const {
    const auto number = parse_number(value.text);
    return number && compares(wanted.relation, *number, wanted.number);
  }
  bool operator()(const TimeIs& wanted) const {
    if (!value.is_string) return false;
    const auto time = ledger::parse_rfc3339(value.text);
    return time && compares(wanted.relation, *time, wanted.time);
  }
};

// A test without a field: any text of the record but its time, or the line when it is no record.
bool holds_anywhere(const QueryTest& test, const Candidate& candidate) {
  if (candidate.record == nullptr) {
    const FieldValue line{.text = candidate.line};
    return std::visit(TestValue{line, false}, test.value);
  }
  return std::any_of(candidate.record->fields.begin(), candidate.record->fields.end(),
                     [&](const ledger::RecordField& field) {
                       if (!field.is_string || field.key == "time") return false;
                       const FieldValue text{.text = field.value};
                       return std::visit(TestValue{text, false}, test.value);
                     });
}

bool holds_for(const QueryTest& test, const Candidate& candidate) {
  if (test.field.empty()) return holds_anywhere(test, candidate);
  const auto value = find_value(candidate, test.field);
  return value && holds(test, *value);
}

bool holds_for(const QueryNode& node, const Candidate& candidate) {
  const auto child = [&](const QueryNode& each) { return holds_for(each, candidate); };
  switch (node.kind) {
    case QueryNode::Kind::all_of:
      return std::all_of(node.children.begin(), node.children.end(), child);
    case QueryNode::Kind::any_of:
      return std::any_of(node.children.begin(), node.children.end(), child);
    case QueryNode::Kind::none_of:
      return std::none_of(node.children.begin(), node.children.end(), child);
    case QueryNode::Kind::test:
      return holds_for(*node.test, candidate);
  }
  return false;
}

}  // namespace

bool is_origin_field(std::string_view field) {
  return field == "host" || field == "unit" || field == "stream";
}

bool holds(const QueryTest& test, const FieldValue& value) {
  return std::visit(TestValue{value, is_key(test.field)}, test.value);
}

ledger::Result<Query> Query::parse(std::string_view text) {
  auto root = parse_query(text);
  if (!root) return ledger::failure(root);
  return Query(std::move(*root));
}

bool Query::matches(const Candidate& candidate) const { return holds_for(*root_, candidate); }

}  // namespace yunjian::collector
