#include "collector/http/testing/test_server.h"

#include "ledger/base/clock.h"

namespace yunjian::collector::testing {
namespace {

template <typename T>
T value_of(ledger::Result<T> result) {
  ledger::require(result.has_value(), result ? "" : result.error().message);
  return std::move(*result);
}

}  // namespace

TestAuthority::TestAuthority()
    : now(ledger::SystemClock().wall()),
      authority(value_of(CertificateAuthority::create("test", random, now))),
      server(value_of(authority.issue_server({"localhost", "127.0.0.1"}, now))) {}

CertificatePair TestAuthority::client(const std::string& common_name, ledger::Time issued) {
  KeyAndRequest made = make_csr();
  return {value_of(authority.issue_client(made.csr, {common_name, 1}, issued)),
          std::move(made.private_key)};
}

CertificatePair TestAuthority::client(const std::string& common_name) {
  return client(common_name, now);
}

ListenerOptions loopback_listener(const TestAuthority& authority, Handler& handler) {
  ListenerOptions options;
  options.address = "127.0.0.1";
  options.certificate_pem = authority.server.certificate;
  options.private_key_pem = authority.server.private_key;
  options.client_ca_pem = authority.authority.certificate_pem();
  options.handler = &handler;
  options.workers = 2;
  return options;
}

TestServer::TestServer(const TestAuthority& authority, ListenerOptions options)
    : ca_pem_(authority.authority.certificate_pem()) {
  std::vector<ListenerOptions> listeners;
  listeners.push_back(std::move(options));
  server_ = value_of(Server::start(std::move(listeners)));
}

ledger::Result<TlsClient> TestServer::connect(const CertificatePair* identity) const {
  return TlsClient::connect({.port = port(), .ca_pem = ca_pem_, .identity = identity});
}

TlsClient TestServer::client() const { return value_of(connect()); }

ClientResponse TestServer::exchange(std::string_view request) const {
  return value_of(client().exchange(request));
}

}  // namespace yunjian::collector::testing
