#pragma once

#include "collector/catalog/catalog.h"
#include "ledger/record.h"

namespace yunjian::collector {

// What acts say of accounts, grants and tokens, made good in a catalog that may be an older copy:
// accounts and grants come back as they are, and what was taken away since (an account, a grant, a
// token, an enrol token) stays taken away. Rows only go forward: an act that a row knows already
// changes nothing. Tokens themselves do not come back, for no act holds their hashes. One thread.
class ProjectedRights {
 public:
  explicit ProjectedRights(Catalog& catalog) : catalog_(catalog) {}

  // Whether a line may be such an act, told without reading it.
  static bool may_be(std::string_view line);
  // True: the act changed a row. Acts of other kinds are passed over.
  ledger::Result<bool> take(const ledger::ParsedRecord& record);

 private:
  ledger::Result<bool> take_account(const ledger::ParsedRecord& record);
  ledger::Result<bool> take_grant(const ledger::ParsedRecord& record);
  ledger::Result<bool> end_token(const ledger::ParsedRecord& record);
  ledger::Result<bool> end_enrol_token(const ledger::ParsedRecord& record);

  Catalog& catalog_;
};

}  // namespace yunjian::collector
