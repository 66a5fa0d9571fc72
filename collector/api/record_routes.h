#pragma once

#include "collector/api/context.h"

namespace yunjian::collector {

inline constexpr std::uint64_t page_default = 100;
inline constexpr std::uint64_t page_max = 10'000;

// GET /v1/search: q, from, to, order, limit, cursor.
Outcome<Response> search(const ApiContext& context, const Call& call);

// GET /v1/records/{stream}/{number}
Outcome<Response> get_record(const ApiContext& context, const Call& call);

// GET /v1/hosts/{id}/usage: from, to, step (minute, hour), order, limit, cursor.
Outcome<Response> host_usage(const ApiContext& context, const Call& call);

}  // namespace yunjian::collector
