#include "collector/http/tls_context.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/ssl.hpp>

#include "collector/http/openssl_handles.h"

namespace yunjian::collector {
namespace {

using ledger::ErrorKind;
using ledger::fail;
using ledger::Result;

namespace ssl = boost::asio::ssl;

// The only protocol we speak; a client that offers others as well (curl offers h2) gets this one.
int choose_protocol(SSL*, const unsigned char** out, unsigned char* out_bytes,
                    const unsigned char* offered, unsigned offered_bytes, void*) {
  static constexpr unsigned char http11[] = "\x08http/1.1";
  unsigned char* chosen = nullptr;
  const int found =
      SSL_select_next_proto(&chosen, out_bytes, http11, sizeof(http11) - 1, offered, offered_bytes);
  if (found != OPENSSL_NPN_NEGOTIATED) return SSL_TLSEXT_ERR_NOACK;
  *out = chosen;
  return SSL_TLSEXT_ERR_OK;
}

bool restrict_protocol(SSL_CTX* context) {
  SSL_CTX_set_options(context, SSL_OP_NO_TICKET | SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_max_early_data(context, 0);
  SSL_CTX_set_recv_max_early_data(context, 0);
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);  // idle connections are many
  SSL_CTX_set_alpn_select_cb(context, choose_protocol, nullptr);
  return SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) == 1 &&
         SSL_CTX_set_max_proto_version(context, TLS1_3_VERSION) == 1 &&
         SSL_CTX_set_num_tickets(context, 0) == 1;
}

void ask_for_certificate(ssl::context& context, const ListenerOptions& options) {
  context.add_certificate_authority(boost::asio::buffer(options.client_ca_pem));
  // Purpose "client" (EKU clientAuth) is what OpenSSL checks by itself on the server side.
  const bool required = options.client_certificate == ClientCertificate::required;
  SSL_CTX_set_verify(context.native_handle(),
                     SSL_VERIFY_PEER | (required ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0), nullptr);
  SSL_CTX_set_verify_depth(context.native_handle(), 1);
}

ssl::context build(const ListenerOptions& options) {
  ssl::context context(ssl::context::tls_server);
  if (!restrict_protocol(context.native_handle())) {
    throw boost::system::system_error(boost::asio::error::operation_not_supported);
  }
  context.use_certificate_chain(boost::asio::buffer(options.certificate_pem));
  context.use_private_key(boost::asio::buffer(options.private_key_pem), ssl::context::pem);
  if (options.client_certificate != ClientCertificate::none) {
    ask_for_certificate(context, options);
  }
  return context;
}

}  // namespace

Result<ssl::context> make_tls_context(const ListenerOptions& options) {
  try {
    ssl::context context = build(options);
    if (SSL_CTX_check_private_key(context.native_handle()) == 1) return context;
    ERR_clear_error();
    return fail(ErrorKind::reject, "the server's private key does not belong to its certificate");
  } catch (const std::exception& error) {
    ERR_clear_error();
    return fail(
        ErrorKind::reject,
        std::string("cannot set up TLS with the given certificate, key and CA: ") + error.what());
  }
}

PeerIdentity peer_identity(SSL* connection) {
  X509* const certificate = SSL_get0_peer_certificate(connection);
  if (certificate == nullptr) return {};
  return {.certificate_sha256 = certificate_sha256(certificate),
          .common_name = subject_common_name(certificate)};
}

}  // namespace yunjian::collector
