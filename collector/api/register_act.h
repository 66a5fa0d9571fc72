#pragma once

#include <string>

#include "collector/api/act.h"
#include "collector/catalog/catalog.h"

namespace yunjian::collector {

// The act by which an entry (also a unit or host) became what it is, the act by which a finding
// moved one step, and the act by which a host's month was judged: from these records the catalog
// can be made again.
std::string register_act(Act act, const RegistryEntry& entry);
std::string finding_act(Act act, const Finding& finding, const FindingEvent& event);

std::string outcome_act(Act act, const StoredOutcome& outcome);

}  // namespace yunjian::collector
