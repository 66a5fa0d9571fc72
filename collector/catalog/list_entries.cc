#include "collector/catalog/list_entries.h"

#include "ledger/base/bytes.h"

namespace yunjian::collector {

namespace {

void put(RegistryEntry& entry, const char* name, const std::string& value) {
  if (!value.empty()) entry.fields[name] = value;
}

std::string size_text(std::uint64_t size) { return size == 0 ? "" : std::to_string(size); }

std::uint64_t size_of(const RegistryEntry& entry, std::string_view name) {
  return ledger::parse_decimal(entry.field(name)).value_or(0);
}

}  // namespace

RegistryEntry entry_of(const Unit& unit) {
  RegistryEntry entry{.kind = "unit", .id = unit.id, .unit = unit.id};
  put(entry, "name", unit.name);
  put(entry, "county", unit.county);
  return entry;
}

RegistryEntry entry_of(const Host& host) {
  RegistryEntry entry{.kind = "host", .id = host.id, .unit = host.unit};
  put(entry, "unit", host.unit);
  put(entry, "system", host.system);
  put(entry, "name", host.name);
  put(entry, "vcpus", size_text(host.vcpus));
  put(entry, "memory_bytes", size_text(host.memory_bytes));
  put(entry, "purpose", host.purpose);
  put(entry, "address", host.address);
  return entry;
}

Unit unit_of_entry(const RegistryEntry& entry) {
  return {.id = entry.id, .name = entry.field("name"), .county = entry.field("county")};
}

Host host_of_entry(const RegistryEntry& entry) {
  return {.id = entry.id,
          .unit = entry.unit,
          .system = entry.field("system"),
          .name = entry.field("name"),
          .vcpus = size_of(entry, "vcpus"),
          .memory_bytes = size_of(entry, "memory_bytes"),
          .purpose = entry.field("purpose"),
          .address = entry.field("address")};
}

}  // namespace yunjian::collector
