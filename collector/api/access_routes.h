#pragma once

#include "collector/api/context.h"

namespace yunjian::collector {

// Who looked at what, from the sealed records of the collector's own stream and those that wait for
// their seal. Administrators for audit and the authority get all of it with the exact lines; units
// and counties get the looks at their own data, without what these say of others.
Outcome<Response> get_access(const ApiContext& context, const Call& call);

}  // namespace yunjian::collector
