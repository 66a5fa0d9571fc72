#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "collector/store/scope.h"
#include "ledger/base/clock.h"
#include "ledger/base/result.h"

namespace yunjian::collector {

// The first four look at data, each within its scope. The last three are the administrators, kept
// apart: `system` sees how hosts and the collector do, `security` manages accounts and grants,
// `audit` sees who looked at what. None of them sees usage, reports or log messages, and no role
// holds all rights.
enum class Role { authority, county, unit, provider, system, security, audit };
std::string_view to_string(Role role);
ledger::Result<Role> parse_role(std::string_view text);
bool is_administrator(Role role);

// A person. What it may do are grants to it; closed: nothing any more.
struct Account {
  std::string id = {};    // is_account_id
  std::string name = {};  // as people write it
  ledger::Time created = {};
  bool closed = false;
};
// 1 to 64 of a-z 0-9 . _ -, a letter first, and not twelve hexadecimal digits (those name tokens).
bool is_account_id(std::string_view id);

enum class GrantKind {
  role,      // makes an account what it is; one at a time
  messages,  // lets a provider operator read log messages of some units
  token,     // makes valid a token that somebody else made for the account
};
std::string_view to_string(GrantKind kind);

// A right that two people gave: one proposed it, another one approved it, and neither of them is
// who gets it. Its rows are never removed.
struct Grant {
  std::string id = {};  // 12 hexadecimal digits
  GrantKind kind = GrantKind::role;
  std::string to = {};  // an account, or for messages the id of a token of no account
  Role role = Role::unit;
  std::vector<std::string> units = {};  // for role unit, and for messages
  std::string county = {};              // for role county
  std::string token = {};               // for kind token: its id
  std::string reason = {};
  ledger::Time from = {};
  ledger::Time until = {};  // from <= now < until
  std::string proposed_by = {};
  ledger::Time proposed = {};
  std::string approved_by = {};  // "" = nobody yet
  ledger::Time approved = {};
  std::string revoked_by = {};
  ledger::Time revoked = {};

  bool is_waiting(ledger::Time now) const;  // for its second person
  bool holds(ledger::Time now) const;
  // proposed | coming | valid | expired | revoked
  std::string_view state(ledger::Time now) const;
};

// Who asks, as far as the collector knows it.
struct Credential {
  std::string id = {};    // short public id of the token
  std::string name = {};  // whose it is
  Role role = Role::unit;
  Scope scope = Scope::units({});
  std::string account = {};  // "" = a token of no account

  // The person behind it, as grants name people.
  const std::string& holder() const { return account.empty() ? id : account; }
};

}  // namespace yunjian::collector
