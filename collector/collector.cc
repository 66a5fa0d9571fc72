#include "collector/collector.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "collector/projection.h"
#include "collector/serve_metrics.h"
#include "ledger/posix/disk_space.h"

namespace yunjian::collector {

using ledger::ErrorKind;
using ledger::Result;

// The api listener: enrolment has its own handler, everything else is the audit API.
class Collector::Front : public Handler {
 public:
  Front(EnrolHandler& enrol, ApiHandler& api) : enrol_(enrol), api_(api) {}

  Response handle(const Request& request) override { return of(request.path).handle(request); }
  std::uint64_t body_bytes_max(std::string_view method, std::string_view path) const override {
    return of(path).body_bytes_max(method, path);
  }

 private:
  Handler& of(std::string_view path) const { return path.starts_with("/enrol/") ? enrol_ : api_; }

  Handler& enrol_;
  Handler& api_;
};

namespace {

constexpr std::size_t ingest_listener = 0;
constexpr std::size_t api_listener = 1;
constexpr std::uint64_t ingest_bytes_per_s_min = 512;
constexpr std::size_t api_connections_per_peer_max = 512;
constexpr auto disk_look_step = std::chrono::seconds(5);

}  // namespace

Collector::Collector(const OwnStream::Tools& tools, Options options)
    : tools_(tools), options_(std::move(options)), directory_{options_.config.data} {}

// The filing thread asks parts that would go before it.
Collector::~Collector() { filing_.reset(); }

Result<std::unique_ptr<Collector>> Collector::open(const OwnStream::Tools& tools, Options options) {
  std::unique_ptr<Collector> collector(new Collector(tools, std::move(options)));
  if (auto opened = collector->open_parts(); !opened) return ledger::failure(opened);
  return collector;
}

Result<void> Collector::open_parts() {
  auto facts = read_log_facts(tools_.files, directory_.log_facts());
  if (!facts) return ledger::failure(facts);
  facts_ = std::move(*facts);
  auto lock = tools_.files.lock(directory_.lock());
  if (!lock && lock.error().kind == ErrorKind::retry) {
    return ledger::fail(ErrorKind::retry,
                        fmt::format("{} is held by another yunjian-collector; wait for it or stop "
                                    "it",
                                    directory_.root));
  }
  if (!lock) return ledger::failure(lock);
  lock_ = std::move(*lock);
  auto catalog = Catalog::open(directory_.catalog());
  if (!catalog) return ledger::failure(catalog);
  catalog_ = std::move(*catalog);
  holds_ = std::make_unique<Holds>(*catalog_, options_.config.holds);
  if (auto read = holds_->refresh(); !read) return read;
  if (auto asked = ask_witnesses(); !asked) return asked;
  if (auto opened = open_log(); !opened) return opened;
  auto projected = project_acts(*catalog_, *log_);
  if (!projected) return ledger::failure(projected, "catalog");
  auto witness = WitnessService::open(
      {.log = *log_, .own = *own_, .files = tools_.files, .clock = tools_.clock}, directory_.root,
      options_.config.witness);
  if (!witness) return ledger::failure(witness, "witnesses");
  witness_ = std::move(*witness);
  auto authorities = verifiers_of(options_.config.witness.authorities);
  if (!authorities) return ledger::failure(authorities, "[witness] authorities");
  authorities_ = std::move(*authorities);
  records_ = std::make_unique<LogRecordStore>(*log_, &deriver_);
  folds_ =
      std::make_unique<HourFolds>(HourFolds::Parts{.records = *records_,
                                                   .files = tools_.files,
                                                   .clock = tools_.clock,
                                                   .directory = directory_.folds(),
                                                   .hosts = [this] { return hosts_by_unit(); }});
  packs_ = std::make_unique<MonthPacks>(MonthPacks::Parts{.catalog = *catalog_,
                                                          .log = *log_,
                                                          .own = *own_,
                                                          .records = *records_,
                                                          .files = tools_.files,
                                                          .clock = tools_.clock,
                                                          .scratch = directory_.scratch(),
                                                          .directory = directory_.reports(),
                                                          .folds = *folds_,
                                                          .acts = acts_});
  keeper_ = std::make_unique<PackKeeper>(PackKeeper::Parts{
      .packs = *packs_, .catalog = *catalog_, .log = *log_, .own = *own_, .acts = acts_});
  accounts_ = std::make_unique<AccountOffice>(AccountOffice::Parts{
      .catalog = *catalog_,
      .clock = tools_.clock,
      .random = tools_.random,
      .record = [this](std::string line) { return own_->record(std::move(line)); },
      .issue = [this](const std::string& csr, const std::string& account,
                      std::chrono::seconds validity) -> Result<std::string> {
        if (!authority_) {
          return ledger::fail(ErrorKind::reject, "certificates are issued while `serve` runs");
        }
        return authority_->issue_client(
            csr, {.agent = account, .validity = validity, .is_account = true}, tools_.clock.wall());
      }});
  make_admin();
  return {};
}

std::vector<std::string> Collector::hosts_by_unit() const {
  std::set<std::pair<std::string, std::string>> hosts;
  for (const StreamInfo& stream : log_->streams()) {
    if (stream.id != log_->own_stream()) hosts.emplace(stream.state.unit, stream.state.host);
  }
  std::vector<std::string> ids;
  for (const auto& [unit, host] : hosts) ids.push_back(host);
  return ids;
}

void Collector::make_admin() {
  admin_ = std::make_unique<AdminCommands>(AdminContext{.catalog = catalog_.get(),
                                                        .log = log_.get(),
                                                        .own = own_.get(),
                                                        .records = records_.get(),
                                                        .files = &tools_.files,
                                                        .clock = &tools_.clock,
                                                        .random = &tools_.random,
                                                        .accounts = accounts_.get(),
                                                        .data = directory_.root,
                                                        .scratch = directory_.scratch(),
                                                        .packs = packs_.get(),
                                                        .acts = &acts_,
                                                        .keeper = keeper_.get(),
                                                        .holds_changed = [this] {
                                                          // After an error everything is held.
                                                          (void)holds_->refresh();
                                                        }});
}

// Opening the log signs a checkpoint over what the WAL holds: whoever has seen more is asked first.
Result<void> Collector::ask_witnesses() {
  auto verifier = ledger::Verifier::from_vkey(facts_.vkey);
  if (!verifier) return ledger::failure(verifier, directory_.log_facts());
  auto asked = ask_witnesses_before_start(tools_.files, options_.config.anchor, *verifier,
                                          options_.config.witness);
  if (!asked) return ledger::failure(asked);
  witnesses_not_asked_ = std::move(*asked);
  return {};
}

Result<void> Collector::open_log() {
  auto key = read_log_key(tools_.files, directory_, facts_);
  if (!key) return ledger::failure(key);
  auto log = EvidenceLog::open(tools_.files, tools_.clock,
                               {.directory = directory_.root,
                                .anchor_path = options_.config.anchor,
                                .origin = facts_.origin,
                                .suite = facts_.suite,
                                .deriver = &deriver_,
                                .on_fatal = options_.on_fatal},
                               std::move(*key));
  if (!log) return ledger::failure(log);
  log_ = std::move(*log);
  auto own = OwnStream::open(
      *log_, tools_, {.state_path = directory_.stream_state(), .boot_id = options_.boot_id});
  if (!own) return ledger::failure(own, "the collector's own stream");
  own_ = std::move(*own);
  return {};
}

std::vector<std::string> Collector::recovered() const {
  const auto& done = log_->recovered();
  std::vector<std::string> lines = witnesses_not_asked_;
  if (done.leaves_adopted > 0) {
    lines.push_back(fmt::format("{} leaves were durable before the last stop and are signed now",
                                done.leaves_adopted));
  }
  if (done.cut_bytes > 0) {
    lines.push_back(
        fmt::format("segment {:016x}: a torn tail of {} bytes at offset {} was cut{}; "
                    "nobody was told it had been kept",
                    done.cut_segment, done.cut_bytes, done.cut_offset,
                    done.set_aside ? " (kept beside it as .cut)" : ""));
  }
  return lines;
}

Result<void> Collector::serve() {
  auto pair = load_pair(tools_.files, {directory_.tls(), "ca"});
  if (!pair) return ledger::failure(pair);
  auto authority = CertificateAuthority::load(*pair, tools_.random);
  if (!authority) return ledger::failure(authority);
  authority_ = std::make_unique<CertificateAuthority>(std::move(*authority));
  auto cursor_key = read_secret(tools_.files, directory_.cursor_key());
  if (!cursor_key) return ledger::failure(cursor_key);
  cursors_ = std::make_unique<CursorSealer>(*cursor_key);
  auto urls = ingest_urls();
  if (!urls) return ledger::failure(urls);
  start_filing();
  make_handlers(std::move(*urls), *cursor_key);
  auto options = listeners();
  if (!options) return ledger::failure(options);
  auto server = Server::start(std::move(*options));
  if (!server) return ledger::failure(server);
  server_ = std::move(*server);
  if (auto served = serve_admin(); !served) return served;
  witness_->start_pushing();
  keeper_->start(tools_.clock);
  return record("start");
}

EvidenceLog::Retention Collector::retention() const {
  EvidenceLog::Retention retention;
  retention.keep = std::chrono::days(options_.config.retention_days);
  retention.held = [this](const std::string& unit, const std::string& host, std::uint64_t day) {
    return holds_->held(unit, host, day);
  };
  retention.mark = holds_->mark();
  retention.act = [this](const EvidenceLog::Purged& purged) {
    return Act(tools_.clock.wall(), "purge")
        .text("day", purged.day)
        .number("batches", purged.batches)
        .line();
  };
  const Cosignatures& cosignatures = witness_->cosignatures();
  if (!cosignatures.policy().witnesses.empty()) {
    const auto counts = cosignatures.counts();
    retention.witnessed = {.size = counts.witnessed_size, .at = counts.witnessed_at};
  }
  return retention;
}

void Collector::start_filing() {
  filing_ = std::make_unique<FilingThread>(
      *log_, FilingThread::Options{.retention = [this] { return retention(); }});
}

void Collector::make_handlers(std::vector<std::string> ingest_urls, const std::string& secret) {
  verifier_ = std::make_unique<BatchVerifier>(*log_, tools_.clock);
  enrol_ = std::make_unique<EnrolHandler>(
      EnrolmentOffice::Parts{.log = *log_,
                             .catalog = *catalog_,
                             .authority = *authority_,
                             .clock = tools_.clock,
                             .random = tools_.random,
                             .certificate_validity = options_.config.certificate_validity},
      EnrolHandler::Options{
          .ingest_urls = std::move(ingest_urls),
          .record = [this](std::string line) { return own_->record(std::move(line)); }});
  repeats_ = std::make_unique<Repeats>(*catalog_, tools_.clock);
  succession_ = std::make_unique<SuccessionDesk>(SuccessionDesk::Parts{.log = *log_,
                                                                       .catalog = *catalog_,
                                                                       .verifier = *verifier_,
                                                                       .enrol = *enrol_,
                                                                       .clock = tools_.clock,
                                                                       .secret = secret});
  ingest_ = std::make_unique<IngestHandler>(IngestHandler::Parts{
      .verifier = *verifier_,
      .catalog = *catalog_,
      .authority = *authority_,
      .clock = tools_.clock,
      .certificate_validity = options_.config.certificate_validity,
      .record = [this](std::string line) { return own_->record(std::move(line)); },
      .full = &disk_full_,
      .succession = succession_.get(),
      .witnessed =
          [this](std::string_view stream, std::uint64_t batch) {
            return witness_->witnessed_receipt(stream, batch);
          }});
  ApiContext context{
      .catalog = catalog_.get(),
      .log = log_.get(),
      .records = records_.get(),
      .deriver = &deriver_,
      .clock = &tools_.clock,
      .cursors = cursors_.get(),
      .files = &tools_.files,
      .scratch = directory_.scratch(),
      .commit_act = [this](std::string line) { return own_->record(std::move(line)); },
      .accounts = accounts_.get(),
      .changing = catalog_.get(),
      .repeats = repeats_.get(),
      .acts = &acts_,
      .packs = &packs_->store(),
      .folds = folds_.get(),
      .log_open = options_.config.log_open,
      .metrics_open = options_.config.metrics_open,
      .requests_per_s = options_.config.requests_per_s,
      .stopping = &stopping_};
  context.metrics.push_back([this] { return verify_metrics(verifier_->counters()); });
  context.metrics.push_back([this] { return ingest_metrics(ingest_->counters()); });
  context.metrics.push_back([this] { return enrol_metrics(enrol_->counters()); });
  context.metrics.push_back([this] { return log_metrics(log_->stats()); });
  context.metrics.push_back([this] { return filing_metrics(filing_->status()); });
  context.metrics.push_back([this] { return keeper_->metrics(); });
  add_witness_parts(context);
  context.metrics.push_back([this] {
    return listener_metrics(server_->counters(ingest_listener), server_->counters(api_listener));
  });
  context.metrics.push_back([this] {
    return host_metrics({.data = options_.config.data,
                         .anchor = options_.config.anchor,
                         .certificate_end = certificate_end_});
  });
  api_ = std::make_unique<ApiHandler>(std::move(context));
  front_ = std::make_unique<Front>(*enrol_, *api_);
}

void Collector::add_witness_parts(ApiContext& context) {
  context.cosignatures = &witness_->cosignatures();
  context.lists = &witness_->lists();
  context.authorities = authorities_;
  context.commit_leaf = [this](std::string leaf) -> Result<std::uint64_t> {
    std::vector<Entry> entries;
    entries.emplace_back(LeafEntry{std::move(leaf)});
    auto committed = log_->commit(std::move(entries));
    if (!committed) return ledger::failure(committed);
    return committed->leaves.front();
  };
  context.metrics.push_back([this] { return witness_->metrics(); });
}

// Without any in the configuration: the first name of the server certificate.
Result<std::vector<std::string>> Collector::ingest_urls() const {
  if (!options_.config.ingest_urls.empty()) return options_.config.ingest_urls;
  auto names = server_names(tools_.files, directory_, options_.config.names);
  if (!names) return ledger::failure(names);
  const bool six = names->front().find(':') != std::string::npos;
  return std::vector<std::string>{fmt::format("https://{}{}{}:{}", six ? "[" : "", names->front(),
                                              six ? "]" : "", options_.config.ingest_listen.port)};
}

Result<std::vector<ListenerOptions>> Collector::listeners() {
  auto pair =
      current_server_certificate(tools_.files, directory_, *authority_,
                                 {.names = options_.config.names, .now = tools_.clock.wall()});
  if (!pair) return ledger::failure(pair);
  auto facts = read_certificate(pair->certificate);
  if (!facts) return ledger::failure(facts);
  certificate_end_ = facts->not_after;
  const auto& config = options_.config;
  ListenerOptions ingest{.address = config.ingest_listen.address,
                         .port = config.ingest_listen.port,
                         .certificate_pem = pair->certificate,
                         .private_key_pem = pair->private_key,
                         .client_certificate = ClientCertificate::required,
                         .client_ca_pem = authority_->certificate_pem(),
                         .handler = ingest_.get(),
                         .limits = {}};
  // Their certificates say who they are: a host behind a slow line is not a stranger who dawdles.
  ingest.limits.bytes_per_s_min = ingest_bytes_per_s_min;
  ListenerOptions api{.address = config.api_listen.address,
                      .port = config.api_listen.port,
                      .certificate_pem = pair->certificate,
                      .private_key_pem = pair->private_key,
                      .client_certificate = ClientCertificate::optional,
                      .client_ca_pem = authority_->certificate_pem(),
                      .handler = front_.get(),
                      .limits = {}};
  api.limits.connections_per_peer_max = api_connections_per_peer_max;
  std::vector<ListenerOptions> options;
  options.push_back(std::move(ingest));
  options.push_back(std::move(api));
  return options;
}

Result<void> Collector::serve_admin() {
  // We hold the lock: a socket that is there was left by a process that is gone.
  const std::string path = directory_.admin_socket();
  auto there = tools_.files.exists(path);
  if (!there) return ledger::failure(there);
  if (*there) {
    if (auto removed = tools_.files.remove(path); !removed) return removed;
  }
  auto server = AdminServer::start(
      path, [this](const AdminRequest& request) { return admin_->run(request); });
  if (!server) return ledger::failure(server);
  admin_server_ = std::move(*server);
  return {};
}

std::uint16_t Collector::ingest_port() const { return server_->port(ingest_listener); }

std::uint16_t Collector::api_port() const { return server_->port(api_listener); }

Result<void> Collector::step() {
  const ledger::Time now = tools_.clock.wall();
  if (server_ != nullptr) {
    if (auto stepped = witness_->step(); !stepped) return stepped;
  }
  if (auto watched = watch_disk(now); !watched) return watched;
  if (auto stepped = own_->step(now); !stepped) return stepped;
  return filing_problem();
}

// Nothing is lost by it, but the WAL grows and the operator must know why.
Result<void> Collector::filing_problem() const {
  if (!filing_) return {};
  const auto error = filing_->status().error;
  if (!error) return {};
  return ledger::fail(ErrorKind::retry,
                      fmt::format("filing failed and is tried again each minute, the WAL grows "
                                  "meanwhile: {}",
                                  error->message));
}

// A disk that cannot be asked is not full: the first write that fails says so.
Result<void> Collector::watch_disk(ledger::Time now) {
  if (now - disk_looked_ < disk_look_step && now >= disk_looked_) return {};
  disk_looked_ = now;
  const auto space = ledger::read_disk_space(directory_.root);
  if (!space) return {};
  const auto alarm = disk_.look(now, space->bytes - space->free_bytes, space->bytes);
  disk_full_ = disk_.is_full();
  if (!alarm) return {};
  Act act(now, "alarm");
  act.text("alarm", "disk");
  if (alarm->days_to_full) act.number("days_to_full", *alarm->days_to_full);
  act.number("percent", alarm->percent);
  return own_->record(act.line());
}

Result<void> Collector::record(std::string_view what) {
  return own_->record(Act(tools_.clock.wall(), what).line());
}

Result<void> Collector::stop() {
  stopping_ = true;
  packs_->cancel();  // whoever waits for one, be it the keeper or a command, is waited for below
  const bool served = server_ != nullptr;
  admin_server_.reset();
  if (served) server_->stop();
  filing_.reset();
  keeper_.reset();
  if (served) {
    if (auto removed = tools_.files.remove(directory_.admin_socket()); !removed) return removed;
    if (auto recorded = record("stop"); !recorded) return recorded;
  }
  return own_->stop();
}

}  // namespace yunjian::collector
