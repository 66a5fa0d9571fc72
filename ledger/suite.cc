#include "ledger/suite.h"

#include <openssl/core_names.h>
#include <openssl/params.h>

#include <array>
#include <memory>

#include "ledger/base/result.h"
#include "ledger/suite_openssl.h"

namespace yunjian::ledger {
namespace {

struct FreeDigest {
  void operator()(EVP_MD* digest) const { EVP_MD_free(digest); }
};
using Digest = std::unique_ptr<EVP_MD, FreeDigest>;

class EvpHasher : public Hasher {
 public:
  explicit EvpHasher(const char* algorithm)
      : digest_(EVP_MD_fetch(nullptr, algorithm, nullptr)), context_(EVP_MD_CTX_new()) {
    require(digest_ && context_, "the crypto library offers this digest");
    require(EVP_DigestInit_ex2(context_.get(), digest_.get(), nullptr) == 1, "digest starts");
  }

  Hash leaf(std::string_view data) override {
    static constexpr unsigned char prefix = 0x00;
    start();
    update(&prefix, 1);
    update(raw(data), data.size());
    return finish();
  }

  Hash node(const Hash& left, const Hash& right) override {
    std::array<unsigned char, 65> joined;
    joined[0] = 0x01;
    std::copy(left.begin(), left.end(), joined.begin() + 1);
    std::copy(right.begin(), right.end(), joined.begin() + 33);
    start();
    update(joined.data(), joined.size());
    return finish();
  }

  Hash plain(std::string_view data) override {
    start();
    update(raw(data), data.size());
    return finish();
  }

 private:
  // A null digest re-uses the one fetched at construction: no look-up per hash.
  void start() {
    if (fresh_) {
      fresh_ = false;
      return;
    }
    require(EVP_DigestInit_ex2(context_.get(), nullptr, nullptr) == 1, "digest restarts");
  }
  void update(const unsigned char* data, std::size_t size) {
    require(EVP_DigestUpdate(context_.get(), data, size) == 1, "digest takes bytes");
  }
  Hash finish() {
    Hash out;
    unsigned int size = 0;
    const int done = EVP_DigestFinal_ex(context_.get(), out.data(), &size);
    require(done == 1 && size == out.size(), "digest gives 32 bytes");
    return out;
  }

  Digest digest_;
  DigestContext context_;
  bool fresh_ = true;
};

class Ed25519Key : public PrivateKey {
 public:
  Ed25519Key(Key key, std::string secret) : key_(std::move(key)), secret_(std::move(secret)) {}
  ~Ed25519Key() override { wipe(secret_); }
  const Suite& suite() const override { return default_suite(); }

  std::string public_key() const override {
    std::string out(32, '\0');
    std::size_t size = out.size();
    const int done = EVP_PKEY_get_raw_public_key(
        key_.get(), reinterpret_cast<unsigned char*>(out.data()), &size);
    require(done == 1 && size == out.size(), "Ed25519 public keys have 32 bytes");
    return out;
  }

  std::string secret() const override { return secret_; }

  Result<std::string> sign(std::string_view message) const override {
    const DigestContext context(EVP_MD_CTX_new());
    std::string out(64, '\0');
    std::size_t size = out.size();
    if (!context || EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key_.get()) != 1 ||
        EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(out.data()), &size,
                       raw(message), message.size()) != 1 ||
        size != out.size()) {
      return fail(ErrorKind::fatal, "cannot sign: the crypto library refused the Ed25519 key");
    }
    return out;
  }

 private:
  Key key_;
  std::string secret_;
};

