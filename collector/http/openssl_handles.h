#pragma once

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <memory>
#include <string>
#include <string_view>

namespace yunjian::collector {

// Owners of OpenSSL objects; for the .cc files of this folder only.
template <auto free_function>
struct OpenSslFree {
  template <typename T>
  void operator()(T* object) const {
    free_function(object);
  }
};

using X509Handle = std::unique_ptr<X509, OpenSslFree<X509_free>>;
using RequestHandle = std::unique_ptr<X509_REQ, OpenSslFree<X509_REQ_free>>;
using KeyHandle = std::unique_ptr<EVP_PKEY, OpenSslFree<EVP_PKEY_free>>;
using BioHandle = std::unique_ptr<BIO, OpenSslFree<BIO_free_all>>;
using ExtensionHandle = std::unique_ptr<X509_EXTENSION, OpenSslFree<X509_EXTENSION_free>>;

// Newest error of the thread's queue as text; empties the queue.
std::string openssl_error();

std::string certificate_sha256(const X509* certificate);  // of its DER, lower-case hex
// Empty unless the subject has exactly one CN, of printable ASCII.
std::string subject_common_name(const X509* certificate);

}  // namespace yunjian::collector
