#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <thread>

#include "collector/http/certificates.h"
#include "collector/http/server.h"
#include "collector/http/testing/tls_client.h"
#include "ledger/posix/system_clock.h"

namespace yunjian::collector::testing {

// A CA and a server certificate for localhost; made once for a test.
struct TestAuthority {
  TestAuthority();
  CertificatePair client(const std::string& common_name, ledger::Time now);  // with a new key
  CertificatePair client(const std::string& common_name);

  ledger::SystemRandom random;
  ledger::Time now;
  CertificateAuthority authority;
  CertificatePair server;
};

// Options of a listener on 127.0.0.1 with a port that the system picks.
ListenerOptions loopback_listener(const TestAuthority& authority, Handler& handler);

// A running server with that one listener.
class TestServer {
 public:
  TestServer(const TestAuthority& authority, ListenerOptions options);

  TlsClient client() const;  // connected; aborts the test when it cannot
  ledger::Result<TlsClient> connect(const CertificatePair* identity = nullptr) const;
  ClientResponse exchange(std::string_view request) const;  // on a new connection
  std::uint16_t port() const { return server_->port(0); }
  ListenerCounters counters() const { return server_->counters(0); }
  Server& server() { return *server_; }

 private:
  std::string ca_pem_;
  std::unique_ptr<Server> server_;
};

// Looks until `condition` holds; false after ten seconds.
template <typename Condition>
bool eventually(const Condition& condition) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::yield();
  }
  return true;
}

}  // namespace yunjian::collector::testing
