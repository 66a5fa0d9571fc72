#include "tests/bench/load/load_agent.h"

#include "agent/enrol.h"
#include "agent/ship/tls_identity.h"
#include "ledger/checkpoint.h"
#include "ledger/posix/posix_file_system.h"

namespace yunjian::load {

using ledger::ErrorKind;
using ledger::fail;
using ledger::failure;
using ledger::Result;

namespace {

constexpr const char* state_directory = "/state";

// The collector's enrolment pages, with the CA in a real file: the agent's own is in memory.
class Pages : public agent::EnrolServer {
 public:
  Pages(const Site& site, const ledger::Clock& clock)
      : ca_file_(site.ca_file), server_(agent::make_enrol_server(site.url, "", clock)) {}
  Result<agent::HttpAnswer> fetch_ca() override { return server_->fetch_ca(); }
  Result<agent::HttpAnswer> post(const std::string& json, const std::string& /*ca_file*/) override {
    return server_->post(json, ca_file_);
  }

 private:
  std::string ca_file_;
  std::unique_ptr<agent::EnrolServer> server_;
};

Result<std::string> fingerprint_of(const std::string& ca_file) {
  ledger::PosixFileSystem disk;
  auto ca = disk.read_file(ca_file);
  if (!ca) return failure(ca);
  auto fingerprint = agent::certificate_fingerprint(*ca);
  if (!fingerprint) return failure(fingerprint, ca_file);
  return ledger::to_hex(ledger::as_view(*fingerprint));
}

// From memory to the disk, because libcurl reads it there; not durable, it is gone with the run.
Result<void> copy_out(ledger::FileSystem& from, const std::string& path, const std::string& to) {
  auto bytes = from.read_file(path);
  if (!bytes) return failure(bytes);
  ledger::PosixFileSystem disk;
  auto file = disk.open_append(to, 0600);
  if (!file) return failure(file);
  return (*file)->append(*bytes);
}

}  // namespace

Result<std::unique_ptr<LoadAgent>> LoadAgent::enrol(const Site& site, const std::string& host) {
  std::unique_ptr<LoadAgent> made(new LoadAgent());
  auto fingerprint = fingerprint_of(site.ca_file);
  if (!fingerprint) return failure(fingerprint);
  Pages pages(site, made->clock_);
  agent::EnrolOptions options;
  options.token = site.token;
  options.ca_fingerprint = *fingerprint;
  options.state = state_directory;
  options.host = host;
  auto identity = agent::enrol(
      options,
      {.files = &made->files_, .random = &made->random_, .clock = &made->clock_, .server = &pages});
  if (!identity) return failure(identity, host);
  made->identity_ = std::move(*identity);
  if (auto opened = made->open(site); !opened) return failure(opened, host);
  return made;
}

Result<void> LoadAgent::open(const Site& site) {
  const agent::StatePaths paths(state_directory);
  const std::string place = site.directory + "/" + identity_.host;
  if (auto out = copy_out(files_, paths.tls_certificate, place + ".crt"); !out) return out;
  if (auto out = copy_out(files_, paths.tls_key, place + ".key"); !out) return out;
  auto ratchet = ledger::Ratchet::open(files_, paths.ratchet);
  if (!ratchet) return failure(ratchet);
  auto log = ledger::Verifier::from_vkey(identity_.vkey);
  if (!log) return failure(log);
  ratchet_ = std::make_unique<ledger::Ratchet>(std::move(*ratchet));
  hasher_ = ratchet_->suite().hasher();
  receipts_ = std::make_unique<agent::ReceiptBook>(std::move(*log));
  agent::CurlOptions curl;
  curl.ca_file = site.ca_file;
  curl.cert_file = place + ".crt";
  curl.key_file = place + ".key";
  curl.clock = &clock_;
  uploader_ = std::make_unique<agent::CurlUploader>(identity_.ingest, std::move(curl));
  boot_id_ = site.boot_id;
  return {};
}

Result<void> LoadAgent::seal(const std::vector<std::string>& lines, Steady::time_point due,
                             ledger::BodyEncoder& encoder) {
  ledger::BatchBody body(*hasher_);
  for (const std::string& line : lines) {
    if (!body.add(line)) return fail(ErrorKind::reject, "the lines are too many for one batch");
  }
  Waiting next{.batch = ratchet_->next_batch(), .leaf = {}, .frame = {}, .due = due};
  if (auto encoded = encoder.encode(body.lines(), next.frame.body); !encoded) return encoded;
  auto header = ratchet_->prepare(random_,
                                  {.root = body.root(),
                                   .records = body.records(),
                                   .sealed = clock_.wall(),
                                   .boot_id = boot_id_,
                                   .boot_ms = static_cast<std::uint64_t>(clock_.boot().count()),
                                   .flags = {}},
                                  {});
  if (!header) return failure(header);
  if (auto committed = ratchet_->commit(); !committed) return committed;
  next.frame.header = std::move(*header);
  next.leaf = hasher_->leaf(next.frame.header);
  waiting_.push_back(std::move(next));
  return {};
}

Shipped LoadAgent::ship() {
  agent::Post post;
  for (const Waiting& each : waiting_) {
    if (!post.add(each.batch, each.leaf, {each.frame.header, each.frame.body})) break;
  }
  Shipped shipped;
  const auto answer = uploader_->post(post.bytes());
  if (!answer) {
    shipped.problem = answer.error().message;
    return shipped;
  }
  const agent::AnswerReading reading =
      agent::read_answer(post.places(), identity_.stream(), *answer, *receipts_);
  const auto now = Steady::now();
  for (std::size_t i = 0; i < reading.receipted; ++i) {
    shipped.waited.emplace_back(now - waiting_.front().due);
    waiting_.pop_front();
  }
  shipped.problem = reading.problem;
  shipped.retry_after = reading.retry_after.value_or(std::chrono::seconds(0));
  shipped.hopeless = reading.forked || reading.go_back || reading.refused;
  return shipped;
}

}  // namespace yunjian::load
