#pragma once

#include <initializer_list>

#include "collector/catalog/account.h"

namespace yunjian::collector {

// Who may use a route at all; the scope of the credential then narrows what it shows.
struct Access {
  unsigned roles = 0;  // a bit for each
  bool open = false;   // without a credential

  static constexpr unsigned bit(Role role) { return 1U << static_cast<unsigned>(role); }
  static constexpr Access of(std::initializer_list<Role> roles) {
    Access access;
    for (const Role role : roles) access.roles |= bit(role);
    return access;
  }
  constexpr bool allows(Role role) const { return open || (roles & bit(role)) != 0; }
};

namespace access {

using enum Role;

inline constexpr Access everybody{.roles = 0, .open = true};
inline constexpr Access any_credential{.roles = ~0U, .open = false};
// Records, usage, findings, reports.
inline constexpr Access data = Access::of({authority, county, unit, provider});
// How hosts and their agents do.
inline constexpr Access health = Access::of({authority, county, unit, provider, system});
// The collector's own figures, which are the whole city's.
inline constexpr Access figures = Access::of({authority, provider, system});
inline constexpr Access authority_alone = Access::of({authority});
// Lists and changes of accounts; whose they are is decided by AccountOffice.
inline constexpr Access accounts = Access::of({authority, security, audit});
inline constexpr Access accounts_change = Access::of({authority, security});
// Who looked at what.
inline constexpr Access looks = Access::of({authority, county, unit, audit});

}  // namespace access

}  // namespace yunjian::collector
