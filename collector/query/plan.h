#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "collector/query/query.h"
#include "collector/store/record_store.h"

namespace yunjian::collector {

// What a store can look at before anybody parses a line, and what is left of the query then.
struct QueryPlan {
  Filter filter;
  std::optional<std::vector<Lane>> lanes;  // absent: any
  bool residual = true;                    // false: the filter says it all
  // For people: the fields of `filter.columns` in their order.
  std::vector<std::string> column_fields;
};

// What a plan may know besides the query.
struct PlanContext {
  // All hosts whose records there may be; without it conditions on the host are not pushed down.
  std::function<std::vector<std::string>()> hosts;
  const std::vector<std::string>* derived_keys = nullptr;  // fields that no line holds
};

// Pushes down all that must hold: conditions on the host, on one field each, on kinds, and the
// words that texts must hold. The same records match with the plan as without it. The plan shares
// the query's tree.
QueryPlan plan_query(const Query& query, const PlanContext& context);

// Sets filter, lanes and the last word of `selection`; lanes that it already has are narrowed.
// False: no record can match, nothing need be read.
bool apply_plan(const Query& query, const QueryPlan& plan, Selection& selection);

}  // namespace yunjian::collector
