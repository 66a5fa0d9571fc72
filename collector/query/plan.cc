#include "collector/query/plan.h"

#include <algorithm>
#include <span>

#include "ledger/archive/tokens.h"

namespace yunjian::collector {

namespace {

using Kind = QueryNode::Kind;

// The one field that all tests of the tree name; nothing when there are several, or tests of any
// text.
std::optional<std::string> only_field(const QueryNode& node) {
  if (node.kind == Kind::test) {
    return node.test->field.empty() ? std::nullopt : std::optional(node.test->field);
  }
  std::optional<std::string> field;
  for (const QueryNode& child : node.children) {
    const auto of_child = only_field(child);
    if (!of_child || (field && *field != *of_child)) return std::nullopt;
    field = of_child;
  }
  return field;
}

// The tree over one field, asked for one value of it; null: the record has not got the field.
bool holds_for_value(const QueryNode& node, const FieldValue* value) {
  const auto child = [&](const QueryNode& each) { return holds_for_value(each, value); };
  switch (node.kind) {
    case Kind::all_of:
      return std::ranges::all_of(node.children, child);
    case Kind::any_of:
      return std::ranges::any_of(node.children, child);
    case Kind::none_of:
      return std::ranges::none_of(node.children, child);
    case Kind::test:
      return value != nullptr && holds(*node.test, *value);
  }
  return false;
}

// Tokens that a text must hold for the test to hold; empty: none is known.
std::vector<std::string> tokens_of(const QueryTest& test) {
  const auto* text = std::get_if<TextIs>(&test.value);
  if (text == nullptr) return {};
  const std::string& pattern = text->pattern.lower();
  // An IPv6 address is bounded otherwise than words are.
  if (pattern.find(':') != std::string::npos && parse_address(pattern)) return {};
  return ledger::needed_tokens(pattern, text->pattern.prefix());
}

class Planner {
 public:
  Planner(const Query& query, const PlanContext& context)
      : root_(query.root()), context_(context) {}

  QueryPlan run() {
    plan_.residual = false;
    push(*root_);
    return std::move(plan_);
  }

 private:
  // `node` must hold for each match.
  void push(const QueryNode& node) {
    if (node.kind == Kind::all_of) {
      for (const QueryNode& child : node.children) push(child);
      return;
    }
    const auto field = only_field(node);
    if (!field) {
      plan_.residual = true;
      push_words(node);
    } else if (*field == "host" && context_.hosts) {
      push_host(node);
    } else if (is_origin_field(*field)) {
      plan_.residual = true;
    } else {
      push_column(node, *field);
    }
  }

  void push_host(const QueryNode& node) {
    const bool first = plan_.filter.hosts.empty();
    std::set<std::string, std::less<>> hosts = plan_.filter.hosts;
    if (first) {
      for (std::string& host : context_.hosts()) hosts.insert(std::move(host));
    }
    std::erase_if(hosts, [&](const std::string& host) {
      const FieldValue value{.text = host};
      return !holds_for_value(node, &value);
    });
    if (hosts.empty()) hosts.emplace();  // no host has no name
    plan_.filter.hosts = std::move(hosts);
  }

  void push_column(const QueryNode& node, const std::string& field) {
    plan_.filter.columns.push_back(
        {.field = field,
         .accepts =
             [root = root_, &node](std::string_view text, bool is_string) {
               const FieldValue value{.text = text, .is_string = is_string};
               return holds_for_value(node, &value);
             },
         .accepts_absent = holds_for_value(node, nullptr)});
    plan_.column_fields.push_back(field);
    if (field == "kind") push_lanes(node);
    if (node.kind == Kind::test && !is_derived(field)) push_tokens(*node.test);
  }

  // Lanes follow from the kind; records of other kinds lie in the event lane.
  void push_lanes(const QueryNode& node) {
    constexpr std::array named = {std::pair{"usage", Lane::usage},
                                  std::pair{"usage_hour", Lane::hour}};
    std::vector<Lane> lanes = {Lane::event};
    for (const auto& [kind, lane] : named) {
      const FieldValue value{.text = kind};
      if (holds_for_value(node, &value)) lanes.push_back(lane);
    }
    if (!plan_.lanes) {
      plan_.lanes = lanes;
      return;
    }
    std::erase_if(*plan_.lanes,
                  [&](Lane lane) { return std::ranges::find(lanes, lane) == lanes.end(); });
  }

  // A value that may be a number stands in no text.
  void push_tokens(const QueryTest& test) {
    const auto* text = std::get_if<TextIs>(&test.value);
    if (text == nullptr || text->number || test.field == "time") return;
    for (std::string& token : tokens_of(test)) plan_.filter.words.push_back({std::move(token)});
  }

  // A test of any text, or one of several such tests.
  void push_words(const QueryNode& node) {
    if (node.kind == Kind::test) {
      for (std::string& token : tokens_of(*node.test))
        plan_.filter.words.push_back({std::move(token)});
      return;
    }
    if (node.kind != Kind::any_of) return;
    std::vector<std::string> alternatives;
    for (const QueryNode& child : node.children) {
      const bool of_any_text = child.kind == Kind::test && child.test->field.empty();
      std::vector<std::string> tokens;
      if (of_any_text) tokens = tokens_of(*child.test);
      if (tokens.empty()) return;
      alternatives.push_back(*std::ranges::max_element(tokens, {}, &std::string::size));
    }
    plan_.filter.words.push_back(std::move(alternatives));
  }

  bool is_derived(const std::string& field) const {
    return context_.derived_keys != nullptr &&
           std::ranges::find(*context_.derived_keys, field) != context_.derived_keys->end();
  }

  std::shared_ptr<const QueryNode> root_;
  const PlanContext& context_;
  QueryPlan plan_;
};

}  // namespace

QueryPlan plan_query(const Query& query, const PlanContext& context) {
  return Planner(query, context).run();
}

bool apply_plan(const Query& query, const QueryPlan& plan, Selection& selection) {
  selection.filter = plan.filter;
  if (plan.lanes) {
    if (selection.lanes.empty()) {
      selection.lanes = *plan.lanes;
    } else {
      std::erase_if(selection.lanes, [&](Lane lane) {
        return std::ranges::find(*plan.lanes, lane) == plan.lanes->end();
      });
    }
    if (selection.lanes.empty()) return false;
  }
  if (plan.residual) {
    selection.matches = [query](const ledger::ParsedRecord* record, const StoredRecord& stored) {
      return query.matches({.record = record,
                            .line = stored.line,
                            .host = stored.host,
                            .unit = stored.unit,
                            .stream = stored.key.stream,
                            .derived = stored.derived});
    };
  }
  return true;
}

}  // namespace yunjian::collector
