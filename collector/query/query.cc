#include "collector/query/query.h"

#include <algorithm>
#include <charconv>

#include "collector/query/parser.h"

namespace yunjian::collector {

namespace {

template <typename T>
bool holds(Relation relation, const T& left, const T& right) {
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

// One value of a record, or of where it came from.
struct Value {
  std::string_view text;
  bool is_string = true;
  bool is_key = false;  // an id: compared as a whole
};

std::optional<Value> find_value(const Candidate& candidate, std::string_view field) {
  if (field == "host") return Value{.text = candidate.host, .is_key = true};
  if (field == "unit") return Value{.text = candidate.unit, .is_key = true};
  if (field == "stream") return Value{.text = candidate.stream, .is_key = true};
  if (candidate.record == nullptr) return std::nullopt;
  for (const auto& each : candidate.record->fields) {
    if (each.key != field) continue;
    return Value{.text = each.value,
                 .is_string = each.is_string,
                 .is_key = field == "kind" || field == "source"};
  }
  return std::nullopt;
}

struct TestValue {
  const Value& value;

  bool operator()(const AnyValue&) const { return true; }
  bool operator()(const TextIs& wanted) const {
    if (value.is_key) return wanted.pattern.equals(value.text);
    if (value.is_string) return wanted.pattern.in(value.text);
    return wanted.number && parse_number(value.text) == wanted.number;
  }
  bool operator()(const InRange& wanted) const {
    return value.is_string && wanted.range.in(value.text);
  }
  bool operator()(const NumberIs& wanted) const {
    const auto number = parse_number(value.text);
    return number && holds(wanted.relation, *number, wanted.number);
  }
  bool operator()(const TimeIs& wanted) const {
    if (!value.is_string) return false;
    const auto time = ledger::parse_rfc3339(value.text);
    return time && holds(wanted.relation, *time, wanted.time);
  }
};

// A test without a field: any text of the record but its time, or the line when it is no record.
bool holds_anywhere(const QueryTest& test, const Candidate& candidate) {
  if (candidate.record == nullptr) {
    const Value line{.text = candidate.line};
    return std::visit(TestValue{line}, test.value);
  }
  return std::any_of(candidate.record->fields.begin(), candidate.record->fields.end(),
                     [&](const ledger::RecordField& field) {
                       if (!field.is_string || field.key == "time") return false;
                       const Value text{.text = field.value};
                       return std::visit(TestValue{text}, test.value);
                     });
}

bool holds(const QueryTest& test, const Candidate& candidate) {
  if (test.field.empty()) return holds_anywhere(test, candidate);
  const auto value = find_value(candidate, test.field);
  return value && std::visit(TestValue{*value}, test.value);
}

bool holds(const QueryNode& node, const Candidate& candidate) {
  const auto child = [&](const QueryNode& each) { return holds(each, candidate); };
  switch (node.kind) {
    case QueryNode::Kind::all_of:
      return std::all_of(node.children.begin(), node.children.end(), child);
    case QueryNode::Kind::any_of:
      return std::any_of(node.children.begin(), node.children.end(), child);
    case QueryNode::Kind::none_of:
      return std::none_of(node.children.begin(), node.children.end(), child);
    case QueryNode::Kind::test:
      return holds(*node.test, candidate);
  }
  return false;
}

}  // namespace

ledger::Result<Query> Query::parse(std::string_view text) {
  auto root = parse_query(text);
  if (!root) return ledger::failure(root);
  return Query(std::move(*root));
}

bool Query::matches(const Candidate& candidate) const { return holds(root_, candidate); }

std::optional<std::string> Query::host() const {
  const auto named = [](const QueryNode& node) -> std::optional<std::string> {
    if (node.kind != QueryNode::Kind::test || node.test->field != "host") return std::nullopt;
    const auto* text = std::get_if<TextIs>(&node.test->value);
    if (text == nullptr || text->pattern.prefix()) return std::nullopt;
    return text->pattern.lower();
  };
  if (root_.kind != QueryNode::Kind::all_of) return named(root_);
  for (const auto& child : root_.children) {
    if (auto host = named(child)) return host;
  }
  return std::nullopt;
}

}  // namespace yunjian::collector
