#pragma once

#include <random>
#include <string>

namespace yunjian::collector::testing {

// A query in KQL over the records that this folder's tests make: conditions of every kind, joined
// and negated at most `depth` deep. The same for the same state of `random`. For tests only.
std::string random_query(std::mt19937& random, int depth);

}  // namespace yunjian::collector::testing
