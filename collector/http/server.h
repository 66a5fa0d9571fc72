#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "collector/http/message.h"
#include "ledger/base/result.h"

namespace yunjian::collector {

// Every limit of one listener. A connection beyond a limit is closed, a request beyond one is
// answered with a problem (408, 413, 431, 503).
struct HttpLimits {
  std::size_t connections_max = 4096;
  std::size_t connections_per_peer_max = 2048;
  std::size_t head_bytes_max = 16U << 10;
  std::uint64_t bodies_bytes_max = 256U << 20;  // of all requests being read or answered
  std::chrono::milliseconds handshake_timeout{10'000};
  std::chrono::milliseconds idle_timeout{30'000};   // between requests
  std::chrono::milliseconds head_timeout{10'000};   // from a request's first byte
  std::chrono::milliseconds body_timeout{30'000};   // plus what the rate below allows
  std::chrono::milliseconds write_timeout{30'000};  // likewise
  std::uint64_t bytes_per_s_min = 4096;             // a slower peer runs into the timeout
  // After which a handler, or a body source making one piece, is told to end.
  std::chrono::milliseconds handler_timeout{60'000};
};

// optional: whoever shows one must show a good one, and may show none.
enum class ClientCertificate { none, optional, required };

struct ListenerOptions {
  std::string address = "0.0.0.0";  // literal; "::" takes IPv4 too
  std::uint16_t port = 0;           // 0: the system picks one, see Server::port
  std::string certificate_pem;      // chain, the server's own first
  std::string private_key_pem;
  ClientCertificate client_certificate = ClientCertificate::none;
  std::string client_ca_pem;  // with `optional` and `required`
  Handler* handler = nullptr;
  std::size_t workers = 8;  // threads that run the handler
  std::size_t requests_queued_max = 1024;
  HttpLimits limits;
};

// Of one listener since start; for metrics.
struct ListenerCounters {
  std::uint64_t connections_open = 0;
  std::uint64_t connections_accepted = 0;
  std::uint64_t connections_refused = 0;  // beyond a connection limit
  std::uint64_t handshakes_failed = 0;
  std::uint64_t requests = 0;    // that reached the handler
  std::uint64_t malformed = 0;   // answered 400 or 431 before any handler
  std::uint64_t overloaded = 0;  // answered 503 before any handler
  std::uint64_t timeouts = 0;
};

// HTTPS for ingest and api: TLS 1.3 only, no tickets, no resumption, no early data.
//
// Life of a connection: accepted (or closed at once beyond a limit) -> handshake -> per request:
// head read and checked strictly, body read within the handler's limit, handler run on a worker
// thread, answer written -> kept alive or closed. A malformed request is answered and its
// connection closed; nothing a peer sends ends the process.
// Threads: `io_threads` for all sockets, `workers` for each listener's handler. Public functions:
// any one thread.
class Server {
 public:
  // Listens on return. Reject: a bad certificate, key or address, a port that is taken.
  static ledger::Result<std::unique_ptr<Server>> start(std::vector<ListenerOptions> listeners,
                                                       std::size_t io_threads = 2);
  ~Server();  // stop() with a short limit
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  std::uint16_t port(std::size_t listener) const;
  ListenerCounters counters(std::size_t listener) const;

  // Takes no more connections, closes idle ones, lets requests that have begun finish for `limit`,
  // then cuts the rest. Returns when no handler runs any more: handlers must return by themselves.
  void stop(std::chrono::milliseconds limit = std::chrono::seconds(10));

 private:
  struct Impl;
  explicit Server(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace yunjian::collector
