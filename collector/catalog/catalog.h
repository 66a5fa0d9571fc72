#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "collector/catalog/account.h"
#include "collector/catalog/finding.h"
#include "collector/catalog/hold.h"
#include "collector/catalog/registry.h"
#include "collector/catalog/repeated_answer.h"
#include "collector/store/scope.h"
#include "ledger/base/clock.h"
#include "ledger/base/result.h"

namespace yunjian::collector {

struct Unit {
  std::string id = {};      // ledger::is_unit_id
  std::string name = {};    // as people write it
  std::string county = {};  // "" = city level
};

struct Host {
  std::string id = {};  // ledger::is_host_name; unique over all units
  std::string unit = {};
  std::string system = {};         // business system, may be empty
  std::string name = {};           // display name
  std::uint64_t vcpus = 0;         // ordered size; 0 = not known
  std::uint64_t memory_bytes = 0;  // ordered size; 0 = not known
  std::string purpose = {};        // production | test | dr | ""
  std::string address = {};
};

struct Agent {
  std::string id = {};  // 32 hex digits
  std::uint64_t incarnation = 1;
  std::string host = {};
  std::string unit = {};
  std::string certificate_sha256 = {};  // of the one now valid
  ledger::Time enrolled = {};
};

// The certificate that was issued to follow an agent's current one and was not used yet.
struct Renewal {
  std::string agent = {};
  std::string key_sha256 = {};  // of its public key: the same request is answered the same
  std::string certificate_sha256 = {};
  std::string certificate = {};  // PEM
  ledger::Time issued = {};
};

// A renewal becomes current with the first batch that is accepted under it.
enum class CertificateUse { refused, renewal, current };

// The end of an agent's certificates before their time; a later incarnation is not concerned.
struct AgentRevocation {
  std::string agent = {};
  std::uint64_t incarnation = 1;
  std::string reason = {};
  ledger::Time revoked = {};
};

struct TokenSpec {
  std::string name = {};
  Role role = Role::unit;
  std::vector<std::string> units = {};  // for unit
  std::string county = {};              // for county
  ledger::Time expires = {};
};

struct TokenInfo {
  std::string id = {};
  TokenSpec spec;
  ledger::Time created = {};
  bool revoked = false;
  std::string account = {};
  std::string made_by = {};  // "" = the account itself, or no account
};

struct EnrolTokenSpec {
  std::string unit = {};
  std::string agent = {};  // when set: opens that agent's next incarnation
  std::uint64_t uses = 1;
  ledger::Time expires = {};
};

struct EnrolTokenInfo {
  std::string id = {};
  EnrolTokenSpec spec;
  std::uint64_t used = 0;
  ledger::Time created = {};
  bool revoked = false;
};

// An enrolment in progress: same token and same first key give the same reservation, for ever.
struct Reservation {
  std::string token_id = {};
  std::string first_key = {};  // raw
  std::string agent = {};
  std::uint64_t incarnation = 1;
  std::string unit = {};
  std::string host = {};
  std::string text = {};         // enrolment text to be signed
  std::string certificate = {};  // PEM once finished
  std::string leaf = {};         // whole leaf once finished
};

// The public id of an API or enrol token.
std::string token_id(std::string_view secret);
// What stands for the secret of a client certificate, which has none; no token holds a colon.
std::string certificate_secret(std::string_view sha256);

// Units, hosts, agents and credentials: SQL through SOCI, SQLite embedded. Any thread (one
// connection under a mutex, WAL mode, synchronous=FULL). Rows that affect reports are projections
// of records in the collector's own stream.
class Catalog {
 public:
  static ledger::Result<std::unique_ptr<Catalog>> open(
      const std::string& path);  // creates tables, mode 0600
  ~Catalog();
  // Writes a copy, as of one moment, to a file that is not there yet; the caller makes it durable.
  ledger::Result<void> copy_to(const std::string& path) const;

  ledger::Result<void> put_units(const std::vector<Unit>& units);  // all or none
  ledger::Result<void> put_hosts(const std::vector<Host>& hosts);
  ledger::Result<std::vector<Unit>> units(const Scope& scope) const;
  ledger::Result<std::vector<Host>> hosts(const Scope& scope) const;
  ledger::Result<std::optional<Host>> host(const Scope& scope, std::string_view id) const;

  ledger::Result<void> put_agent(const Agent& agent);
  ledger::Result<std::optional<Agent>> agent(const Scope& scope, std::string_view id) const;
  ledger::Result<std::vector<Agent>> agents(const Scope& scope) const;

  ledger::Result<CertificateUse> certificate_use(std::string_view agent,
                                                 std::string_view sha256) const;
  // The renewal becomes current and puts the former out of use (durable on return).
  ledger::Result<void> promote_renewal(std::string_view agent, std::string_view sha256);
  ledger::Result<void> drop_renewal(std::string_view agent);
  ledger::Result<void> note_certificate_end(std::string_view agent, std::string_view sha256,
                                            ledger::Time end);
  // Of the agents' current certificates, as far as they are known.
  ledger::Result<std::map<std::string, ledger::Time>> certificate_ends() const;
  // Its current certificate and the renewal are out of use when this returns.
  ledger::Result<void> revoke_agent(const AgentRevocation& revocation);
  // By agent; of incarnations that a later enrolment did not take the place of.
  ledger::Result<std::map<std::string, AgentRevocation>> revoked_agents() const;
  ledger::Result<std::optional<Renewal>> renewal(std::string_view agent) const;
  ledger::Result<void> put_renewal(const Renewal& renewal);  // takes the place of one not used

