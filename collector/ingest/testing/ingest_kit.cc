#include "collector/ingest/testing/ingest_kit.h"

namespace yunjian::collector::testing {
namespace {

template <typename T>
T value_of(ledger::Result<T> result) {
  ledger::require(result.has_value(), result ? "" : result.error().message);
  return std::move(*result);
}

void good(const ledger::Result<void>& result) {
  ledger::require(result.has_value(), result ? "" : result.error().message);
}

std::string typed(std::string_view type) { return "Content-Type: " + std::string(type) + "\r\n"; }

}  // namespace

IngestKit::IngestKit() {
  good(log.create());
  good(log.open());
  catalog = value_of(Catalog::open(directory.path() + "/catalog.sqlite"));
  good(catalog->put_units({{.id = "tax", .name = "Tax", .county = ""},
                           {.id = "police", .name = "Police", .county = ""}}));
  verifier = std::make_unique<BatchVerifier>(*log, clock);
  ingest = std::make_unique<IngestHandler>(IngestHandler::Parts{
      .verifier = *verifier,
      .catalog = *catalog,
      .authority = authority.authority,
      .clock = clock,
      .record = [this](std::string line) -> ledger::Result<void> {
        recorded.push_back(std::move(line));
        return {};
      },
      .witnessed = [this](std::string_view,
                          std::uint64_t batch) -> ledger::Result<std::optional<std::string>> {
        if (batch == 0) return witnessed;
        return ledger::fail(ledger::ErrorKind::reject, "no such batch");
      }});
  const EnrolmentOffice::Parts parts{*log, *catalog, authority.authority, clock, authority.random};
  enrol_handler = std::make_unique<EnrolHandler>(
      parts, EnrolHandler::Options{.ingest_urls = {"https://collector.test:8443"},
                                   .record = [this](std::string line) -> ledger::Result<void> {
                                     recorded.push_back(std::move(line));
                                     return {};
                                   }});
  std::vector<ListenerOptions> listeners;
  listeners.push_back(loopback_listener(authority, *ingest));
  listeners.back().client_certificate = ClientCertificate::required;
  listeners.push_back(loopback_listener(authority, *enrol_handler));
  server = value_of(Server::start(std::move(listeners)));
}

TlsClient IngestKit::ingest_client(const CertificatePair& identity) {
  return value_of(TlsClient::connect({.port = server->port(0),
                                      .ca_pem = authority.authority.certificate_pem(),
                                      .identity = &identity}));
}

ledger::Result<ClientResponse> IngestKit::post(const CertificatePair& identity,
                                               std::string_view body, std::string_view type) {
  return ingest_client(identity).exchange(
      request_text("POST", "/ingest/v1/batches", body, typed(type)));
}

ClientResponse IngestKit::enrol(std::string_view method, std::string_view path,
                                std::string_view body, std::string_view type) {
  TlsClient client = value_of(TlsClient::connect(
      {.port = server->port(1), .ca_pem = authority.authority.certificate_pem()}));
  return value_of(client.exchange(request_text(method, path, body, typed(type))));
}

}  // namespace yunjian::collector::testing
