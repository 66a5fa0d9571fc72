#pragma once

#include <openssl/evp.h>

#include <memory>

#include "ledger/suite.h"

// What the suites share of OpenSSL; only suite*.cc include it.
namespace yunjian::ledger {

struct FreeDigestContext {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};
struct FreeKey {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
using DigestContext = std::unique_ptr<EVP_MD_CTX, FreeDigestContext>;
using Key = std::unique_ptr<EVP_PKEY, FreeKey>;

inline const unsigned char* raw(std::string_view bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}

// Of a digest of 32 bytes that OpenSSL knows by this name.
std::unique_ptr<Hasher> make_hasher(const char* algorithm);
std::unique_ptr<Hasher> make_sha256_hasher();  // the same as of "SHA256", and faster

const Suite& sm2_sm3_suite();

}  // namespace yunjian::ledger
