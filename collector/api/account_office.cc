#include "collector/api/account_office.h"

#include <fmt/format.h>

#include <algorithm>

#include "collector/api/new_token.h"
#include "collector/http/certificates.h"
#include "ledger/base/bytes.h"

namespace yunjian::collector {

using ledger::ErrorKind;
using ledger::Time;

namespace {

constexpr std::size_t name_bytes_max = 256;
constexpr std::size_t grant_id_bytes = 6;

Refusal unacceptable(std::string detail) {
  return refuse(422, "not-accepted", "What was sent does not count here", std::move(detail));
}

Refusal conflict(std::string detail) {
  return refuse(409, "conflict", "This does not fit what is there", std::move(detail));
}

bool has_role(const Doer& doer, Role role) {
  return doer.credential && doer.credential->role == role;
}

// Whether somebody keeps accounts at all, and those of one role.
bool manages(const Doer& doer) {
  return !doer.credential || has_role(doer, Role::security) || has_role(doer, Role::authority);
}
bool manages(const Doer& doer, Role role) {
  return manages(doer) && (!has_role(doer, Role::authority) || role == Role::security);
}

bool sees_all_grants(const Doer& doer) { return manages(doer) || has_role(doer, Role::audit); }

// The role that an account has, will have or is proposed for.
std::optional<Role> role_of(const std::vector<Grant>& grants, const std::string& account,
                            Time now) {
  for (const Grant& grant : grants) {
    const bool over = !grant.revoked_by.empty() || now >= grant.until;
    if (!over && grant.to == account && grant.kind == GrantKind::role) return grant.role;
  }
  return std::nullopt;
}

bool owns_all(const Doer& doer, const std::vector<std::string>& units) {
  return has_role(doer, Role::unit) && std::ranges::all_of(units, [&](const std::string& unit) {
           return doer.credential->scope.allows(unit);
         });
}

bool may_see(const Doer& doer, const Grant& grant) {
  if (sees_all_grants(doer) || grant.to == doer.who) return true;
  return grant.kind == GrantKind::messages && !grant.units.empty() && owns_all(doer, grant.units);
}

Outcome<void> check_text(std::string_view what, const std::string& text, std::size_t bytes_max) {
  if (is_one_line(text, bytes_max)) return {};
  return unacceptable(fmt::format("'{}': 1 to {} bytes of text on one line", what, bytes_max));
}

Outcome<void> check_period(const GrantWish& wish, Time now, std::chrono::days longest) {
  const Time from = wish.from.value_or(now);
  if (wish.until <= now || wish.until <= from) {
    return unacceptable("'until' lies in the past or before 'from'");
  }
  if (wish.until - from <= longest) return {};
  return unacceptable(fmt::format("'until': at most {} days after 'from'", longest.count()));
}

}  // namespace

bool is_one_line(std::string_view text, std::size_t bytes_max) {
  const bool bad = std::ranges::any_of(
      text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
  // What a terminal takes for a control sequence may also come as one character (U+0080 to U+009F).
  const bool c1 = [&] {
    for (std::size_t i = 0; i + 1 < text.size(); ++i) {
      const auto next = static_cast<unsigned char>(text[i + 1]);
      if (text[i] == '\xc2' && next >= 0x80 && next < 0xa0) return true;
    }
    return false;
  }();
  return !text.empty() && text.size() <= bytes_max && !bad && !c1 && ledger::is_valid_utf8(text);
}

Doer doer_of(const Credential& credential, std::string address) {
  return {.who = credential.holder(), .credential = credential, .address = std::move(address)};
}

ledger::Result<void> check_role_scope(const Catalog& catalog, const TokenSpec& spec) {
  const auto reject = [](std::string what) { return ledger::fail(ErrorKind::reject, what); };
  if ((spec.role == Role::unit) != !spec.units.empty()) {
    return reject("--unit belongs to --role unit, at least once");
  }
  if ((spec.role == Role::county) != !spec.county.empty()) {
    return reject("--county belongs to --role county");
  }
  const auto units = catalog.units(Scope::all());
  if (!units) return ledger::fail(units.error().kind, units.error().message);
  for (const auto& wanted : spec.units) {
    if (std::ranges::any_of(*units, [&](const Unit& u) { return u.id == wanted; })) continue;
    return reject(
        fmt::format("--unit '{}' is not in the catalog; import it with `unit import`", wanted));
  }
  if (spec.role == Role::county &&
      std::ranges::none_of(*units, [&](const Unit& u) { return u.county == spec.county; })) {
    return reject(
        fmt::format("--county '{}': no unit of the catalog is in this county", spec.county));
  }
  return {};
}

Outcome<void> AccountOffice::record(const Doer& doer, Act act, const Grant* grant) {
  act.text("who", doer.who);
  if (doer.credential) {
    act.text("credential", doer.credential->id).text("name", doer.credential->name);
    act.text("doer_role", to_string(doer.credential->role)).text("address", doer.address);
  }
  if (grant != nullptr) {
    act.text("grant", grant->id).text("grant_kind", to_string(grant->kind)).text("to", grant->to);
    if (grant->kind == GrantKind::role) act.text("role", to_string(grant->role));
    if (!grant->units.empty()) act.text("units", fmt::format("{}", fmt::join(grant->units, " ")));
    if (!grant->county.empty()) act.text("county", grant->county);
    if (!grant->token.empty()) act.text("token", grant->token);
    act.text("reason", grant->reason).text("from", ledger::format_time(grant->from));
    act.text("until", ledger::format_time(grant->until)).text("proposed_by", grant->proposed_by);
  }
  auto recorded = parts_.record(act.line());
  if (!recorded) return storage_problem(recorded.error());
  return {};
}

// Sealed first, then done.
Outcome<Grant> AccountOffice::keep(const Doer& doer, std::string_view what, std::string_view step,
                                   Grant grant) {
  Act act(now(), what);
  act.text("step", step);
  if (auto recorded = record(doer, std::move(act), &grant); !recorded) return handed_on(recorded);
  if (auto put = parts_.catalog.put_grant(grant); !put) return storage_problem(put.error());
  return grant;
}

Outcome<Account> AccountOffice::open_account(const std::string& id) const {
  auto accounts = parts_.catalog.accounts();
  if (!accounts) return storage_problem(accounts.error());
  const auto found = std::ranges::find(*accounts, id, &Account::id);
  if (found == accounts->end() || found->closed) {
    return unacceptable(fmt::format("there is no open account '{}'", id));
  }
  return *found;
}

Outcome<Account> AccountOffice::add_account(const Doer& doer, const std::string& id,
                                            const std::string& name) {
  if (!manages(doer)) return forbidden("Accounts are kept by administrators for security.");
  if (!is_account_id(id)) {
    return unacceptable(
        "'id': 1 to 64 of a-z 0-9 . _ -, a letter first; twelve hexadecimal digits name a token");
  }
  if (auto good = check_text("name", name, name_bytes_max); !good) return handed_on(good);
  const std::lock_guard lock(mutex_);
  auto known = parts_.catalog.accounts();
  if (!known) return storage_problem(known.error());
  if (std::ranges::any_of(*known, [&](const Account& a) { return a.id == id; })) {
    return conflict(fmt::format("account '{}' is there already; ids are not used twice", id));
  }
  Act act(now(), "account");
  act.text("step", "add").text("to", id).text("account_name", name);
  if (auto recorded = record(doer, std::move(act)); !recorded) return handed_on(recorded);
  const Account account{.id = id, .name = name, .created = now()};
  if (auto added = parts_.catalog.add_account(account); !added) {
    return storage_problem(added.error());
  }
  return account;
}

Outcome<void> AccountOffice::close_account(const Doer& doer, const std::string& id) {
  if (!manages(doer)) return forbidden("Accounts are kept by administrators for security.");
  const std::lock_guard lock(mutex_);
  if (auto open = open_account(id); !open) return handed_on(open);
  Act act(now(), "account");
  act.text("step", "close").text("to", id);
  if (auto recorded = record(doer, std::move(act)); !recorded) return handed_on(recorded);
  if (auto closed = parts_.catalog.close_account(id); !closed) {
    return storage_problem(closed.error());
  }
  return {};
}

Outcome<void> AccountOffice::check_role_wish(const Doer& doer, const GrantWish& wish) const {
  if (!manages(doer, wish.role)) {
    return forbidden(
        "Roles are proposed by administrators for security; theirs also by the authority.");
  }
  if (doer.who == wish.to) return forbidden("Nobody grants anything to himself.");
  if (auto good = check_period(wish, now(), grant_max); !good) return good;
  if (auto account = open_account(wish.to); !account) return handed_on(account);
  auto scope = check_role_scope(parts_.catalog,
                                {.role = wish.role, .units = wish.units, .county = wish.county});
  if (!scope && scope.error().kind == ErrorKind::reject) return unacceptable(scope.error().message);
  if (!scope) return storage_problem(scope.error());
  auto grants = parts_.catalog.grants();
  if (!grants) return storage_problem(grants.error());
  for (const Grant& grant : *grants) {
    if (grant.to != wish.to || grant.kind != GrantKind::role) continue;
    const auto state = grant.state(now());
    if (state == "revoked" || state == "expired") continue;
    return conflict(
        fmt::format("account '{}' has grant {} of role {} ({}): a person holds one "
                    "role; revoke it first",
                    wish.to, grant.id, to_string(grant.role), state));
  }
  return {};
}

// Whether an account or a token of no account is a provider operator's.
Outcome<bool> AccountOffice::is_provider(const std::string& holder) const {
  auto token = parts_.catalog.credential_of(holder, now());
  if (!token) return storage_problem(token.error());
  if (*token) return (*token)->account.empty() && (*token)->role == Role::provider;
  auto grants = parts_.catalog.grants();
  if (!grants) return storage_problem(grants.error());
  return std::ranges::any_of(*grants, [&](const Grant& grant) {
    return grant.to == holder && grant.kind == GrantKind::role && grant.role == Role::provider &&
           grant.holds(now());
  });
}

Outcome<void> AccountOffice::check_messages_wish(const Doer& doer, const GrantWish& wish) const {
  const bool asks = has_role(doer, Role::provider) && doer.who == wish.to;
  if (!asks && !has_role(doer, Role::unit)) {
    return forbidden(
        "Log messages are granted by the unit they belong to, to a provider operator; the operator "
        "may ask for it.");
  }
  if (auto good = check_period(wish, now(), messages_grant_max); !good) return good;
  if (wish.units.empty()) return unacceptable("'units': name the unit whose log messages it is");
  auto units = parts_.catalog.units(doer.credential->scope);
  if (!units) return storage_problem(units.error());
  for (const std::string& wanted : wish.units) {
    if (std::ranges::any_of(*units, [&](const Unit& u) { return u.id == wanted; })) continue;
    return unacceptable(fmt::format("'units': '{}' is no unit that this credential sees", wanted));
  }
  auto provider = is_provider(wish.to);
  if (!provider) return handed_on(provider);
  if (!*provider) return unacceptable("'to': no provider operator goes by this name");
  return {};
}

Outcome<Grant> AccountOffice::propose(const Doer& doer, const GrantWish& wish) {
  if (wish.kind == GrantKind::token) return unacceptable("a token is made, not wished for");
  if (auto good = check_text("reason", wish.reason, reason_bytes_max); !good) {
    return handed_on(good);
  }
  const std::lock_guard lock(mutex_);
  const bool messages = wish.kind == GrantKind::messages;
  auto good = messages ? check_messages_wish(doer, wish) : check_role_wish(doer, wish);
  if (!good) return handed_on(good);
  Grant grant{.id = ledger::to_hex(random_bytes(parts_.random, grant_id_bytes)),
              .kind = wish.kind,
              .to = wish.to,
              .role = messages ? Role::provider : wish.role,
              .units = wish.units,
              .county = wish.county,
              .reason = wish.reason,
              .from = wish.from.value_or(now()),
              .until = wish.until,
              .proposed_by = doer.who,
              .proposed = now()};
  // The unit's own person gives what is the unit's to somebody else: that is two people.
  if (messages && owns_all(doer, wish.units)) {
    grant.approved_by = doer.who;
    grant.approved = now();
    return keep(doer, "grant", "give", std::move(grant));
  }
  return keep(doer, "grant", "propose", std::move(grant));
}

Outcome<Grant> AccountOffice::grant_seen(const Doer& doer, const std::string& id) const {
  auto grants = parts_.catalog.grants();
  if (!grants) return storage_problem(grants.error());
  const auto found = std::ranges::find(*grants, id, &Grant::id);
  if (found == grants->end() || !may_see(doer, *found)) return not_found();
  return *found;
}

// Two tokens of no account that bear one name are one person's.
Outcome<bool> AccountOffice::same_person(const std::string& a, const std::string& b) const {
  if (a == b) return true;
  auto tokens = parts_.catalog.tokens();
  if (!tokens) return storage_problem(tokens.error());
  const auto one = std::ranges::find(*tokens, a, &TokenInfo::id);
  const auto other = std::ranges::find(*tokens, b, &TokenInfo::id);
  return one != tokens->end() && other != tokens->end() && one->spec.name == other->spec.name;
}

Outcome<void> AccountOffice::may_approve(const Doer& doer, const Grant& grant) const {
  if (!doer.credential) {
    return forbidden(
        "The operator of the collector's machine proposes and revokes; approving takes an "
        "administrator for security or the authority.");
  }
  for (const std::string& other : {grant.proposed_by, grant.to}) {
    auto same = same_person(doer.who, other);
    if (!same) return handed_on(same);
    if (*same) {
      return forbidden("A grant takes two people: who proposed it or gets it cannot approve it.");
    }
  }
  const bool messages = grant.kind == GrantKind::messages;
  auto role = concerned(grant);
  if (!role) return handed_on(role);
  if (messages ? owns_all(doer, grant.units) : manages(doer, *role)) return {};
  return forbidden(messages ? "Log messages are granted by the unit they belong to."
                            : "Grants are approved by administrators for security; grants to "
                              "these also by the authority.");
}

// The role that a grant is about; a token's is that of its account.
Outcome<Role> AccountOffice::concerned(const Grant& grant) const {
  if (grant.kind != GrantKind::token) return grant.role;
  auto grants = parts_.catalog.grants();
  if (!grants) return storage_problem(grants.error());
  return role_of(*grants, grant.to, now()).value_or(Role::unit);
}

Outcome<Grant> AccountOffice::approve(const Doer& doer, const std::string& id) {
  const std::lock_guard lock(mutex_);
  auto grant = grant_seen(doer, id);
  if (!grant) return grant;
  if (auto may = may_approve(doer, *grant); !may) return handed_on(may);
  if (!grant->is_waiting(now())) {
    return conflict(fmt::format("grant {} is {} and waits for nobody", id, grant->state(now())));
  }
  grant->approved_by = doer.who;
  grant->approved = now();
  return keep(doer, "grant", "approve", *std::move(grant));
}

Outcome<Grant> AccountOffice::revoke_grant(const Doer& doer, const std::string& id) {
  const std::lock_guard lock(mutex_);
  auto grant = grant_seen(doer, id);
  if (!grant) return grant;
  const bool own = grant->to == doer.who || grant->proposed_by == doer.who;
  const bool units = grant->kind == GrantKind::messages && owns_all(doer, grant->units);
  auto role = concerned(*grant);
  if (!role) return handed_on(role);
  if (!manages(doer, *role) && !own && !units) {
    return forbidden(
        "A grant is revoked by who manages accounts, whose units it is about, or who "
        "holds it.");
  }
  if (!grant->revoked_by.empty()) return conflict(fmt::format("grant {} is revoked already", id));
  grant->revoked_by = doer.who;
  grant->revoked = now();
  return keep(doer, "revoke", "revoke", *std::move(grant));
}

Outcome<void> AccountOffice::may_make_token(const Doer& doer, const std::string& account,
                                            std::uint64_t days) const {
  const bool own = doer.credential && doer.credential->account == account;
  auto role = concerned({.kind = GrantKind::token, .to = account});
  if (!role) return handed_on(role);
  if (!own && !manages(doer, *role)) {
    return forbidden(
        "A token is made for one's own account, or by an administrator for security; for these "
        "also by the authority.");
  }
  if (days == 0 || days > account_token_days_max) {
    return unacceptable(fmt::format("'days': 1 to {}", account_token_days_max));
  }
  if (auto open = open_account(account); !open) return handed_on(open);
  return {};
}

Outcome<AccountOffice::NewToken> AccountOffice::make_token(const Doer& doer,
                                                           const std::string& account,
                                                           std::uint64_t days) {
  const std::lock_guard lock(mutex_);
  if (auto may = may_make_token(doer, account, days); !may) return handed_on(may);
  const std::string secret = new_token(parts_.random);
  auto made = add_credential(doer, account, secret, days);
  if (made) made->secret = secret;
  return made;
}

Outcome<AccountOffice::NewToken> AccountOffice::make_certificate(const Doer& doer,
                                                                 const std::string& account,
                                                                 const std::string& csr,
                                                                 std::uint64_t days) {
  const std::lock_guard lock(mutex_);
  if (auto may = may_make_token(doer, account, days); !may) return handed_on(may);
  if (!parts_.issue) return unacceptable("certificates are issued while `serve` runs");
  auto pem = parts_.issue(csr, account, std::chrono::days(static_cast<int>(days)));
  if (!pem && pem.error().kind == ErrorKind::reject) return unacceptable(pem.error().message);
  if (!pem) return storage_problem(pem.error());
  auto facts = read_certificate(*pem);
  if (!facts) return storage_problem(facts.error());
  auto made = add_credential(doer, account, certificate_secret(facts->sha256), days);
  if (made) made->secret = *std::move(pem);
  return made;
}

// A credential of an account: known by its secret, of which only the hash is kept.
Outcome<AccountOffice::NewToken> AccountOffice::add_credential(const Doer& doer,
                                                               const std::string& account,
                                                               const std::string& secret,
                                                               std::uint64_t days) {
  const bool own = doer.credential && doer.credential->account == account;
  NewToken made{.id = token_id(secret),
                .expires = now() + std::chrono::days(static_cast<int>(days))};
  Act act(now(), "token");
  act.text("step", "make").text("to", account).text("token", made.id);
  act.text("expires", ledger::format_time(made.expires));
  if (auto recorded = record(doer, std::move(act)); !recorded) return handed_on(recorded);
  auto added = parts_.catalog.add_account_token(
      secret, {.account = account, .made_by = own ? "" : doer.who, .expires = made.expires}, now());
  if (!added) return storage_problem(added.error());
  if (own) return made;
  auto waiting = keep(doer, "grant", "propose",
                      {.id = ledger::to_hex(random_bytes(parts_.random, grant_id_bytes)),
                       .kind = GrantKind::token,
                       .to = account,
                       .token = made.id,
                       .reason = "token " + made.id,
                       .from = now(),
                       .until = made.expires,
                       .proposed_by = doer.who,
                       .proposed = now()});
  if (!waiting) return handed_on(waiting);
  made.grant = waiting->id;
  return made;
}

Outcome<void> AccountOffice::revoke_token(const Doer& doer, const std::string& id) {
  const std::lock_guard lock(mutex_);
  auto tokens = this->tokens(doer);
  if (!tokens) return handed_on(tokens);
  const auto found = std::ranges::find(*tokens, id, &TokenInfo::id);
  if (found == tokens->end()) return not_found();
  const bool own = id == doer.credential.value_or(Credential{}).id || found->account == doer.who;
  if (!own && !manages(doer)) {
    return forbidden("A token is revoked by whose it is or by who manages accounts.");
  }
  Act act(now(), "revoke");
  act.text("step", "revoke").text("token", id);
  if (!found->account.empty()) act.text("to", found->account);
  if (auto recorded = record(doer, std::move(act)); !recorded) return handed_on(recorded);
  if (auto done = parts_.catalog.revoke_token(id); !done) return storage_problem(done.error());
  return {};
}

Outcome<std::vector<Account>> AccountOffice::accounts(const Doer& doer) const {
  auto accounts = parts_.catalog.accounts();
  if (!accounts) return storage_problem(accounts.error());
  if (!sees_all_grants(doer)) {
    std::erase_if(*accounts, [&](const Account& account) { return account.id != doer.who; });
  }
  return *std::move(accounts);
}

Outcome<std::vector<Grant>> AccountOffice::grants(const Doer& doer) const {
  auto grants = parts_.catalog.grants();
  if (!grants) return storage_problem(grants.error());
  std::erase_if(*grants, [&](const Grant& grant) { return !may_see(doer, grant); });
  return *std::move(grants);
}

Outcome<std::vector<TokenInfo>> AccountOffice::tokens(const Doer& doer) const {
  auto tokens = parts_.catalog.tokens();
  if (!tokens) return storage_problem(tokens.error());
  if (!sees_all_grants(doer)) {
    const std::string own = doer.credential->id;
    std::erase_if(*tokens, [&](const TokenInfo& token) {
      return token.id != own && (token.account.empty() || token.account != doer.who);
    });
  }
  return *std::move(tokens);
}

// A grant that was revoked or has ended counts too: else who may revoke it alone would be free.
ledger::Result<AccountOffice::OperatorTokens> AccountOffice::operator_tokens() const {
  auto grants = parts_.catalog.grants();
  if (!grants) return ledger::failure(grants);
  const bool held = std::ranges::any_of(*grants, [](const Grant& grant) {
    return grant.kind == GrantKind::role && grant.role == Role::security &&
           !grant.approved_by.empty();
  });
  if (!held) return OperatorTokens::free;
  auto tokens = parts_.catalog.tokens();
  if (!tokens) return ledger::failure(tokens);
  for (const TokenInfo& token : *tokens) {
    auto credential = parts_.catalog.credential_of(token.id, now());
    if (!credential) return ledger::failure(credential);
    if (*credential && (*credential)->role == Role::authority) return OperatorTokens::closed;
  }
  return OperatorTokens::recovery;
}

}  // namespace yunjian::collector
