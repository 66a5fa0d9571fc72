#pragma once

#include <string>
#include <vector>

#include "collector/catalog/account.h"
#include "collector/catalog/database.h"

namespace yunjian::collector {

// For the .cc files of this folder only: rows of grants while the catalog is held.
std::vector<Grant> grants_to(soci::session& sql, const std::string& holder);

// The public name of a token: a prefix of the hash of a secret with 256 bits of its own.
inline constexpr std::size_t token_id_digits = 12;

}  // namespace yunjian::collector
