#pragma once

#include "collector/api/context.h"
#include "collector/api/parameters.h"
#include "collector/query/plan.h"

namespace yunjian::collector {

inline const ledger::Time time_end =
    ledger::parse_time("9999-12-31T23:59:59.999999Z").value_or(ledger::Time::max());

// The part that all questions about records have in common: `q`, `from`, `to`, and what the
// credential may see. Reads nothing yet. Can be copied and outlive its request.
struct Question {
  std::string text;  // of q
  Query query;
  QueryPlan plan;
  Scope scope;
  ledger::Time from{};
  ledger::Time to{};

  static Outcome<Question> read(const ApiContext& context, const Call& call,
                                const Parameters& parameters);
  // Fills all that says which records. False: none can match.
  bool select(Selection& selection) const;
};

// `explain=true`: what of the query the store looks at before it reads lines, as JSON.
std::string explanation(const QueryPlan& plan);

// Becomes true when the read for this call should end.
const std::atomic<bool>* cancel_flag(const ApiContext& context, const Call& call);

// Whether the answer should be NDJSON.
bool wants_lines(const Request& request);

// The act of a look at records: who, what, from, to, q.
Act look_at_records(const ApiContext& context, const Call& call, const Parameters& parameters);

// What a read of the store that failed means to who asked: their own cancelling is told as such.
Refusal read_problem(const ledger::Error& error, const Request& request);

}  // namespace yunjian::collector
