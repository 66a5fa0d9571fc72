#include "collector/init.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "collector/api/act.h"
#include "collector/api/base64url.h"
#include "collector/catalog/catalog.h"
#include "collector/data_directory.h"
#include "collector/http/certificates.h"
#include "collector/server_certificate.h"
#include "collector/tokens.h"
#include "ledger/leaves.h"
#include "ledger/successor.h"

namespace yunjian::collector {

using ledger::ErrorKind;
using ledger::Result;

namespace {

// The steps of one `init`; each may use what the ones before it made.
class Init {
 public:
  Init(const OwnStream::Tools& tools, const InitOptions& options)
      : tools_(tools),
        files_(tools.files),
        options_(options),
        directory_{options.data},
        now_(tools.clock.wall()),
        issued_(options.issued.value_or(now_)) {}

  Result<InitResult> run() {
    if (auto done = refuse_to_overwrite(); !done) return ledger::failure(done);
    if (auto done = read_predecessor(); !done) return ledger::failure(done, "--successor-of");
    if (auto done = make_directories(); !done) return ledger::failure(done);
    if (auto done = make_log(); !done) return ledger::failure(done, "making the log");
    if (auto done = make_certificates(); !done) return ledger::failure(done, "certificates");
    if (auto done = make_token(); !done) return ledger::failure(done, "making the first token");
    const LogFacts facts{.origin = options_.origin, .suite = options_.suite, .vkey = result_.vkey};
    if (auto done = write_log_facts(files_, directory_.log_facts(), facts); !done) {
      return ledger::failure(done);
    }
    return result_;
  }

 private:
  Result<void> refuse_to_overwrite();
  Result<void> make_directories();
  Result<void> read_predecessor();
  Result<void> make_log();
  Result<std::string> make_leaf0(const ledger::PrivateKey& log_key);
  Result<void> make_certificates();
  Result<void> make_token();
  Result<void> commit_successor(EvidenceLog& log);
  Result<CertificateAuthority> authority();

  EvidenceLog::Options log_options() const {
    return {.directory = options_.data,
            .anchor_path = options_.anchor,
            .origin = options_.origin,
            .suite = options_.suite,
            .on_fatal = {}};
  }

