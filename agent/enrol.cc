#include "agent/enrol.h"

#include <fmt/format.h>

#include <optional>

#include "agent/json_object.h"
#include "agent/ship/tls_identity.h"
#include "ledger/checkpoint.h"
#include "ledger/leaves.h"

namespace yunjian::agent {
namespace {

using ledger::ErrorKind;
using ledger::fail;
using ledger::failure;
using ledger::Result;

class CurlEnrolServer : public EnrolServer {
 public:
  CurlEnrolServer(std::string url, std::string proxy, const ledger::Clock& clock)
      : url_(std::move(url)), proxy_(std::move(proxy)), clock_(&clock) {
    while (url_.ends_with('/')) url_.pop_back();
  }

  Result<HttpAnswer> fetch_ca() override {
    CurlSession session({.proxy = proxy_, .verify = false, .clock = clock_});
    return session.perform({.url = url_ + "/enrol/v1/ca"});
  }

  Result<HttpAnswer> post(const std::string& json, const std::string& ca_file) override {
    CurlSession session({.ca_file = ca_file, .proxy = proxy_});
    return session.perform(
        {.url = url_ + "/enrol/v1", .body = json, .content_type = "application/json"});
  }

 private:
  std::string url_;
  std::string proxy_;
  const ledger::Clock* clock_;
};

// A smaller difference is the collector's to alarm; certificates may still be good.
constexpr std::chrono::hours clock_difference_max{24};
// From here on it is named where a certificate was refused.
constexpr std::chrono::minutes clock_difference_told{1};

// The keys of an enrolment under way.
struct Pending {
  std::string token_hash;
  std::string tls_key;
  std::unique_ptr<ledger::PrivateKey> key;
};

// One enrolment from beginning to end; the steps share what they learn.
class Enrolment {
 public:
  Enrolment(const EnrolOptions& options, const EnrolTools& tools)
      : options_(options), tools_(tools), paths_(options.state) {}

  Result<AgentIdentity> run();

 private:
  Result<std::optional<AgentIdentity>> repeated();
  Result<void> prepare_keys();
  Result<Pending> load_pending() const;
  Result<void> fetch_ca();
  Result<void> keep_ca();
  bool is_as_ended(const ledger::Enrolment& enrolment) const;
  Result<ledger::SealContext> former_context() const;
  Result<void> reserve_in_its_suite();
  Result<void> reserve();
  Result<void> complete();
  Result<void> check_leaf(const JsonObject& answer);
  Result<void> check_certificate_of(const JsonObject& answer);
  std::optional<ledger::SignatureLine> endorse();
  Result<void> move_old_aside();
  Result<void> write_state();
  Result<void> open_stream();
  Result<JsonObject> ask(std::vector<std::pair<std::string, JsonValue>> members);
  std::string clocks() const;

