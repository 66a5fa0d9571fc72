#pragma once

#include <boost/asio/ssl/context.hpp>
#include <string>

#include "collector/http/server.h"
#include "ledger/base/result.h"

namespace yunjian::collector {

// The server side of TLS for one listener: 1.3 only, no tickets, no session cache, no early data: a
// resumed session would outlive the withdrawal of its certificate.
ledger::Result<boost::asio::ssl::context> make_tls_context(const ListenerOptions& options);

struct PeerIdentity {
  std::string certificate_sha256;  // lower-case hex; empty without a certificate
  std::string common_name;         // empty unless there is exactly one, printable ASCII
};
PeerIdentity peer_identity(SSL* connection);

}  // namespace yunjian::collector
