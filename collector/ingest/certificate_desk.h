#pragma once

#include <mutex>

#include "collector/catalog/catalog.h"
#include "collector/http/certificates.h"
#include "collector/http/message.h"
#include "ledger/base/clock.h"

namespace yunjian::collector {

// POST /ingest/v1/certificate: the certificate that follows the one the agent speaks with.
//
// Life of a renewal: the agent makes a key and asks with it -> a certificate is issued and kept
// [durable: catalog] -> it is answered, to each repeat with the same key the same -> the agent uses
// it for the first time: only then the former is out of use. A request with another key while a
// renewal is fresh is put off: two machines with one certificate must not take it from each other.
// Any thread.
class CertificateDesk {
 public:
  struct Parts {  // must outlive it
    Catalog& catalog;
    const CertificateAuthority& authority;
    const ledger::Clock& clock;
    std::chrono::seconds validity = client_validity;
  };
  explicit CertificateDesk(const Parts& parts) : parts_(parts) {}

  // Of an agent whose certificate was found good to speak with.
  Response renew(const Request& request);

 private:
  ledger::Result<Response> issue(const Request& request, const std::string& csr);

  const Parts parts_;
  std::mutex mutex_;  // one at a time: look up, then issue
};

}  // namespace yunjian::collector
