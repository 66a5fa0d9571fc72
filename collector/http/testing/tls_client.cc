#include "collector/http/testing/tls_client.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>

#include "collector/http/openssl_handles.h"

namespace yunjian::collector::testing {
namespace {

using ledger::ErrorKind;
using ledger::fail;
using ledger::Result;

using ContextHandle = std::unique_ptr<SSL_CTX, OpenSslFree<SSL_CTX_free>>;
using ConnectionHandle = std::unique_ptr<SSL, OpenSslFree<SSL_free>>;

BioHandle reading(const std::string& text) {
  return BioHandle(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

bool use_identity(SSL_CTX* context, const CertificatePair& pair) {
  const BioHandle certificate_bio = reading(pair.certificate);
  const X509Handle certificate(PEM_read_bio_X509(certificate_bio.get(), nullptr, nullptr, nullptr));
  const BioHandle key_bio = reading(pair.private_key);
  const KeyHandle key(PEM_read_bio_PrivateKey(key_bio.get(), nullptr, nullptr, nullptr));
  return certificate && key && SSL_CTX_use_certificate(context, certificate.get()) == 1 &&
         SSL_CTX_use_PrivateKey(context, key.get()) == 1;
}

ContextHandle make_context(const TlsClient::Options& options) {
  ContextHandle context(SSL_CTX_new(TLS_client_method()));
  const BioHandle bio = reading(options.ca_pem);
  const X509Handle ca(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
  if (ca) X509_STORE_add_cert(SSL_CTX_get_cert_store(context.get()), ca.get());
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_max_proto_version(context.get(), options.version_max);
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_CLIENT);
  static constexpr unsigned char offered[] = "\x02h2\x08http/1.1";
  SSL_CTX_set_alpn_protos(context.get(), offered, sizeof(offered) - 1);
  if (options.identity != nullptr) use_identity(context.get(), *options.identity);
  return context;
}

int connect_socket(const TlsClient::Options& options) {
  const int descriptor = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const timeval limit{options.patience.count(), 0};
  ::setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
  ::setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(options.port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0) {
    return descriptor;
  }
  ::close(descriptor);
  return -1;
}

std::string lower_case(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return text;
}

ClientResponse parse_head(std::string_view head) {
  ClientResponse response;
  response.status =
      std::atoi(std::string(head.substr(std::min(head.size(), std::size_t{9}), 3)).c_str());
  std::size_t line = head.find("\r\n") + 2;
  while (line + 2 < head.size()) {
    const std::size_t end = head.find("\r\n", line);
    const std::string_view field = head.substr(line, end - line);
    const std::size_t colon = field.find(": ");
    if (colon != std::string_view::npos) {
      response.headers[lower_case(std::string(field.substr(0, colon)))] = field.substr(colon + 2);
    }
    line = end + 2;
  }
  return response;
}

}  // namespace

struct TlsClient::Impl {
  ContextHandle context;
  ConnectionHandle connection;
  int descriptor = -1;
  std::string received;

  ~Impl() {
    connection.reset();
    if (descriptor >= 0) ::close(descriptor);
  }

  bool read_more() {
    char bytes[16384];
    const int count = SSL_read(connection.get(), bytes, sizeof(bytes));
    ERR_clear_error();
    if (count <= 0) return false;
    received.append(bytes, static_cast<std::size_t>(count));
    return true;
  }
};

TlsClient::TlsClient(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
TlsClient::TlsClient(TlsClient&&) noexcept = default;
TlsClient& TlsClient::operator=(TlsClient&&) noexcept = default;
TlsClient::~TlsClient() = default;

Result<TlsClient> TlsClient::connect(const Options& options) {
  std::signal(SIGPIPE, SIG_IGN);  // OpenSSL writes to a socket that the server may have closed
  auto impl = std::make_unique<Impl>();
  impl->context = make_context(options);
  impl->descriptor = connect_socket(options);
  if (impl->descriptor < 0) return fail(ErrorKind::retry, "cannot connect");
  impl->connection.reset(SSL_new(impl->context.get()));
  SSL_set_fd(impl->connection.get(), impl->descriptor);
  if (SSL_connect(impl->connection.get()) != 1) return fail(ErrorKind::reject, openssl_error());
  return TlsClient(std::move(impl));
}

bool TlsClient::send(std::string_view bytes) {
  const int sent = SSL_write(impl_->connection.get(), bytes.data(), static_cast<int>(bytes.size()));
  ERR_clear_error();
  return sent == static_cast<int>(bytes.size());
}

Result<ClientResponse> TlsClient::receive(bool to_head) {
  std::size_t head_end = std::string::npos;
  while ((head_end = impl_->received.find("\r\n\r\n")) == std::string::npos) {
    if (!impl_->read_more()) return fail(ErrorKind::reject, "closed before a whole head");
  }
  ClientResponse response = parse_head(std::string_view(impl_->received).substr(0, head_end + 4));
  impl_->received.erase(0, head_end + 4);
  const auto coding = response.headers.find("transfer-encoding");
  if (!to_head && coding != response.headers.end() && coding->second == "chunked") {
    return receive_chunks(std::move(response));
  }
  const auto length = response.headers.find("content-length");
  const bool has_body = !to_head && length != response.headers.end();
  const std::size_t bytes = has_body ? std::strtoul(length->second.c_str(), nullptr, 10) : 0;
  while (impl_->received.size() < bytes) {
    if (!impl_->read_more()) return fail(ErrorKind::reject, "closed before a whole body");
  }
  response.body = impl_->received.substr(0, bytes);
  impl_->received.erase(0, bytes);
  return response;
}

Result<ClientResponse> TlsClient::receive_chunks(ClientResponse response) {
  std::string& bytes = impl_->received;
  while (true) {
    std::size_t line_end = std::string::npos;
    while ((line_end = bytes.find("\r\n")) == std::string::npos) {
      if (!impl_->read_more()) return fail(ErrorKind::reject, "closed between two chunks");
    }
    const std::size_t size = std::strtoul(bytes.c_str(), nullptr, 16);
    const std::size_t end = line_end + 2 + size + 2;
    while (bytes.size() < end) {
      if (!impl_->read_more()) return fail(ErrorKind::reject, "closed inside a chunk");
    }
    response.body += bytes.substr(line_end + 2, size);
    bytes.erase(0, end);
    if (size == 0) return response;
  }
}

Result<ClientResponse> TlsClient::exchange(std::string_view request) {
  send(request);
  return receive();
}

bool TlsClient::closed_by_server() {
  while (impl_->read_more()) continue;
  char byte = 0;
  const ssize_t count = ::recv(impl_->descriptor, &byte, 1, 0);
  return count == 0 || (count < 0 && errno == ECONNRESET);
}

bool TlsClient::session_is_resumable() const {
  SSL_SESSION* const session = SSL_get0_session(impl_->connection.get());
  return session != nullptr && SSL_SESSION_is_resumable(session) == 1;
}

std::string TlsClient::protocol() const {
  const unsigned char* name = nullptr;
  unsigned bytes = 0;
  SSL_get0_alpn_selected(impl_->connection.get(), &name, &bytes);
  return {reinterpret_cast<const char*>(name), bytes};
}

std::string request_text(std::string_view method, std::string_view target, std::string_view body,
                         std::string_view extra_fields) {
  std::string text(method);
  text.append(" ").append(target).append(" HTTP/1.1\r\nHost: localhost\r\n").append(extra_fields);
  if (!body.empty()) text += "Content-Length: " + std::to_string(body.size()) + "\r\n";
  return text.append("\r\n").append(body);
}

KeyAndRequest make_csr() {
  const KeyHandle key(EVP_EC_gen("P-256"));
  const RequestHandle request(X509_REQ_new());
  X509_REQ_set_version(request.get(), 0);
  X509_REQ_set_pubkey(request.get(), key.get());
  X509_REQ_sign(request.get(), key.get(), EVP_sha256());
  const BioHandle key_bio(BIO_new(BIO_s_mem()));
  PEM_write_bio_PKCS8PrivateKey(key_bio.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  const BioHandle request_bio(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509_REQ(request_bio.get(), request.get());
  const auto content = [](BIO* bio) {
    char* data = nullptr;
    const long size = BIO_get_mem_data(bio, &data);
    return std::string(data, static_cast<std::size_t>(size));
  };
  return {content(key_bio.get()), content(request_bio.get())};
}

}  // namespace yunjian::collector::testing
