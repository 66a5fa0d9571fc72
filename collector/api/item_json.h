#pragma once

#include "collector/api/json.h"
#include "collector/store/record_store.h"

namespace yunjian::collector {

// A record as search, tail and exports give it: where it came from, what was derived, the line.
void write_item(Json& json, const StoredRecord& record);

void write_scanned(Json& json, const ScanStats& stats);

}  // namespace yunjian::collector
