#pragma once

#include <memory>
#include <string>

#include "collector/catalog/catalog.h"
#include "collector/http/testing/test_server.h"
#include "collector/ingest/enrol_handler.h"
#include "collector/ingest/ingest_handler.h"
#include "collector/store/testing/log_kit.h"
#include "collector/verify/batch_verifier.h"
#include "ledger/posix/system_clock.h"
#include "ledger/testing/temporary_directory.h"

namespace yunjian::collector::testing {

// A collector as far as agents see it: a log in memory, a catalog, both handlers, and a server with
// an ingest and an enrol listener on 127.0.0.1. Units "tax" and "police" are there.
class IngestKit {
 public:
  IngestKit();

  // The next POST to ingest as the owner of `identity`, on a new connection.
  ledger::Result<ClientResponse> post(const CertificatePair& identity, std::string_view body,
                                      std::string_view type = "application/octet-stream");
  ClientResponse enrol(std::string_view method, std::string_view path, std::string_view body = {},
                       std::string_view type = "application/json");
  TlsClient ingest_client(const CertificatePair& identity);

  ledger::testing::TemporaryDirectory directory;
  ledger::SystemClock clock;
  TestAuthority authority;
  TestLog log;
  std::vector<std::string> recorded;     // lines of the own stream, from one client at a time
  std::optional<std::string> witnessed;  // what witnesses are said to stand behind, batch 0 only
  std::unique_ptr<Catalog> catalog;
  std::unique_ptr<BatchVerifier> verifier;
  std::unique_ptr<IngestHandler> ingest;
  std::unique_ptr<EnrolHandler> enrol_handler;
  std::unique_ptr<Server> server;
};

}  // namespace yunjian::collector::testing
