#pragma once

#include "collector/api/context.h"

namespace yunjian::collector {

// Units and hosts themselves over the API: /v1/inventory/unit and /v1/inventory/host, which hold
// what `unit import` and `host import` read. Everybody sees those of the scope; the authority and
// the provider change them, each change an act first.
bool is_list_kind(std::string_view kind);
// format=json|csv, limit, cursor.
Outcome<Response> get_list(const ApiContext& context, const Call& call, std::string_view kind);
// One object or a list as JSON, or CSV with Content-Type: text/csv; dry_run=true only checks.
Outcome<Response> post_list(const ApiContext& context, const Call& call, std::string_view kind);

// What an import found: "new", "changed", "same".
struct ImportCounts {
  std::string_view kind;
  std::uint64_t fresh = 0, changed = 0, same = 0;
  bool dry_run = false;
};
Response import_response(const ImportCounts& counts);

}  // namespace yunjian::collector
