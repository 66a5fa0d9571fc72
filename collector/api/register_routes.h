#pragma once

#include "collector/api/context.h"

namespace yunjian::collector {

// The register of operations and the inventory over the API. Entries are what
// `yunjian-collector inventory import` takes; each one that is new or changed is a record of the
// collector's own stream first.
//
// GET  /v1/operations                      the kinds there are
// GET  /v1/operations/{kind}, /v1/inventory/{kind}, /v1/exemptions    format=json|csv, limit,
// cursor POST the same                            one entry or a list (JSON), or CSV with
//                                          Content-Type: text/csv; dry_run=true only checks
Outcome<Response> list_kinds(const ApiContext& context, const Call& call);
Outcome<Response> get_operations(const ApiContext& context, const Call& call);
Outcome<Response> post_operations(const ApiContext& context, const Call& call);
Outcome<Response> get_inventory(const ApiContext& context, const Call& call);
Outcome<Response> post_inventory(const ApiContext& context, const Call& call);
Outcome<Response> get_exemptions(const ApiContext& context, const Call& call);
Outcome<Response> post_exemptions(const ApiContext& context, const Call& call);

// Whole registers come in one body.
inline constexpr std::uint64_t register_body_bytes_max = 4U << 20U;
bool is_register_path(std::string_view path);

}  // namespace yunjian::collector
