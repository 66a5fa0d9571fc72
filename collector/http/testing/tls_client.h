#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "collector/http/certificates.h"
#include "ledger/base/result.h"

namespace yunjian::collector::testing {

struct ClientResponse {
  int status = 0;
  std::map<std::string, std::string> headers;  // names lower case
  std::string body;
};

// A blocking HTTPS client on 127.0.0.1 that sends exactly the bytes it is told to: what a test
// needs to be a bad client. Reads and writes give up after `patience`. One thread.
class TlsClient {
 public:
  struct Options {
    std::uint16_t port = 0;
    std::string ca_pem;
    const CertificatePair* identity = nullptr;  // client certificate
    int version_max = 0;                        // OpenSSL's number; 0: the newest
    std::chrono::seconds patience{10};
  };
  static ledger::Result<TlsClient> connect(const Options& options);
  TlsClient(TlsClient&&) noexcept;
  TlsClient& operator=(TlsClient&&) noexcept;
  ~TlsClient();

  bool send(std::string_view bytes);
  // One response with its body (by Content-Length or in chunks; none for `to_head`). Reject: closed
  // before it was whole.
  ledger::Result<ClientResponse> receive(bool to_head = false);
  ledger::Result<ClientResponse> exchange(std::string_view request);
  // True when the server closes the connection within the patience, whatever it still sends.
  bool closed_by_server();

  bool session_is_resumable() const;  // the server gave a ticket
  std::string protocol() const;       // chosen by ALPN, may be empty

 private:
  ledger::Result<ClientResponse> receive_chunks(ClientResponse response);

  struct Impl;
  explicit TlsClient(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// "METHOD target HTTP/1.1" with Host and, if there is a body, Content-Length.
std::string request_text(std::string_view method, std::string_view target,
                         std::string_view body = {}, std::string_view extra_fields = {});

// A new P-256 key and a certificate request for it, as an agent makes them.
struct KeyAndRequest {
  std::string private_key;
  std::string csr;
};
KeyAndRequest make_csr();

}  // namespace yunjian::collector::testing