  ledger::Result<void> put_hold(const Hold& hold);                        // a new one
  ledger::Result<void> lift_hold(std::string_view id, ledger::Time now);  // reject: none counts
  // Those on units of the scope, and on all units; oldest first, lifted ones too.
  ledger::Result<std::vector<Hold>> holds(const Scope& scope) const;

  // Secrets are given by the caller (random, base64url); only their SHA-256 is stored.
  ledger::Result<std::string> add_token(std::string_view secret, const TokenSpec& spec,
                                        ledger::Time now);  // its id
  ledger::Result<std::optional<Credential>> credential(std::string_view secret,
                                                       ledger::Time now) const;
  // The same for a token that is known by its id already; also says whether it is still good.
  ledger::Result<std::optional<Credential>> credential_of(std::string_view token_id,
                                                          ledger::Time now) const;
  ledger::Result<std::vector<TokenInfo>> tokens() const;
  ledger::Result<bool> revoke_token(std::string_view id);  // false: no such token
  // A token of an account: what it may do is what the account may. `made_by`: see TokenInfo.
  struct AccountToken {
    std::string account;
    std::string made_by;
    ledger::Time expires;
  };
  ledger::Result<std::string> add_account_token(std::string_view secret, const AccountToken& spec,
                                                ledger::Time now);

  ledger::Result<void> add_account(const Account& account);  // reject: the id is taken
  ledger::Result<bool> close_account(std::string_view id);   // false: none such
  ledger::Result<std::vector<Account>> accounts() const;     // by id
  ledger::Result<void> put_grant(const Grant& grant);        // new, or as it is now
  ledger::Result<std::vector<Grant>> grants() const;         // in the order they were proposed

  ledger::Result<std::string> add_enrol_token(std::string_view secret, const EnrolTokenSpec& spec,
                                              ledger::Time now);
  // Valid now, uses left (or this first key already holds a reservation under it). Reject says why
  // not.
  ledger::Result<EnrolTokenSpec> enrol_token(std::string_view secret, std::string_view first_key,
                                             ledger::Time now) const;
  ledger::Result<bool> knows_enrol_token(std::string_view secret) const;
  ledger::Result<std::vector<EnrolTokenInfo>> enrol_tokens() const;  // in the order they were made
  ledger::Result<bool> revoke_enrol_token(std::string_view id);      // false: none such
  ledger::Result<std::optional<Reservation>> reservation(std::string_view enrol_secret,
                                                         std::string_view first_key) const;
  ledger::Result<void> reserve(std::string_view enrol_secret,
                               const Reservation& reservation);  // takes one use, once
  ledger::Result<void> finish(std::string_view enrol_secret,
                              const Reservation& reservation);  // certificate and leaf are set

  // Entries passed check_entry(); all or none. One of the same rules::entry_key takes its place.
  ledger::Result<void> put_entries(const std::vector<RegistryEntry>& entries);
  ledger::Result<std::vector<RegistryEntry>> entries(const Scope& scope,
                                                     std::string_view kind) const;  // by key
  ledger::Result<std::optional<RegistryEntry>> entry(const Scope& scope, std::string_view kind,
                                                     std::string_view key) const;
  // The unit of a "unit", a "host" or an entry; absent: there is none such that the scope shows.
  ledger::Result<std::optional<std::string>> owner(const Scope& scope, std::string_view kind,
                                                   std::string_view id) const;

  // The finding as it is after `event`. Retry: somebody else took that step number.
  ledger::Result<void> put_finding(const Finding& finding, const FindingEvent& event);
  ledger::Result<std::vector<Finding>> findings(const Scope& scope,
                                                const FindingFilter& filter) const;  // by id
  ledger::Result<std::optional<Finding>> finding(const Scope& scope, std::string_view id) const;
  ledger::Result<std::vector<FindingEvent>> finding_events(std::string_view id) const;

  // A month judged again takes the place of what was kept of it.
  ledger::Result<void> put_outcomes(const std::vector<StoredOutcome>& outcomes);
  // Of the months from `from` to before `until`, by host and month.
  ledger::Result<std::vector<StoredOutcome>> outcomes(const std::string& from,
                                                      const std::string& until) const;

  // Months of which each outcome is an act of the own stream; others were kept by an older program.
  ledger::Result<std::set<std::string, std::less<>>> sealed_outcome_months() const;
  ledger::Result<void> set_outcomes_sealed(const std::string& month);
  // Steps of all findings: as many as there are acts of them.
  ledger::Result<std::uint64_t> finding_steps() const;

  // So many records of the own stream were made good in these tables.
  ledger::Result<std::uint64_t> projected_acts() const;
  ledger::Result<void> set_projected_acts(std::uint64_t count);

  ledger::Result<std::optional<RepeatedAnswer>> repeated_answer(const RepeatedKey& key) const;
  ledger::Result<void> keep_answer(const RepeatedKey& key, const RepeatedAnswer& answer,
                                   ledger::Time now);

 private:
  struct Impl;
  explicit Catalog(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace yunjian::collector
