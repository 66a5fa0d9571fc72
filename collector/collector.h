#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "collector/admin.h"
#include "collector/admin_socket.h"
#include "collector/api/account_office.h"
#include "collector/api/api_handler.h"
#include "collector/api/repeats.h"
#include "collector/config.h"
#include "collector/data_directory.h"
#include "collector/disk_watch.h"
#include "collector/holds.h"
#include "collector/http/certificates.h"
#include "collector/http/server.h"
#include "collector/ingest/enrol_handler.h"
#include "collector/ingest/ingest_handler.h"
#include "collector/month_packs.h"
#include "collector/pack_keeper.h"
#include "collector/query/record_deriver.h"
#include "collector/server_certificate.h"
#include "collector/store/filing_thread.h"
#include "collector/store/log_record_store.h"
#include "collector/verify/batch_verifier.h"
#include "collector/witness_service.h"

namespace yunjian::collector {

// The collector's parts, joined. Life: open() takes the data directory's lock and recovers the log
// -> commands run, or serve() opens the listeners and the admin socket -> step() about once a
// second -> stop(). One thread; the parts have their own.
class Collector {
 public:
  struct Options {
    CollectorConfig config;
    std::string boot_id;
    // Called once, from any thread, when nothing may be acknowledged any more: end the process.
    std::function<void(const ledger::Error&)> on_fatal;
  };
  // Retry: another process holds the data directory.
  static ledger::Result<std::unique_ptr<Collector>> open(const OwnStream::Tools& tools,
                                                         Options options);
  ~Collector();
  Collector(const Collector&) = delete;
  Collector& operator=(const Collector&) = delete;

  // What open() had to repair, one line each, for the operator.
  std::vector<std::string> recovered() const;

  ledger::Result<void> serve();
  std::uint16_t ingest_port() const;
  std::uint16_t api_port() const;

  ledger::Result<void> step();
  // Ends listeners and commands, writes the stop record and seals what waits.
  ledger::Result<void> stop();

  AdminCommands& admin() { return *admin_; }
  const EvidenceLog& log() const { return *log_; }
  const CertificateAuthority& authority() const { return *authority_; }

 private:
  class Front;

  Collector(const OwnStream::Tools& tools, Options options);
  ledger::Result<void> open_parts();
  ledger::Result<void> open_log();
  void make_admin();
  std::vector<std::string> hosts_by_unit() const;
  ledger::Result<void> ask_witnesses();
  void add_witness_parts(ApiContext& context);
  void make_handlers(std::vector<std::string> ingest_urls, const std::string& secret);
  ledger::Result<std::vector<std::string>> ingest_urls() const;
  ledger::Result<void> serve_admin();
  ledger::Result<std::vector<ListenerOptions>> listeners();
  ledger::Result<void> record(std::string_view what);
  ledger::Result<void> watch_disk(ledger::Time now);
  EvidenceLog::Retention retention() const;
  void start_filing();
  ledger::Result<void> filing_problem() const;

  const OwnStream::Tools tools_;
  const Options options_;
  const DataDirectory directory_;
  LogFacts facts_;
  std::atomic<bool> stopping_ = false;
  std::atomic<bool> disk_full_ = false;
  DiskWatch disk_;
  ledger::Time disk_looked_{};
  std::unique_ptr<ledger::File> lock_;
  std::unique_ptr<Catalog> catalog_;
  std::unique_ptr<Holds> holds_;
  const Deriver deriver_ = make_deriver(rules::Classifier::builtin());
  std::unique_ptr<EvidenceLog> log_;
  std::unique_ptr<FilingThread> filing_;  // while listeners are open
  std::unique_ptr<OwnStream> own_;
  std::vector<std::string> witnesses_not_asked_;
  std::unique_ptr<WitnessService> witness_;
  std::vector<ledger::Verifier> authorities_;
  std::unique_ptr<LogRecordStore> records_;
  std::unique_ptr<CertificateAuthority> authority_;
  ledger::Time certificate_end_{};  // of the server's
  std::unique_ptr<CursorSealer> cursors_;
  std::mutex acts_;  // held while the catalog and the own stream are changed together
  std::unique_ptr<HourFolds> folds_;
  std::unique_ptr<MonthPacks> packs_;
  std::unique_ptr<PackKeeper> keeper_;
  std::unique_ptr<AccountOffice> accounts_;
  std::unique_ptr<AdminCommands> admin_;
  std::unique_ptr<BatchVerifier> verifier_;
  std::unique_ptr<SuccessionDesk> succession_;
  std::unique_ptr<IngestHandler> ingest_;
  std::unique_ptr<EnrolHandler> enrol_;
  std::unique_ptr<Repeats> repeats_;
  std::unique_ptr<ApiHandler> api_;
  std::unique_ptr<Front> front_;
  std::unique_ptr<Server> server_;
  std::unique_ptr<AdminServer> admin_server_;
};

}  // namespace yunjian::collector
