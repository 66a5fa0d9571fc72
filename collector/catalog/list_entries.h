#pragma once

#include "collector/catalog/catalog.h"

namespace yunjian::collector {

// Units and hosts in the form of all other entries (kinds "unit" and "host"), as acts of the own
// stream hold them, and back.
RegistryEntry entry_of(const Unit& unit);
RegistryEntry entry_of(const Host& host);
Unit unit_of_entry(const RegistryEntry& entry);
Host host_of_entry(const RegistryEntry& entry);

}  // namespace yunjian::collector