  const EnrolOptions& options_;
  EnrolTools tools_;
  StatePaths paths_;
  const ledger::Suite* suite_ = nullptr;
  bool other_suite_ = false;  // the collector refused the key for its suite
  Pending pending_;
  std::string ca_;
  std::chrono::milliseconds clock_ahead_{0};  // of the collector's, as its answer told
  std::string request_;
  std::string text_;  // of the enrolment
  std::string certificate_;
  std::string leaf_;
  AgentIdentity identity_;
};

std::string hash_of(const std::string& token) {
  return ledger::to_hex(ledger::as_view(ledger::sha256(token)));
}

Result<void> check_options(const EnrolOptions& options) {
  if (options.token.empty()) {
    return fail(ErrorKind::reject,
                "--token is empty: get one with `yunjian-collector enrol-token`");
  }
  if (!ledger::is_host_name(options.host)) {
    return fail(
        ErrorKind::reject,
        fmt::format(
            "\"{}\" cannot be a host's name here (lower-case letters, digits, '.', '-', '_', "
            "beginning with a letter or digit): give one with --host",
            options.host));
  }
  if (options.succession) return {};
  auto fingerprint = parse_fingerprint(options.ca_fingerprint);
  if (!fingerprint) return failure(fingerprint, "--ca-fingerprint");
  return {};
}

Result<AgentIdentity> Enrolment::run() {
  if (auto good = check_options(options_); !good) return failure(good);
  if (!options_.suite.empty()) {
    auto suite = ledger::find_suite(options_.suite);
    if (!suite) return failure(suite);
    suite_ = *suite;
  }
  if (auto made = tools_.files->make_directory(paths_.directory, 0700); !made) return failure(made);
  // The directory's own name must outlast a power cut too.
  auto synced = tools_.files->sync_directory(ledger::parent_directory(paths_.directory));
  if (!synced) return failure(synced);
  auto lock = lock_state(*tools_.files, paths_);
  if (!lock) return failure(lock);
  auto done = repeated();
  if (!done) return failure(done);
  if (*done) return **done;

  if (auto step = options_.succession ? keep_ca() : fetch_ca(); !step) return failure(step);
  if (auto step = reserve_in_its_suite(); !step) return failure(step);
  if (auto step = complete(); !step) return failure(step);
  if (auto step = move_old_aside(); !step) return failure(step);
  if (auto step = write_state(); !step) return failure(step, "cannot write the state directory");
  return identity_;
}

// The identity when this directory was enrolled with this token before.
Result<std::optional<AgentIdentity>> Enrolment::repeated() {
  auto there = tools_.files->exists(paths_.identity);
  if (!there) return failure(there);
  if (!*there) return std::optional<AgentIdentity>();
  auto identity = read_identity(*tools_.files, paths_);
  // A damaged one is no repeat: a new enrolment is what its error asks for.
  if (!identity && identity.error().kind == ErrorKind::corrupt) {
    return std::optional<AgentIdentity>();
  }
  if (!identity) return failure(identity);
  if (identity->token_hash != hash_of(options_.token)) return std::optional<AgentIdentity>();
  return std::optional<AgentIdentity>(std::move(*identity));
}

// Durable before the collector hears of them: an answer that is lost can be asked for again.
Result<void> Enrolment::prepare_keys() {
  auto there = tools_.files->exists(paths_.pending);
  if (!there) return failure(there);
  if (*there) {
    auto loaded = load_pending();
    if (loaded) pending_ = std::move(*loaded);
  }
  if (pending_.token_hash != hash_of(options_.token)) {
    auto key = suite_->generate(*tools_.random);
    if (!key) return failure(key);
    auto tls_key = make_tls_key();
    if (!tls_key) return failure(tls_key);
    pending_ = {.token_hash = hash_of(options_.token),
                .tls_key = std::move(*tls_key),
                .key = std::move(*key)};
    std::string secret = pending_.key->secret();
    std::string text = format_json({{"token_hash", pending_.token_hash},
                                    {"suite", std::string(suite_->name())},
                                    {"key", ledger::to_base64(secret)},
                                    {"tls_key", pending_.tls_key}});
    auto written = replace_file(*tools_.files, paths_.pending, text, 0600);
    ledger::wipe(secret);
    ledger::wipe(text);
    if (!written) return failure(written, "cannot write the keys");
  }
  auto request = make_tls_request(pending_.tls_key);
  if (!request) return failure(request);
  request_ = std::move(*request);
  return {};
}

Result<Pending> Enrolment::load_pending() const {
  auto text = tools_.files->read_file(paths_.pending);
  if (!text) return failure(text);
  auto json = JsonObject::parse(*text);
  ledger::wipe(*text);
  if (!json) return failure(json, paths_.pending);
  // Keys of the other suite are left from a try that the collector refused.
  if (json->text("suite") != suite_->name()) return Pending{};
  auto secret = ledger::from_base64(json->text("key"));
  if (!secret) return failure(secret, paths_.pending);
  auto key = suite_->load(*secret);
  ledger::wipe(*secret);
  if (!key) return failure(key, paths_.pending);
  return Pending{.token_hash = json->text("token_hash"),
                 .tls_key = json->text("tls_key"),
                 .key = std::move(*key)};
}

Result<void> Enrolment::fetch_ca() {
  auto answer = tools_.server->fetch_ca();
  if (!answer)
    return failure(answer, "cannot fetch the collector's CA from --collector, its api URL");
  if (answer->status != 200) {
    return fail(
        ErrorKind::reject,
        fmt::format(
            "the collector answered HTTP {} when asked for its CA: --collector must be its api "
            "URL (https://host:8444)",
            answer->status));
  }
  auto fingerprint = certificate_fingerprint(answer->body);
  if (!fingerprint) return failure(fingerprint, "the collector's CA");
  if (*fingerprint != *parse_fingerprint(options_.ca_fingerprint)) {
    return fail(
        ErrorKind::reject,
        fmt::format(
            "the collector's CA has the fingerprint {}, not the one of --ca-fingerprint: it is "
            "another collector, or somebody is in between; nothing was sent",
            ledger::to_hex(ledger::as_view(*fingerprint))));
  }
  clock_ahead_ = answer->clock_offset.value_or(clock_ahead_);
  if (std::chrono::abs(clock_ahead_) > clock_difference_max) {
    return fail(ErrorKind::reject, clocks() + "; nothing was sent");
  }
  ca_ = std::move(answer->body);
  return replace_file(*tools_.files, paths_.pending_ca, ca_, 0644);
}

std::string Enrolment::clocks() const {
  const ledger::Time now = tools_.clock->wall();
  return fmt::format(
      "this host's clock says {}, the collector's {}: set the wrong one (NTP) and enrol again",
      ledger::format_time(now), ledger::format_time(now - clock_ahead_));
}

// The log that goes on for a dead one has its CA.
Result<void> Enrolment::keep_ca() {
  auto there = tools_.files->exists(paths_.ca);
  if (!there) return failure(there);
  auto ca = tools_.files->read_file(*there ? paths_.ca : paths_.pending_ca);
  if (!ca) return failure(ca);
  ca_ = std::move(*ca);
  return *there ? replace_file(*tools_.files, paths_.pending_ca, ca_, 0644) : Result<void>();
}

Result<JsonObject> Enrolment::ask(std::vector<std::pair<std::string, JsonValue>> members) {
  if (options_.succession) {
    members.emplace_back("enrolment", options_.succession->leaf);
    members.emplace_back("head", options_.succession->head);
  } else {
    members.emplace_back("token", options_.token);
  }
  members.emplace_back("key", ledger::to_base64(pending_.key->public_key()));
  members.emplace_back("csr", request_);
  auto answer = tools_.server->post(format_json(members), paths_.pending_ca);
  if (!answer) {
    // A server's certificate is not good yet, or no longer, by a clock that is wrong.
    const bool told = std::chrono::abs(clock_ahead_) >= clock_difference_told;
    return failure(answer, told ? "cannot enrol (" + clocks() + ")" : "cannot enrol");
  }
  auto json = JsonObject::parse(answer->body);
  if (answer->status == 200 && json) return json;
  other_suite_ = json && json->text("type") == "urn:yunjian:problem:suite-mismatch";
  std::string detail = json ? json->text("detail") : std::string();
  if (detail.empty() && json) detail = json->text("title");
  const bool later = answer->status == 429 || answer->status >= 500;
  std::string_view advice = "";
  const bool advised = detail.find("enrol-token") != std::string::npos;
  if (!advised && (answer->status == 401 || answer->status == 403)) {
    advice = "; get a new token with `yunjian-collector enrol-token`";
  }
  return fail(later ? ErrorKind::retry : ErrorKind::reject,
              fmt::format("the collector refused to enrol (HTTP {}): {}{}", answer->status, detail,
                          advice));
}

// A collector's suite is learned by asking with a key of each, unless the operator insists on one.
Result<void> Enrolment::reserve_in_its_suite() {
  Result<void> step;
  if (suite_ != nullptr) {
    step = prepare_keys();
    return step ? reserve() : step;
  }
  for (const ledger::Suite* suite : ledger::all_suites()) {
    suite_ = suite;
    step = prepare_keys();
    if (step) step = reserve();
    if (step || !other_suite_) return step;
  }
  return step;
}

// First POST: the collector names the agent; its text must say what we asked for and nothing else.
Result<void> Enrolment::reserve() {
  // The time lets the collector refuse a host whose clock is wrong, with a sentence that says so.
  auto answer = ask({{"host", options_.host},
                     {"suite", std::string(suite_->name())},
                     {"time", ledger::format_time(tools_.clock->wall())}});
  if (!answer) return failure(answer);
  text_ = answer->text("text");
  auto enrolment = ledger::parse_enrolment(text_);
  if (!enrolment) return failure(enrolment, "the collector's enrolment text");
  const bool good = enrolment->origin == answer->text("origin") &&
                    enrolment->agent == answer->text("agent") &&
                    enrolment->incarnation == answer->number("incarnation") &&
                    enrolment->host == options_.host && enrolment->suite == suite_->name() &&
                    enrolment->first_key == pending_.key->public_key() && is_as_ended(*enrolment);
  if (!good) {
    return fail(
        ErrorKind::reject,
        "the collector's enrolment text names another key, host or agent than was asked for; "
        "nothing was signed");
  }
  identity_ = {.origin = enrolment->origin,
               .agent = enrolment->agent,
               .incarnation = enrolment->incarnation,
               .suite = enrolment->suite,
               .vkey = {},
               .ingest = {},
               .host = enrolment->host,
               .unit = enrolment->unit,
               .token_hash = pending_.token_hash};
  return {};
}

// The next incarnation of the agent that asks, behind its last header.
bool Enrolment::is_as_ended(const ledger::Enrolment& enrolment) const {
  if (!options_.succession) return true;
  const EnrolSuccession& from = *options_.succession;
  const std::string& last = from.head.empty() ? from.leaf : from.head;
  return enrolment.agent == from.ended.agent && enrolment.unit == from.ended.unit &&
         enrolment.incarnation == from.ended.incarnation + 1 &&
         enrolment.previous == suite_->hasher()->leaf(last);
}

// Second POST: our signature under the text.
Result<void> Enrolment::complete() {
  const ledger::Verifier signer(*suite_, ledger::agent_key_name(identity_.origin, identity_.agent),
                                pending_.key->public_key());
  auto line = sign_line(signer, *pending_.key, text_);
  if (!line) return failure(line);
  std::vector<ledger::SignatureLine> lines{*line};
  if (auto endorsement = endorse()) lines.push_back(std::move(*endorsement));
  const std::string note = ledger::format_note(text_, lines);
  auto answer = ask({{"signature", note.substr(text_.size() + 1)}});
  if (!answer) return failure(answer);
  identity_.vkey = answer->text("vkey");
  identity_.ingest = answer->texts("ingest");
  if (identity_.ingest.empty()) {
    return fail(ErrorKind::reject,
                "the collector names no ingest URL: set it in its configuration");
  }
  if (auto good = check_leaf(*answer); !good) return failure(good);
  return check_certificate_of(*answer);
}

// By the key that this host's former incarnation announced, when the collector has all that was
// sealed: then nobody but this host can have asked. Nothing otherwise; the enrolment is then
// unendorsed, and every verification says so.
std::optional<ledger::SignatureLine> Enrolment::endorse() {
  const auto there = tools_.files->exists(paths_.ratchet);
  if (!there || !*there) return {};
  const auto former = ledger::Ratchet::open(*tools_.files, paths_.ratchet);
  if (!former) return {};
  auto line = former->endorse(text_);
  if (!line) return {};
  return std::move(*line);
}

Result<void> Enrolment::check_leaf(const JsonObject& answer) {
  auto log = ledger::Verifier::from_vkey(identity_.vkey);
  if (!log) return failure(log, "the collector's vkey");
  leaf_ = answer.text("leaf");
  auto checked = verify_enrolment(leaf_, *log, std::nullopt);
  if (!checked) return failure(checked, "the enrolment leaf");
  auto note = ledger::parse_note(leaf_);
  if (!note) return failure(note, "the enrolment leaf");
  if (log->name() != identity_.origin || note->text != text_ ||
      (options_.succession && options_.succession->vkey != identity_.vkey)) {
    return fail(ErrorKind::reject, "the enrolment in the log is not the text that was signed");
  }
  auto receipt = verify_receipt(answer.text("receipt"), *log, suite_->hasher()->leaf(leaf_));
  if (!receipt) return failure(receipt, "the receipt of the enrolment");
  return {};
}

Result<void> Enrolment::check_certificate_of(const JsonObject& answer) {
  auto fingerprint = certificate_fingerprint(answer.text("ca"));
  if (!fingerprint || *fingerprint != *certificate_fingerprint(ca_)) {
    return fail(ErrorKind::reject, "the collector answered with another CA than the one compared");
  }
  certificate_ = answer.text("certificate");
  auto facts = check_certificate(certificate_, pending_.tls_key, ca_);
  if (!facts) return failure(facts);
  if (facts->common_name != identity_.agent) {
    return fail(ErrorKind::reject, "the client certificate names another agent");
  }
  const ledger::Time now = tools_.clock->wall();
  if (now < facts->not_before || now > facts->not_after) {
    return fail(
        ErrorKind::reject,
        fmt::format("this host's clock says {}, but the certificate is good from {} to {}: set the "
                    "clock (NTP) and repeat the command",
                    ledger::format_time(now), ledger::format_time(facts->not_before),
                    ledger::format_time(facts->not_after)));
  }
  return {};
}

// A former incarnation's files stay as they are: its batches may be evidence.
Result<void> Enrolment::move_old_aside() {
  ledger::FileSystem& files = *tools_.files;
  auto there = files.exists(paths_.identity);
  if (!there) return failure(there);
  if (!*there) return {};
  auto former = read_identity(files, paths_);
  if (!former && former.error().kind != ErrorKind::corrupt) return failure(former);
  if (auto made = files.make_directory(paths_.old, 0700); !made) return failure(made);
  const auto second = std::chrono::floor<std::chrono::seconds>(tools_.clock->wall());
  const std::string folder =
      former ? former->stream() : fmt::format("damaged-{}", second.time_since_epoch().count());
  const std::string target = ledger::join_path(paths_.old, folder);
  if (auto made = files.make_directory(target, 0700); !made) return failure(made);
  // The identity goes last: while it is here, a repeat comes back to this place.
  for (const std::string* path :
       {&paths_.spool, &paths_.ratchet, &paths_.enrolment, &paths_.checkpoint, &paths_.fork,
        &paths_.tls_key, &paths_.tls_certificate, &paths_.tls_next_key,
        &paths_.tls_next_certificate, &paths_.ca, &paths_.identity}) {
    auto exists = files.exists(*path);
    if (!exists) return failure(exists);
    if (!*exists) continue;
    const std::string name = path->substr(paths_.directory.size() + 1);
    if (auto moved = files.rename(*path, ledger::join_path(target, name)); !moved)
      return failure(moved);
  }
  for (const std::string& directory : {target, paths_.old, paths_.directory}) {
    if (auto synced = files.sync_directory(directory); !synced) return failure(synced);
  }
  return {};
}

Result<void> Enrolment::write_state() {
  ledger::FileSystem& files = *tools_.files;
  if (auto done = replace_file(files, paths_.tls_key, pending_.tls_key, 0600); !done)
    return failure(done);
  if (auto done = replace_file(files, paths_.tls_certificate, certificate_, 0644); !done) {
    return failure(done);
  }
  if (auto done = replace_file(files, paths_.ca, ca_, 0644); !done) return failure(done);
  if (auto done = replace_file(files, paths_.enrolment, leaf_, 0644); !done) return failure(done);
  if (auto done = open_stream(); !done) return failure(done);
  if (auto done = write_identity(files, paths_, identity_); !done) return failure(done);
  // The keys live in their own files now.
  for (const std::string* path : {&paths_.pending, &paths_.pending_ca}) {
    if (auto removed = files.remove(*path); !removed) return failure(removed);
  }
  return files.sync_directory(paths_.directory);
}

Result<void> Enrolment::open_stream() {
  const ledger::Hash leaf = suite_->hasher()->leaf(leaf_);
  auto there = tools_.files->exists(paths_.ratchet);
  if (!there) return failure(there);
  if (*there) {
    // An earlier try came this far.
    auto ratchet = ledger::Ratchet::open(*tools_.files, paths_.ratchet);
    if (!ratchet) return failure(ratchet);
    if (ratchet->identity().enrolment_leaf == leaf && ratchet->next_batch() == 0) return {};
    return fail(ErrorKind::corrupt, paths_.ratchet + " belongs to another stream: move it away");
  }
  auto context = former_context();
  if (!context) return failure(context);
  auto ratchet = ledger::Ratchet::create(*tools_.files, paths_.ratchet,
                                         {.identity = {.origin = identity_.origin,
                                                       .agent = identity_.agent,
                                                       .incarnation = identity_.incarnation,
                                                       .enrolment_leaf = leaf},
                                          .first_key = *pending_.key,
                                          .context = std::move(*context)});
  if (!ratchet) return failure(ratchet);
  return {};
}

// Where the sources of the stream that ended go on. Another enrolment begins without: whether what
// the former stream sealed will ever be shipped is not known.
Result<ledger::SealContext> Enrolment::former_context() const {
  if (!options_.succession) return ledger::SealContext();
  const ledger::Enrolment& ended = options_.succession->ended;
  const StatePaths old(
      ledger::join_path(paths_.old, ledger::stream_id(ended.agent, ended.incarnation)));
  auto ratchet = ledger::Ratchet::open(*tools_.files, old.ratchet);
  if (!ratchet) return failure(ratchet);
  return ratchet->context();
}

}  // namespace

std::unique_ptr<EnrolServer> make_enrol_server(std::string collector_url, std::string proxy,
                                               const ledger::Clock& clock) {
  return std::make_unique<CurlEnrolServer>(std::move(collector_url), std::move(proxy), clock);
}

Result<AgentIdentity> enrol(const EnrolOptions& options, const EnrolTools& tools) {
  return Enrolment(options, tools).run();
}

}  // namespace yunjian::agent
