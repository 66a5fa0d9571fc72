#pragma once

#include "collector/api/context.h"

namespace yunjian::collector {

// GET /v1/log
Outcome<Response> get_log(const ApiContext& context, const Call& call);

// GET /checkpoint: C2SP tlog-checkpoint.
Outcome<Response> get_checkpoint(const ApiContext& context, const Call& call);

// GET /tile/<L>/<N>[.p/<W>] and /tile/entries/…: C2SP tlog-tiles, uncompressed.
Outcome<Response> get_tile(const ApiContext& context, const Call& call);

}  // namespace yunjian::collector
