#pragma once

#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "collector/admin_protocol.h"
#include "collector/api/act.h"
#include "collector/catalog/catalog.h"
#include "collector/store/own_stream.h"
#include "collector/store/record_store.h"
#include "rules/calendar/china_time.h"

namespace yunjian::collector {

class AccountOffice;
struct Doer;
class MonthPackFiles;
class MonthPacks;
class PackKeeper;
enum class Language;

// What commands work with; all of it outlives them.
struct AdminContext {
  Catalog* catalog = nullptr;
  EvidenceLog* log = nullptr;
  OwnStream* own = nullptr;
  RecordStore* records = nullptr;
  ledger::FileSystem* files = nullptr;
  ledger::Clock* clock = nullptr;
  ledger::Random* random = nullptr;
  AccountOffice* accounts = nullptr;
  std::string data;     // directory
  std::string scratch;  // directory for files that are being made
  MonthPacks* packs = nullptr;
  std::mutex* acts = nullptr;  // held while the catalog and the own stream are changed together
  const PackKeeper* keeper = nullptr;
  std::function<void()> holds_changed;  // called behind each change; may be empty
};

// The commands of `yunjian-collector` that need the collector's objects, whoever holds them: the
// running `serve`, or the command itself when nothing runs. Everything that changes something is
// first made a record of the collector's own stream, and done only when that is durable. One thread
// at a time.
class AdminCommands {
 public:
  explicit AdminCommands(AdminContext context) : context_(std::move(context)) {}

  // Reject: an unknown command or a mistake in it, told for a person.
  ledger::Result<AdminAnswer> run(const AdminRequest& request);

 private:
  using Answer = ledger::Result<AdminAnswer>;

  Answer create_token(const AdminRequest& request);
  Answer list_tokens(const AdminRequest& request);
  Answer revoke_token(const AdminRequest& request);
  Answer add_account(const AdminRequest& request);
  Answer list_accounts(const AdminRequest& request);
  Answer propose_grant(const AdminRequest& request);
  Answer approve_grant(const AdminRequest& request);
  Answer revoke_of_account(const AdminRequest& request);
  Answer make_account_certificate(const AdminRequest& request);
  Answer make_account_token(const AdminRequest& request);
  Answer create_enrol_token(const AdminRequest& request);
  Answer list_enrol_tokens(const AdminRequest& request);
  Answer revoke_enrol_token(const AdminRequest& request);
  Answer list_agents(const AdminRequest& request);
  Answer revoke_agent(const AdminRequest& request);
  Answer import_units(const AdminRequest& request);
  Answer import_hosts(const AdminRequest& request);
  Answer export_list(const AdminRequest& request);
  Answer import_entries(const AdminRequest& request);
  Answer export_entries(const AdminRequest& request);
  Answer retire_host(const AdminRequest& request);
  Answer build_report(const AdminRequest& request);
  Answer status(const AdminRequest& request);
  Answer verify(const AdminRequest& request);
  Answer set_hold(const AdminRequest& request);
  Answer list_holds(const AdminRequest& request);
  Answer lift_hold(const AdminRequest& request);
  Answer begin_backup(const AdminRequest& request);
  Answer end_backup(const AdminRequest& request);
  Answer record_repair(const AdminRequest& request);

  Answer preview_report(const AdminRequest& request, rules::Month month, Language language);
  struct ListImport;
  Answer import_list(const AdminRequest& request, const ListImport& list);
  // Acts of the entries, then `rows` of the catalog.
  ledger::Result<void> register_entries(const AdminRequest& request,
                                        const std::vector<RegistryEntry>& entries,
                                        const std::function<ledger::Result<void>()>& rows);
  ledger::Result<void> add_pack(AdminAnswer& answer, const MonthPackFiles& pack,
                                const std::string& prefix, Language language);
  ledger::Result<void> add_narrow_packs(AdminAnswer& answer, const MonthPackFiles& city,
                                        Language language);
  ledger::Result<TokenSpec> token_spec(const AdminRequest& request, bool& recovers) const;
  ledger::Result<ledger::Time> expiry(const AdminRequest& request, int days_default) const;
  ledger::Result<Doer> doer(const AdminRequest& request) const;
  ledger::Result<void> end_certificate(const Act& act, const std::string& agent,
                                       const std::string& reason);
  ledger::Result<void> record(const Act& act) { return context_.own->record(act.line()); }
  Act act(const AdminRequest& request, std::string_view what) const;

  AdminContext context_;
};

// Lines of a field that holds several values.
std::vector<std::string> field_lines(const AdminRequest& request, const std::string& name);

}  // namespace yunjian::collector
