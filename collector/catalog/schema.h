#pragma once

#include <soci/soci.h>

#include <string>

#include "ledger/base/result.h"

namespace yunjian::collector {

inline constexpr int schema_version = 1;

// Makes the connection durable and strict, then creates the tables or checks that they are of our
// version. Reject: the file is of another version. Throws what the library throws.
ledger::Result<void> prepare_schema(soci::session& sql);

}  // namespace yunjian::collector
