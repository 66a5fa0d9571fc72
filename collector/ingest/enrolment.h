#pragma once

#include <mutex>
#include <optional>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "collector/catalog/catalog.h"
#include "collector/http/certificates.h"
#include "collector/http/message.h"
#include "collector/store/evidence_log.h"
#include "ledger/base/clock.h"
#include "ledger/base/random.h"
#include "ledger/leaves.h"

namespace yunjian::collector {

template <typename T>
using OrProblem = tl::expected<T, Problem>;

// How a host becomes an agent of the log, in two steps that may each be repeated.
//
// Life of an enrolment:
//   1. reserve(): the token is looked at, an agent id and incarnation are set aside under the first
//      key, the enrolment text is fixed.                                   [durable: catalog]
//   2. complete(): the text comes back signed by the first key -> the collector signs too, the leaf
//      is committed                                                        [durable: log]
//      -> the client certificate is issued; host and agent are known       [durable: catalog]
// A crash in between is healed by repeating the step: the text stays the same, a leaf that is in
// the log already is adopted, a certificate that was never handed out is issued again. A
// certificate that was handed out is never issued again for another key: token, key and signature
// are all that a reader of the log and a thief of the token would need. Any thread; one enrolment
// at a time.
class EnrolmentOffice {
 public:
  struct Parts {  // must outlive it
    EvidenceLog& log;
    Catalog& catalog;
    const CertificateAuthority& authority;
    const ledger::Clock& clock;
    ledger::Random& random;
    std::chrono::seconds certificate_validity = client_validity;
  };
  explicit EnrolmentOffice(const Parts& parts) : parts_(parts) {}

  // What an agent of a dead log says of the stream that it ends there.
  struct Inherited {
    ledger::Hash head{};   // leaf hash of its last header, or of its enrolment
    std::string next_key;  // raw, announced there: it must endorse the next incarnation
  };
  struct Application {
    std::string token;
    std::string first_key;  // raw
    std::string csr;        // PEM
    std::optional<Inherited> inherited = {};
  };
  struct Wish {  // of step 1
    std::string host;
    std::string suite;
    std::string time;  // the host's clock, may be empty
  };
  struct Enrolled {
    std::string certificate;  // PEM
    std::string leaf;
    std::string receipt;
  };

  OrProblem<Reservation> reserve(const Application& application, const Wish& wish);
  // `signatures`: one or two note signature lines, each ending in \n.
  OrProblem<Enrolled> complete(const Application& application, const std::string& signatures);

 private:
  OrProblem<Reservation> new_reservation(const Application& application, const Wish& wish,
                                         const EnrolTokenSpec& token);
  OrProblem<Enrolled> finish(const Application& application, Reservation reservation,
                             const std::string& signatures);
  OrProblem<ledger::Enrolment> proposal(const Application& application, const Wish& wish,
                                        const EnrolTokenSpec& token) const;
  OrProblem<std::optional<StreamState>> last_incarnation(const std::string& agent) const;
  OrProblem<void> check_host(const std::string& host, const std::string& unit) const;
  OrProblem<std::string> commit_leaf(const Reservation& reservation, const std::string& signatures,
                                     const std::optional<Inherited>& inherited);
  OrProblem<std::string> signed_leaf(const Reservation& reservation, const std::string& signatures,
                                     const std::optional<Inherited>& previous) const;
  OrProblem<std::string> adopted_leaf(const Reservation& reservation,
                                      const StreamState& there) const;
  OrProblem<void> introduce(const Reservation& reservation);
  OrProblem<Enrolled> enrolled(const Reservation& reservation) const;

  const Parts parts_;
  std::mutex mutex_;  // one enrolment at a time
};

}  // namespace yunjian::collector
