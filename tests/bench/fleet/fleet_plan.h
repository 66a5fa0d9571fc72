#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "rules/calendar/china_time.h"

namespace yunjian::fleet {

// How a host behaves in every month that is seeded.
enum class Role {
  ordinary,
  month_end,  // busy on the last three days of a month, which P95 does not see
  low,
  idle,
  starving,
  severe,
  filling,  // its disk is full soon
  faked,
  wrong_shape,
  silent,    // its agent says nothing from the 20th on
  off,       // powered off, as the platform knows
  resized,   // twice the size from the third day of the last month on
  standby,   // idle by design: disaster recovery
  fresh,     // enrolled in the middle of the last month
  agreed,    // low by the built-in rules, ordinary by the limits of its agreement
  exempted,  // low, and exempt from being flagged
};
inline constexpr std::size_t role_count = 16;
std::string_view role_key(Role role);
// The verdict about its last part of the last month, and the flag after three months ("" = none).
std::string_view planted_verdict(Role role);
std::string_view planted_flag(Role role);

struct PlannedHost {
  std::string id;
  std::string name;
  std::string unit;
  std::string system;
  std::string system_id;
  Role role = Role::ordinary;
  unsigned vcpus = 4;
  unsigned memory_gb = 8;
};

struct PlannedUnit {
  std::string id;
  std::string name;
  std::string county;  // "" = the city
};

struct PlannedSystem {
  std::string id;
  std::string name;
  std::string unit;
  unsigned mlps_level = 2;
  bool is_public = false;
};

struct Plan {
  rules::Month first{};  // months that are seeded, both inclusive
  rules::Month last{};
  std::vector<PlannedUnit> units;
  std::vector<PlannedSystem> systems;
  std::vector<PlannedHost> hosts;
};

// `months` up to and with `last`. The same numbers give the same plan.
Plan make_plan(std::size_t hosts, rules::Month last, int months);

// The lists that the collector imports, by file name: units.csv, hosts.csv, <kind>.csv …, and
// planted.csv (host, role, verdict, flag), which it does not.
std::vector<std::pair<std::string, std::string>> plan_files(const Plan& plan);

}  // namespace yunjian::fleet
