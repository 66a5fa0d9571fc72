#pragma once

#include "collector/api/context.h"

namespace yunjian::collector {

inline constexpr std::uint64_t facet_fields_max = 10;
inline constexpr std::uint64_t facet_values_max = 1000;
inline constexpr std::uint64_t groups_max = 100'000;
inline constexpr std::uint64_t field_sample_records = 2000;

// GET /v1/hits: q, from, to, step, offset, field: counts by time and value.
Outcome<Response> get_hits(const ApiContext& context, const Call& call);

// GET /v1/facets: q, from, to, fields, limit: the most frequent values of fields.
Outcome<Response> get_facets(const ApiContext& context, const Call& call);

// GET /v1/fields: q, from, to: which fields the newest matches have.
Outcome<Response> get_fields(const ApiContext& context, const Call& call);

}  // namespace yunjian::collector
