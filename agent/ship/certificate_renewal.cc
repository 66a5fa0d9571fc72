#include "agent/ship/certificate_renewal.h"

#include <fmt/format.h>

#include <algorithm>

#include "agent/ship/tls_identity.h"
#include "ledger/record.h"

namespace yunjian::agent {
namespace {

using ledger::ErrorKind;
using ledger::fail;
using ledger::failure;
using ledger::Result;
using std::chrono::milliseconds;

constexpr milliseconds pause_max = std::chrono::hours(1);
constexpr int tries_in_a_life = 30;

// A text of a flat JSON answer; empty when it is not there.
std::string text_in(std::string_view json, std::string_view key) {
  const auto parsed = ledger::parse_record(json);
  return parsed ? std::string((*parsed)->find(key).value_or("")) : std::string();
}

std::string how_to_enrol(const std::string& agent) {
  return fmt::format(
      "ask for a token with `yunjian-collector enrol-token --agent {}`, stop the agent, enrol with "
      "it, start the agent",
      agent);
}

}  // namespace

// The key goes first: a certificate in place without its key could not be told from damage.
Result<void> CertificateRenewal::recover(ledger::FileSystem& files,
                                         const CertificatePlaces& places) {
  auto certificate = files.exists(places.next_certificate);
  if (!certificate) return failure(certificate);
  if (!*certificate) return {};
  const std::string directory = ledger::parent_directory(places.key);
  auto key = files.exists(places.next_key);
  if (!key) return failure(key);
  if (*key) {
    if (auto moved = files.rename(places.next_key, places.key); !moved) return moved;
    if (auto synced = files.sync_directory(directory); !synced) return synced;
  }
  if (auto moved = files.rename(places.next_certificate, places.certificate); !moved) return moved;
  return files.sync_directory(directory);
}

Result<void> CertificateRenewal::load() {
  const CertificatePlaces& places = parts_.places;
  auto certificate = parts_.files->read_file(places.certificate);
  if (!certificate) return failure(certificate);
  auto key = parts_.files->read_file(places.key);
  if (!key) return failure(key);
  auto ca = parts_.files->read_file(places.ca);
  if (!ca) return failure(ca);
  auto facts = check_certificate(*certificate, *key, *ca);
  ledger::wipe(*key);
  if (!facts) return failure(facts, places.certificate);
  const auto life = facts->not_after - facts->not_before;
  const std::scoped_lock lock(mutex_);
  standing_ = {
      .not_after = facts->not_after, .renew_at = facts->not_before + life / 3 * 2, .problem = {}};
  pause_ = std::min(pause_max, std::chrono::duration_cast<milliseconds>(life / tries_in_a_life));
  return {};
}

void CertificateRenewal::step(milliseconds offset) {
  const milliseconds boot = parts_.clock->boot();
  {
    const std::scoped_lock lock(mutex_);
    if (!standing_.known()) return;
    if (parts_.clock->wall() - offset < standing_.renew_at || boot < next_try_) return;
    next_try_ = boot + pause_;
  }
  auto renewed = renew();
  if (renewed) renewed = load();
  if (renewed) {
    next_try_ = {};
    parts_.installed();
    return;
  }
  const std::scoped_lock lock(mutex_);
  standing_.problem = renewed.error().message;
}

Result<void> CertificateRenewal::renew() {
  auto key = next_key();
  if (!key) return failure(key);
  auto request = make_tls_request(*key);
  if (!request) return failure(request);
  std::string json = "{\"csr\":";
  ledger::append_json_string(json, *request);
  auto answer = parts_.ask(json + "}");
  if (!answer) return failure(answer, "the certificate could not be renewed");
  if (answer->status != 200) {
    return fail(ErrorKind::retry,
                fmt::format("the collector did not renew the certificate (HTTP {}): {}",
                            answer->status, text_in(answer->body, "detail")));
  }
  const CertificatePlaces& places = parts_.places;
  auto ca = parts_.files->read_file(places.ca);
  if (!ca) return failure(ca);
  const std::string certificate = text_in(answer->body, "certificate");
  auto facts = check_certificate(certificate, *key, *ca);
  ledger::wipe(*key);
  if (!facts) return failure(facts, "the renewed certificate");
  if (facts->common_name != parts_.agent) {
    return fail(ErrorKind::reject, "the renewed certificate names another agent");
  }
  auto written = replace_file(*parts_.files, places.next_certificate, certificate, 0644);
  if (!written) return written;
  return recover(*parts_.files, places);
}

// Durable before the collector hears of it; the one of an earlier try when there is one.
Result<std::string> CertificateRenewal::next_key() {
  const std::string& path = parts_.places.next_key;
  auto there = parts_.files->exists(path);
  if (!there) return failure(there);
  if (*there) {
    auto key = parts_.files->read_file(path);
    if (key && make_tls_request(*key)) return key;
  }
  auto key = make_tls_key();
  if (!key) return failure(key);
  if (auto written = replace_file(*parts_.files, path, *key, 0600); !written) {
    return failure(written);
  }
  return key;
}

CertificateStanding CertificateRenewal::standing() const {
  const std::scoped_lock lock(mutex_);
  return standing_;
}

std::optional<std::string> CertificateRenewal::ended(milliseconds offset) const {
  const CertificateStanding now = standing();
  if (!now.known() || parts_.clock->wall() - offset < now.not_after) return {};
  return fmt::format("this agent's certificate expired at {}: {}",
                     ledger::format_time(now.not_after), how_to_enrol(parts_.agent));
}

}  // namespace yunjian::agent
