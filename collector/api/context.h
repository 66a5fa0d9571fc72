#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "collector/api/act.h"
#include "collector/api/cursor.h"
#include "collector/api/outcome.h"
#include "collector/catalog/catalog.h"
#include "collector/store/evidence_log.h"
#include "collector/store/record_store.h"
#include "collector/witness/cosignatures.h"
#include "collector/witness/list_files.h"

namespace yunjian::collector {

class AccountOffice;
class HourFolds;
class PackStore;
class Repeats;
class UnitCounts;

// What the routes work with; all of it outlives them and may be used from any thread.
struct ApiContext {
  const Catalog* catalog = nullptr;
  const EvidenceLog* log = nullptr;
  RecordStore* records = nullptr;
  const Deriver* deriver = nullptr;  // what the records' derived fields are; may be absent
  const ledger::Clock* clock = nullptr;
  const CursorSealer* cursors = nullptr;
  ledger::FileSystem* files = nullptr;
  std::string scratch = {};  // directory for workbooks that are being made
  // Makes one line a durable record of the collector's own stream.
  std::function<ledger::Result<void>(std::string line)> commit_act = {};
  AccountOffice* accounts = nullptr;
  Catalog* changing = nullptr;  // the catalog, for routes that change it
  Repeats* repeats = nullptr;
  std::mutex* acts = nullptr;        // held while the catalog and the own stream change together
  const PackStore* packs = nullptr;  // of months that are over
  HourFolds* folds = nullptr;        // null: reports read every hour
  Cosignatures* cosignatures = nullptr;
  const ListFiles* lists = nullptr;
  std::vector<ledger::Verifier> authorities = {};  // whose endorsements count
  // Makes a signed note a leaf of the log; gives its index.
  std::function<ledger::Result<std::uint64_t>(std::string leaf)> commit_leaf = {};
  // Text in Prometheus' format, asked for at each scrape.
  std::vector<std::function<std::string()>> metrics = {};
  bool log_open = false;                        // checkpoint and tiles need no credential
  bool metrics_open = false;                    // neither do metrics
  std::uint64_t requests_per_s = 0;             // of one credential; 0: no limit
  const std::atomic<bool>* stopping = nullptr;  // long scans end early
};

// One request whose credential is known.
struct Call {
  const Request& request;
  const Credential& credential;
  std::vector<std::string> parts = {};  // what stood for the wildcards of the route
};

// Makes "who looked at what" durable; the answer may leave only when this has returned well.
Outcome<void> record_look(const ApiContext& context, const Act& act);

// The same for an answer that is made already: whose data left with it is told too.
Outcome<Response> recorded(const ApiContext& context, Act act, const UnitCounts& counts,
                           Response response);

// The act of a look with everything that all looks say.
Act look(const ApiContext& context, const Call& call, std::string_view what);

}  // namespace yunjian::collector
