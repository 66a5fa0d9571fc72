#include "collector/projected_rights.h"

#include <algorithm>
#include <array>
#include <sstream>

namespace yunjian::collector {

using ledger::ParsedRecord;
using ledger::Result;
using ledger::Time;

namespace {

std::string text_of(const ParsedRecord& record, std::string_view key) {
  return std::string(record.find(key).value_or(""));
}

Time time_of(const ParsedRecord& record, std::string_view key) {
  return ledger::parse_time(text_of(record, key)).value_or(Time{});
}

std::optional<GrantKind> kind_of(std::string_view text) {
  for (const GrantKind kind : {GrantKind::role, GrantKind::messages, GrantKind::token}) {
    if (to_string(kind) == text) return kind;
  }
  return std::nullopt;
}

// Acts were made once that had a second `kind` beside the record's own, in place of `grant_kind`.
std::string grant_kind(const ParsedRecord& record) {
  if (const auto kind = record.find("grant_kind")) return std::string(*kind);
  std::string last;
  for (const auto& field : record.fields) {
    if (field.key == "kind") last = field.value;
  }
  return last;
}

// The grant that an act is about, as it was when it was proposed. Nothing: of a kind or role that
// only a later version knows.
std::optional<Grant> proposed_grant(const ParsedRecord& record) {
  const auto kind = kind_of(grant_kind(record));
  if (!kind) return std::nullopt;
  Grant grant{.id = text_of(record, "grant"),
              .kind = *kind,
              .to = text_of(record, "to"),
              .county = text_of(record, "county"),
              .token = text_of(record, "token"),
              .reason = text_of(record, "reason"),
              .from = time_of(record, "from"),
              .until = time_of(record, "until"),
              .proposed_by = text_of(record, "proposed_by"),
              .proposed = time_of(record, "time")};
  if (*kind == GrantKind::messages) grant.role = Role::provider;
  if (*kind == GrantKind::role) {
    const auto role = parse_role(text_of(record, "role"));
    if (!role) return std::nullopt;
    grant.role = *role;
  }
  std::istringstream words(text_of(record, "units"));
  for (std::string unit; words >> unit;) grant.units.push_back(unit);
  return grant;
}

}  // namespace

bool ProjectedRights::may_be(std::string_view line) {
  constexpr std::array<std::string_view, 4> whats{R"("what":"account")", R"("what":"grant")",
                                                  R"("what":"revoke")", R"("what":"enrol-token")"};
  return std::ranges::any_of(
      whats, [&](std::string_view what) { return line.find(what) != std::string_view::npos; });
}

Result<bool> ProjectedRights::take(const ParsedRecord& record) {
  const auto what = record.find("what");
  if (what == "account") return take_account(record);
  if (what == "enrol-token") return end_enrol_token(record);
  if (what != "grant" && what != "revoke") return false;
  if (record.find("grant")) return take_grant(record);
  // A grant without an id is a token of no account, which the operator made.
  return what == "revoke" ? end_token(record) : false;
}

Result<bool> ProjectedRights::take_account(const ParsedRecord& record) {
  const std::string id = text_of(record, "to");
  const auto step = record.find("step");
  auto accounts = catalog_.accounts();
  if (!accounts) return ledger::failure(accounts);
  const auto known = std::ranges::find(*accounts, id, &Account::id);
  if (step == "add" && known == accounts->end() && is_account_id(id)) {
    auto added = catalog_.add_account(
        {.id = id, .name = text_of(record, "account_name"), .created = time_of(record, "time")});
    if (!added) return ledger::failure(added);
    return true;
  }
  if (step == "close" && known != accounts->end() && !known->closed) {
    return catalog_.close_account(id);
  }
  return false;
}

Result<bool> ProjectedRights::take_grant(const ParsedRecord& record) {
  auto told = proposed_grant(record);
  if (!told || told->id.empty()) return false;
  auto grants = catalog_.grants();
  if (!grants) return ledger::failure(grants);
  const auto known = std::ranges::find(*grants, told->id, &Grant::id);
  Grant grant = known == grants->end() ? std::move(*told) : *known;
  bool moved = known == grants->end();
  const auto step = record.find("step");
  const std::string who = text_of(record, "who");
  if ((step == "approve" || step == "give") && grant.approved_by.empty()) {
    grant.approved_by = who;
    grant.approved = time_of(record, "time");
    moved = true;
  }
  if (step == "revoke" && grant.revoked_by.empty()) {
    grant.revoked_by = who;
    grant.revoked = time_of(record, "time");
    moved = true;
  }
  if (!moved) return false;
  if (auto put = catalog_.put_grant(grant); !put) return ledger::failure(put);
  return true;
}

// Who revoked it over the API is told as `credential`; the operator's act has no other word for the
// token itself.
Result<bool> ProjectedRights::end_token(const ParsedRecord& record) {
  const std::string id =
      text_of(record, record.find("doer_role") || record.find("token") ? "token" : "credential");
  auto tokens = catalog_.tokens();
  if (!tokens) return ledger::failure(tokens);
  const auto known = std::ranges::find(*tokens, id, &TokenInfo::id);
  if (known == tokens->end() || known->revoked) return false;
  return catalog_.revoke_token(id);
}

Result<bool> ProjectedRights::end_enrol_token(const ParsedRecord& record) {
  if (record.find("step") != "revoke") return false;
  const std::string id = text_of(record, "token");
  auto tokens = catalog_.enrol_tokens();
  if (!tokens) return ledger::failure(tokens);
  const auto known = std::ranges::find(*tokens, id, &EnrolTokenInfo::id);
  if (known == tokens->end() || known->revoked) return false;
  return catalog_.revoke_enrol_token(id);
}

}  // namespace yunjian::collector
