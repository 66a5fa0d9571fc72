#include "ledger/sha256_stream.h"
#include "ledger/suite_openssl.h"

namespace yunjian::ledger {

struct Sha256Stream::Impl {
  DigestContext context{EVP_MD_CTX_new()};
};

Sha256Stream::Sha256Stream() : impl_(std::make_unique<Impl>()) {
  require(impl_->context != nullptr &&
              EVP_DigestInit_ex(impl_->context.get(), EVP_sha256(), nullptr) == 1,
          "OpenSSL gives SHA-256");
}

Sha256Stream::~Sha256Stream() = default;

void Sha256Stream::add(std::string_view bytes) {
  require(EVP_DigestUpdate(impl_->context.get(), bytes.data(), bytes.size()) == 1,
          "SHA-256 takes bytes");
}

Hash Sha256Stream::finish() {
  Hash hash{};
  require(EVP_DigestFinal_ex(impl_->context.get(), hash.data(), nullptr) == 1, "SHA-256 ends");
  return hash;
}

}  // namespace yunjian::ledger