// EVP_PKEY_new_raw_public_key looks its algorithm up each time; a check has a key of its own for
// each batch.
Key ed25519_public_key(std::string_view bytes) {
  struct FreeContext {
    void operator()(EVP_PKEY_CTX* context) const { EVP_PKEY_CTX_free(context); }
  };
  thread_local const std::unique_ptr<EVP_PKEY_CTX, FreeContext> maker(
      EVP_PKEY_CTX_new_from_name(nullptr, "ED25519", nullptr));
  thread_local const bool ready = maker && EVP_PKEY_fromdata_init(maker.get()) == 1;
  EVP_PKEY* key = nullptr;
  std::array<OSSL_PARAM, 2> parameters = {
      OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, const_cast<char*>(bytes.data()),
                                        bytes.size()),
      OSSL_PARAM_construct_end()};
  if (!ready || EVP_PKEY_fromdata(maker.get(), &key, EVP_PKEY_PUBLIC_KEY, parameters.data()) != 1) {
    return nullptr;
  }
  return Key(key);
}

class Ed25519Sha256 : public Suite {
 public:
  std::string_view name() const override { return "ed25519-sha256"; }

  std::unique_ptr<Hasher> hasher() const override { return make_sha256_hasher(); }

  Result<std::unique_ptr<PrivateKey>> generate(Random& random) const override {
    std::string seed(32, '\0');
    random.fill(std::span(reinterpret_cast<std::uint8_t*>(seed.data()), seed.size()));
    auto key = load(seed);
    wipe(seed);
    return key;
  }

  Result<std::unique_ptr<PrivateKey>> load(std::string_view secret) const override {
    Key key;
    if (secret.size() == 32) {
      key.reset(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, raw(secret), 32));
    }
    if (!key) return fail(ErrorKind::reject, "not an Ed25519 private key: 32 bytes are expected");
    return std::unique_ptr<PrivateKey>(new Ed25519Key(std::move(key), std::string(secret)));
  }

  bool is_public_key(std::string_view bytes) const override {
    return bytes.size() == 32;  // OpenSSL takes any: one that is no point verifies nothing
  }

  bool verify(std::string_view raw_public_key, std::string_view message,
              std::string_view signature) const override {
    if (raw_public_key.size() != 32 || signature.size() != 64) return false;
    const Key key = ed25519_public_key(raw_public_key);
    const DigestContext context(EVP_MD_CTX_new());
    return key && context &&
           EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key.get()) == 1 &&
           EVP_DigestVerify(context.get(), raw(signature), signature.size(), raw(message),
                            message.size()) == 1;
  }

  std::string type_prefix(SignatureKind kind) const override {
    return kind == SignatureKind::plain ? "\x01" : "\x04";
  }
};

}  // namespace

std::unique_ptr<Hasher> make_hasher(const char* algorithm) {
  return std::make_unique<EvpHasher>(algorithm);
}

const Suite& default_suite() {
  static const Ed25519Sha256 suite;
  return suite;
}

std::span<const Suite* const> all_suites() {
  static const std::array<const Suite*, 2> suites = {&default_suite(), &sm2_sm3_suite()};
  return suites;
}

Result<const Suite*> find_suite(std::string_view name) {
  for (const Suite* suite : all_suites()) {
    if (name == suite->name()) return suite;
  }
  return fail(ErrorKind::reject,
              "unknown suite '" + std::string(name) + "': ed25519-sha256 and sm2-sm3 are known");
}

struct Sha256::Impl {
  Digest digest{EVP_MD_fetch(nullptr, "SHA256", nullptr)};
  DigestContext context{EVP_MD_CTX_new()};
};

Sha256::Sha256() : impl_(std::make_unique<Impl>()) {
  require(impl_->digest && impl_->context, "the crypto library offers this digest");
  require(EVP_DigestInit_ex2(impl_->context.get(), impl_->digest.get(), nullptr) == 1,
          "digest starts");
}

Sha256::~Sha256() = default;

void Sha256::update(std::string_view piece) {
  require(EVP_DigestUpdate(impl_->context.get(), piece.data(), piece.size()) == 1,
          "digest takes bytes");
}

Hash Sha256::finish() {
  Hash out;
  unsigned int size = 0;
  const int done = EVP_DigestFinal_ex(impl_->context.get(), out.data(), &size);
  require(done == 1 && size == out.size(), "digest gives 32 bytes");
  return out;
}

}  // namespace yunjian::ledger
