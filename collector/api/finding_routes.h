#pragma once

#include "collector/api/context.h"

namespace yunjian::collector {

// GET /v1/findings: host, state, month, open, limit, cursor.
Outcome<Response> list_findings(const ApiContext& context, const Call& call);

// GET /v1/findings/{id}: with every step of its life and what the asking role may do now.
Outcome<Response> get_finding(const ApiContext& context, const Call& call);

// POST /v1/findings/{id}: {"act":"agree","reason":"…"}. The act is a record of the collector's own
// stream before the finding moves; 409 with the reason when it is not allowed now or to this role.
Outcome<Response> post_finding(const ApiContext& context, const Call& call);

}  // namespace yunjian::collector
