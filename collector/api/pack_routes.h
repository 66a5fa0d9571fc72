#pragma once

#include "collector/api/context.h"

namespace yunjian::collector {

// GET /v1/reports: the months whose packs are kept, newest first, with their revisions.
Outcome<Response> list_reports(const ApiContext& context, const Call& call);

// GET /v1/reports/{yyyy-mm}/pack/{path}: one file of the newest revision as it is kept and signed:
// `manifest`, `inputs.list`, `utilization.json`, `unit/tax/advice.pdf` … For scopes of the whole
// city; the packs of counties and units come by /v1/reports/{yyyy-mm}/{report}.{format} too.
Outcome<Response> get_pack_file(const ApiContext& context, const Call& call);

}  // namespace yunjian::collector