  const OwnStream::Tools& tools_;
  ledger::FileSystem& files_;
  const InitOptions& options_;
  const DataDirectory directory_;
  const ledger::Time now_;
  const ledger::Time issued_;
  std::string predecessor_;  // vkey of the dead log; empty: this is no successor
  InitResult result_;
};

Result<void> Init::refuse_to_overwrite() {
  if (!ledger::is_origin(options_.origin)) {
    return ledger::fail(ErrorKind::reject,
                        fmt::format("--origin '{}': use a name such as log.example.gov.cn/yunjian, "
                                    "at most 128 bytes, without spaces and +",
                                    options_.origin));
  }
  if (options_.anchor == options_.data || options_.anchor.starts_with(options_.data + "/")) {
    return ledger::fail(ErrorKind::reject,
                        "--anchor must lie outside --data, best on another disk: it tells that the "
                        "data directory went back in time");
  }
  auto there = files_.exists(options_.data);
  if (!there) return ledger::failure(there);
  if (*there) {
    auto names = files_.list(options_.data);
    if (!names || !names->empty()) {
      return ledger::fail(
          ErrorKind::reject,
          fmt::format("{} is there already and not an empty directory; init never overwrites",
                      options_.data));
    }
  }
  auto anchor = files_.exists(options_.anchor);
  if (!anchor) return ledger::failure(anchor);
  if (!*anchor) return {};
  return ledger::fail(ErrorKind::reject,
                      fmt::format("{} is there already; it belongs to another log, choose another "
                                  "path",
                                  options_.anchor));
}

Result<void> Init::make_directories() {
  for (const std::string& path : {options_.data, options_.data + "/keys", directory_.tls()}) {
    if (auto made = files_.make_directory(path, 0700); !made) return made;
  }
  if (auto synced = files_.sync_directory(options_.data); !synced) return synced;
  return files_.sync_directory(ledger::parent_directory(options_.data));
}

Result<void> Init::make_log() {
  auto key = options_.suite->generate(tools_.random);
  if (!key) return ledger::failure(key);
  std::string secret = (*key)->secret();
  auto kept = write_secret(files_, directory_.log_key(), secret);
  ledger::wipe(secret);
  if (!kept) return kept;
  std::string cursor_key = random_bytes(tools_.random, 32);
  if (auto done = write_secret(files_, directory_.cursor_key(), cursor_key); !done) return done;
  result_.vkey = ledger::Verifier(*options_.suite, options_.origin, (*key)->public_key()).vkey();
  auto leaf0 = make_leaf0(**key);
  if (!leaf0) return ledger::failure(leaf0);
  return EvidenceLog::create(files_, tools_.clock, log_options(), {**key, *leaf0});
}

Result<std::string> Init::make_leaf0(const ledger::PrivateKey& log_key) {
  auto first_key = options_.suite->generate(tools_.random);
  if (!first_key) return ledger::failure(first_key);
  const ledger::Enrolment enrolment{.origin = options_.origin,
                                    .agent = ledger::to_hex(random_bytes(tools_.random, 16)),
                                    .incarnation = 1,
                                    .unit = "collector",
                                    .host = "collector",
                                    .suite = std::string(options_.suite->name()),
                                    .first_key = (*first_key)->public_key(),
                                    .previous = std::nullopt,
                                    .enrolled = now_};
  const std::string text = ledger::format_enrolment(enrolment);
  const ledger::Verifier log(*options_.suite, options_.origin, log_key.public_key());
  const ledger::Verifier own(*options_.suite,
                             ledger::agent_key_name(options_.origin, enrolment.agent),
                             enrolment.first_key);
  auto by_log = ledger::sign_line(log, log_key, text);
  if (!by_log) return ledger::failure(by_log);
  auto by_own = ledger::sign_line(own, **first_key, text);
  if (!by_own) return ledger::failure(by_own);
  std::string leaf = ledger::format_note(text, {*by_log, *by_own});
  const ledger::Ratchet::Identity identity{.origin = options_.origin,
                                           .agent = enrolment.agent,
                                           .incarnation = 1,
                                           .enrolment_leaf = options_.suite->hasher()->leaf(leaf)};
  auto ratchet = ledger::Ratchet::create(files_, directory_.stream_state(), identity, **first_key);
  if (!ratchet) return ledger::failure(ratchet);
  return leaf;
}

// Before anything is made: whether the backup and the checkpoint are of one log.
Result<void> Init::read_predecessor() {
  if (options_.successor_of.empty() != options_.ca_from.empty()) {
    return ledger::fail(ErrorKind::reject, "--successor-of and --ca-from go together");
  }
  if (options_.successor_of.empty()) return {};
  auto facts = read_log_facts(files_, DataDirectory{options_.ca_from}.log_facts());
  if (!facts) return ledger::failure(facts, "--ca-from");
  if (facts->suite != options_.suite) {
    return ledger::fail(ErrorKind::reject,
                        fmt::format("the lost log uses the suite {}: give --suite {}, so that its "
                                    "agents can go on",
                                    facts->suite->name(), facts->suite->name()));
  }
  predecessor_ = facts->vkey;
  // Everything else that a verifier would refuse is refused here.
  const ledger::Successor leaf{.origin = options_.origin,
                               .previous = predecessor_,
                               .checkpoint = options_.successor_of,
                               .opened = now_};
  auto read = ledger::parse_successor(ledger::format_successor(leaf));
  if (!read) return ledger::failure(read);
  return {};
}

Result<CertificateAuthority> Init::authority() {
  if (options_.ca_from.empty()) {
    return CertificateAuthority::create("Yunjian CA " + options_.origin, tools_.random, issued_);
  }
  auto pair = load_pair(files_, {DataDirectory{options_.ca_from}.tls(), "ca"});
  if (!pair) return ledger::failure(pair, "--ca-from");
  auto authority = CertificateAuthority::load(*pair, tools_.random);
  ledger::wipe(pair->private_key);
  return authority;
}

Result<void> Init::commit_successor(EvidenceLog& log) {
  if (predecessor_.empty()) return {};
  const std::string text = ledger::format_successor({.origin = options_.origin,
                                                     .previous = predecessor_,
                                                     .checkpoint = options_.successor_of,
                                                     .opened = now_});
  auto line = log.sign(text);
  if (!line) return ledger::failure(line);
  auto committed = log.commit({LeafEntry{ledger::format_note(text, {*line})}});
  if (!committed) return ledger::failure(committed);
  return {};
}

Result<void> Init::make_certificates() {
  auto authority = this->authority();
  if (!authority) return ledger::failure(authority);
  if (auto done = save_pair(files_, {directory_.tls(), "ca"}, authority->pair()); !done) {
    return done;
  }
  result_.ca_fingerprint = authority->fingerprint();
  result_.names = options_.names.empty() ? default_server_names() : options_.names;
  auto issued = issue_server_certificate(files_, directory_, *authority, {result_.names, issued_});
  if (!issued) return ledger::failure(issued);
  return {};
}

Result<void> Init::make_token() {
  auto catalog = Catalog::open(directory_.catalog());
  if (!catalog) return ledger::failure(catalog);
  std::string secret = new_token(tools_.random);
  const TokenSpec spec{.name = "init",
                       .role = Role::authority,
                       .expires = issued_ + std::chrono::days(token_days_default)};
  auto id = (*catalog)->add_token(secret, spec, issued_);
  if (!id) return ledger::failure(id);
  result_.token_path = directory_.token();
  auto written = ledger::replace_file(files_, result_.token_path, secret + "\n", 0600);
  ledger::wipe(secret);
  if (!written) return written;

  auto key =
      read_log_key(files_, directory_,
                   {.origin = options_.origin, .suite = options_.suite, .vkey = result_.vkey});
  if (!key) return ledger::failure(key);
  auto log = EvidenceLog::open(files_, tools_.clock, log_options(), std::move(*key));
  if (!log) return ledger::failure(log);
  if (auto done = commit_successor(**log); !done) return done;
  Act made(now_, "init");
  made.text("who", local_operator()).text("origin", options_.origin);
  if (!predecessor_.empty()) made.text("successor_of", predecessor_);
  Act granted(now_, "grant");
  granted.text("who", local_operator()).text("credential", *id).text("name", spec.name);
  granted.text("role", to_string(spec.role)).text("expires", ledger::format_time(spec.expires));
  auto committed = (*log)->commit({OwnRecord{made.line()}, OwnRecord{granted.line()}});
  if (!committed) return ledger::failure(committed);
  return {};
}

}  // namespace

Result<InitResult> init_collector(const OwnStream::Tools& tools, const InitOptions& options) {
  return Init(tools, options).run();
}

std::vector<std::string> default_server_names() {
  std::vector<std::string> names;
  std::array<char, 256> host{};
  if (::gethostname(host.data(), host.size() - 1) == 0 && host[0] != '\0') {
    names.emplace_back(host.data());
  }
  for (const char* loopback : {"localhost", "127.0.0.1", "::1"}) {
    if (std::find(names.begin(), names.end(), loopback) == names.end())
      names.emplace_back(loopback);
  }
  return names;
}

}  // namespace yunjian::collector
