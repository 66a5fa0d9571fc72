#pragma once

#include "collector/api/name_page.h"
#include "collector/api/parameters.h"

namespace yunjian::collector {

// The page of a list that takes more parameters than `limit` and `cursor`; all of them belong to
// the question that a cursor holds for.
Outcome<NamePage> list_page(const ApiContext& context, const Parameters& parameters);

}  // namespace yunjian::collector
