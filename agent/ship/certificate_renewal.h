#pragma once

#include <chrono>
#include <functional>
#include <mutex>
#include <optional>
#include <string>

#include "agent/ship/curl_session.h"
#include "ledger/base/clock.h"
#include "ledger/base/file_system.h"

namespace yunjian::agent {

// Where the client certificate lies, and the one that is to follow it.
struct CertificatePlaces {
  std::string key;
  std::string certificate;
  std::string ca;
  std::string next_key;  // 0600
  std::string next_certificate;
};

struct CertificateStanding {
  ledger::Time not_after{};
  ledger::Time renew_at{};  // two thirds of its life, by the collector's clock
  std::string problem;      // why it could not be renewed; empty = no need yet, or renewed

  bool known() const { return not_after != ledger::Time{}; }  // false: it could not be read
};

// Renews the client certificate without a restart.
//
// Life of a renewal: two thirds of the life are over, and the collector has just receipted a batch
// of ours (so that a copy of this host that lost its stream does not renew) -> next key durable ->
// asked for with it; after a lost answer the same key asks again and gets the same certificate ->
// checked, next certificate durable -> key, then certificate renamed into place -> the next
// connection uses it, only then the collector puts the old one out of use. Cut anywhere, recover()
// or the next step goes on. step() and load(): one thread; standing(): any.
class CertificateRenewal {
 public:
  struct Parts {  // must outlive it
    ledger::FileSystem* files;
    CertificatePlaces places;
    std::string agent;  // CN of the certificate
    const ledger::Clock* clock;
    std::function<ledger::Result<HttpAnswer>(const std::string& json)> ask;
    std::function<void()> installed;  // a new one is in place: connect anew
  };
  explicit CertificateRenewal(Parts parts) : parts_(std::move(parts)) {}

  // Finishes what a crash between the two renames left; before anything reads the files.
  static ledger::Result<void> recover(ledger::FileSystem& files, const CertificatePlaces& places);
  // Reads the certificate. Reject: it does not fit its key or CA; nothing is renewed then, and the
  // error of shipping says what is wrong: an agent goes on sealing whatever becomes of its files.
  ledger::Result<void> load();

  // Renews when it is time; after a failure not again for a thirtieth of the life, at most an hour.
  // `offset`: this host's clock − the collector's.
  void step(std::chrono::milliseconds offset);
  CertificateStanding standing() const;
  // That the certificate has expired, and what to do; nothing while it is good.
  std::optional<std::string> ended(std::chrono::milliseconds offset) const;

 private:
  ledger::Result<void> renew();
  ledger::Result<std::string> next_key();

  const Parts parts_;
  std::chrono::milliseconds next_try_{};  // boot time

  mutable std::mutex mutex_;  // guards what follows
  CertificateStanding standing_;
  std::chrono::milliseconds pause_{};
};

}  // namespace yunjian::agent
