#pragma once

#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "collector/api/act.h"
#include "collector/api/outcome.h"
#include "collector/catalog/catalog.h"
#include "ledger/base/random.h"

namespace yunjian::collector {

inline constexpr int account_token_days_default = 90;
inline constexpr int account_token_days_max = 366;
inline constexpr std::chrono::days grant_max{3653};
inline constexpr std::chrono::days messages_grant_max{366};
inline constexpr std::size_t reason_bytes_max = 1024;

// Who does something to accounts: a credential, or the operator of the collector's own machine.
struct Doer {
  std::string who;                       // an account, the id of a token, "uid 0 (root)"
  std::optional<Credential> credential;  // absent: the operator
  std::string address = {};
};
Doer doer_of(const Credential& credential, std::string address);

// What is asked for in a grant; reason and end are needed.
struct GrantWish {
  GrantKind kind = GrantKind::role;  // role or messages
  std::string to = {};
  Role role = Role::unit;
  std::vector<std::string> units = {};
  std::string county = {};
  std::string reason = {};
  std::optional<ledger::Time> from = {};  // absent: now
  ledger::Time until = {};
};

// Text that does no harm where it is shown: UTF-8 without control characters, 1 to 256 bytes.
bool is_one_line(std::string_view text, std::size_t bytes_max = 256);

// A role's units or county: both belong to their role, and the catalog knows them. Reject.
ledger::Result<void> check_role_scope(const Catalog& catalog, const TokenSpec& spec);

// Keeps accounts, what is granted to them, and their tokens. The rules:
// - A role and a token for somebody else are proposed by one person and approved by another, and
//   neither of them is who gets it. Administrators for security propose and approve; so does the
//   authority for these administrators and nobody else. The operator of the collector's machine
//   proposes only.
// - Log messages are granted to a provider operator by the unit they belong to, on its own or when
//   the operator asks for it.
// - Taking away needs one person.
// Every act is a record of the collector's own stream before it is done. Any thread.
class AccountOffice {
 public:
  struct Parts {  // outlive the office
    Catalog& catalog;
    ledger::Clock& clock;
    ledger::Random& random;
    std::function<ledger::Result<void>(std::string line)> record;
    // A certificate (PEM) for a request that proves its key. Reject: what is wrong with the
    // request.
    using Issue = std::function<ledger::Result<std::string>(
        const std::string& csr, const std::string& account, std::chrono::seconds validity)>;
    Issue issue = {};
  };
  explicit AccountOffice(Parts parts) : parts_(std::move(parts)) {}

  Outcome<Account> add_account(const Doer& doer, const std::string& id, const std::string& name);
  Outcome<void> close_account(const Doer& doer, const std::string& id);

  Outcome<Grant> propose(const Doer& doer, const GrantWish& wish);
  Outcome<Grant> approve(const Doer& doer, const std::string& id);
  Outcome<Grant> revoke_grant(const Doer& doer, const std::string& id);

  struct NewToken {
    std::string secret;
    std::string id;
    ledger::Time expires;
    std::string grant;  // that must be approved first; "" when it holds at once
  };
  Outcome<NewToken> make_token(const Doer& doer, const std::string& account, std::uint64_t days);
  // The same with a client certificate, which NewToken::secret then holds.
  Outcome<NewToken> make_certificate(const Doer& doer, const std::string& account,
                                     const std::string& csr, std::uint64_t days);
  Outcome<void> revoke_token(const Doer& doer, const std::string& id);

  // What of the lists somebody may see: administrators for security and audit and the authority all
  // of it, others what is theirs or, with grants of messages, is about their units.
  Outcome<std::vector<Account>> accounts(const Doer& doer) const;
  Outcome<std::vector<Grant>> grants(const Doer& doer) const;
  Outcome<std::vector<TokenInfo>> tokens(const Doer& doer) const;

  // Whether the operator of the machine alone makes tokens of no account: until the first
  // administrator for security was approved. From then on for ever by two people, but for a way
  // back when no valid credential of the authority is left.
  enum class OperatorTokens { free, recovery, closed };
  ledger::Result<OperatorTokens> operator_tokens() const;

  ledger::Time now() const { return parts_.clock.wall(); }

 private:
  Outcome<void> record(const Doer& doer, Act act, const Grant* grant = nullptr);
  Outcome<Account> open_account(const std::string& id) const;
  Outcome<Grant> grant_seen(const Doer& doer, const std::string& id) const;
  Outcome<void> check_role_wish(const Doer& doer, const GrantWish& wish) const;
  Outcome<void> check_messages_wish(const Doer& doer, const GrantWish& wish) const;
  Outcome<bool> is_provider(const std::string& holder) const;
  Outcome<Role> concerned(const Grant& grant) const;
  Outcome<bool> same_person(const std::string& a, const std::string& b) const;
  Outcome<void> may_approve(const Doer& doer, const Grant& grant) const;
  Outcome<void> may_make_token(const Doer& doer, const std::string& account,
                               std::uint64_t days) const;
  Outcome<NewToken> add_credential(const Doer& doer, const std::string& account,
                                   const std::string& secret, std::uint64_t days);
  Outcome<Grant> keep(const Doer& doer, std::string_view what, std::string_view step, Grant grant);

  const Parts parts_;
  std::mutex mutex_;  // one change at a time: what was checked still holds when it is written
};

}  // namespace yunjian::collector
