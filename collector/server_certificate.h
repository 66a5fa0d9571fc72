#pragma once

#include <string>
#include <vector>

#include "collector/data_directory.h"
#include "collector/http/certificates.h"

namespace yunjian::collector {

// The server certificate is issued by the collector's own CA: by `init`, and anew at start when it
// ends within this time or is wanted for other names.
inline constexpr std::chrono::days server_renewal_before{60};

struct ServerCertificateRequest {
  std::vector<std::string> names;
  ledger::Time now;
};
ledger::Result<CertificatePair> issue_server_certificate(ledger::FileSystem& files,
                                                         const DataDirectory& directory,
                                                         const CertificateAuthority& authority,
                                                         const ServerCertificateRequest& request);

// The one on disk, or a new one. Empty names: those it was last issued for.
ledger::Result<CertificatePair> current_server_certificate(ledger::FileSystem& files,
                                                           const DataDirectory& directory,
                                                           const CertificateAuthority& authority,
                                                           const ServerCertificateRequest& request);

// `wanted`, or those it was last issued for when that is empty.
ledger::Result<std::vector<std::string>> server_names(ledger::FileSystem& files,
                                                      const DataDirectory& directory,
                                                      const std::vector<std::string>& wanted);

}  // namespace yunjian::collector
