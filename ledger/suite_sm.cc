// The suite sm2-sm3 (商密, GB/T 32905 and 32918): SM3 in the trees, SM2 signatures with the
// standard's default user id.
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/obj_mac.h>
#include <openssl/param_build.h>

#include "ledger/suite_openssl.h"

namespace yunjian::ledger {
namespace {

constexpr std::string_view user_id =
    "1234567812345678";  // always given: OpenSSL's default differs by version
constexpr std::size_t scalar_bytes = 32;
constexpr std::size_t public_bytes = 65;  // 04 ‖ x ‖ y

template <auto Free>
struct FreeBy {
  template <typename T>
  void operator()(T* object) const {
    Free(object);
  }
};
using Number = std::unique_ptr<BIGNUM, FreeBy<BN_clear_free>>;
using Group = std::unique_ptr<EC_GROUP, FreeBy<EC_GROUP_free>>;
using Point = std::unique_ptr<EC_POINT, FreeBy<EC_POINT_free>>;
using Signature = std::unique_ptr<ECDSA_SIG, FreeBy<ECDSA_SIG_free>>;
using ParamBuild = std::unique_ptr<OSSL_PARAM_BLD, FreeBy<OSSL_PARAM_BLD_free>>;
using Params = std::unique_ptr<OSSL_PARAM, FreeBy<OSSL_PARAM_free>>;
using KeyContext = std::unique_ptr<EVP_PKEY_CTX, FreeBy<EVP_PKEY_CTX_free>>;

Number number_from(std::string_view bytes) {
  return Number(BN_bin2bn(raw(bytes), static_cast<int>(bytes.size()), nullptr));
}

// Empty when the scalar is not in [1, n-2].
std::string public_key_of(const BIGNUM* scalar) {
  const Group group(EC_GROUP_new_by_curve_name(NID_sm2));
  require(group != nullptr, "the crypto library offers SM2");
  const Number limit(BN_dup(EC_GROUP_get0_order(group.get())));
  BN_sub_word(limit.get(), 1);
  if (BN_is_zero(scalar) || BN_cmp(scalar, limit.get()) >= 0) return {};
  const Point point(EC_POINT_new(group.get()));
  if (!point || EC_POINT_mul(group.get(), point.get(), scalar, nullptr, nullptr, nullptr) != 1) {
    return {};
  }
  std::string out(public_bytes, '\0');
  const std::size_t size =
      EC_POINT_point2oct(group.get(), point.get(), POINT_CONVERSION_UNCOMPRESSED,
                         reinterpret_cast<unsigned char*>(out.data()), out.size(), nullptr);
  return size == out.size() ? out : std::string();
}

// A null scalar makes a public key. Null when the bytes are no point of the curve.
Key make_key(std::string_view public_key, const BIGNUM* scalar) {
  const ParamBuild build(OSSL_PARAM_BLD_new());
  OSSL_PARAM_BLD_push_utf8_string(build.get(), OSSL_PKEY_PARAM_GROUP_NAME, "SM2", 0);
  OSSL_PARAM_BLD_push_octet_string(build.get(), OSSL_PKEY_PARAM_PUB_KEY, public_key.data(),
                                   public_key.size());
  if (scalar != nullptr) {
    OSSL_PARAM_BLD_push_BN(build.get(), OSSL_PKEY_PARAM_PRIV_KEY, scalar);
  }
  const Params params(OSSL_PARAM_BLD_to_param(build.get()));
  const KeyContext context(EVP_PKEY_CTX_new_from_name(nullptr, "SM2", nullptr));
  EVP_PKEY* key = nullptr;
  if (!params || !context || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &key,
                        scalar != nullptr ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY,
                        params.get()) != 1) {
    return nullptr;
  }
  return Key(key);
}

// The user id is set once the operation is set up: OpenSSL 3.0.19 passes over parameters that are
// given to the call that begins it.
bool set_user_id(EVP_PKEY_CTX* operation) {
  return EVP_PKEY_CTX_set1_id(operation, user_id.data(), user_id.size()) == 1;
}

// OpenSSL signs in DER; the format has r ‖ s, 32 bytes each.
std::string fixed_from_der(std::string_view der) {
  const unsigned char* at = raw(der);
  const Signature signature(d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der.size())));
  std::string out(2 * scalar_bytes, '\0');
  auto* bytes = reinterpret_cast<unsigned char*>(out.data());
  if (!signature ||
      BN_bn2binpad(ECDSA_SIG_get0_r(signature.get()), bytes, scalar_bytes) != scalar_bytes ||
      BN_bn2binpad(ECDSA_SIG_get0_s(signature.get()), bytes + scalar_bytes, scalar_bytes) !=
          scalar_bytes) {
    return {};
  }
  return out;
}

std::string der_from_fixed(std::string_view fixed) {
  const Signature signature(ECDSA_SIG_new());
  Number r = number_from(fixed.substr(0, scalar_bytes));
  Number s = number_from(fixed.substr(scalar_bytes));
  if (ECDSA_SIG_set0(signature.get(), r.release(), s.release()) != 1) return {};
  std::string out(2 * scalar_bytes + 16, '\0');
  auto* at = reinterpret_cast<unsigned char*>(out.data());
  const int size = i2d_ECDSA_SIG(signature.get(), &at);
  out.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
  return out;
}

class Sm2Key : public PrivateKey {
 public:
  Sm2Key(Key key, std::string secret, std::string public_key)
      : key_(std::move(key)), secret_(std::move(secret)), public_key_(std::move(public_key)) {}
  ~Sm2Key() override { wipe(secret_); }
  const Suite& suite() const override { return sm2_sm3_suite(); }
  std::string public_key() const override { return public_key_; }
  std::string secret() const override { return secret_; }

  Result<std::string> sign(std::string_view message) const override {
    const DigestContext context(EVP_MD_CTX_new());
    EVP_PKEY_CTX* operation = nullptr;
    std::string der(128, '\0');
    std::size_t size = der.size();
    if (!context ||
        EVP_DigestSignInit_ex(context.get(), &operation, "SM3", nullptr, nullptr, key_.get(),
                              nullptr) != 1 ||
        !set_user_id(operation) ||
        EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(der.data()), &size,
                       raw(message), message.size()) != 1) {
      return fail(ErrorKind::fatal, "cannot sign: the crypto library refused the SM2 key");
    }
    std::string fixed = fixed_from_der(std::string_view(der).substr(0, size));
    if (fixed.empty()) return fail(ErrorKind::fatal, "cannot sign: not an SM2 signature");
    return fixed;
  }

 private:
  Key key_;
  std::string secret_;
  std::string public_key_;
};

class Sm2Sm3 : public Suite {
 public:
  std::string_view name() const override { return "sm2-sm3"; }
  std::unique_ptr<Hasher> hasher() const override { return make_hasher("SM3"); }

  Result<std::unique_ptr<PrivateKey>> generate(Random& random) const override {
    // A random string beyond the curve's order is drawn again; that is rarer than once in 2^31.
    for (;;) {
      std::string secret(scalar_bytes, '\0');
      random.fill(std::span(reinterpret_cast<std::uint8_t*>(secret.data()), secret.size()));
      auto key = load(secret);
      wipe(secret);
      if (key) return key;
    }
  }

  Result<std::unique_ptr<PrivateKey>> load(std::string_view secret) const override {
    if (secret.size() == scalar_bytes) {
      const Number scalar = number_from(secret);
      const std::string public_key = public_key_of(scalar.get());
      Key key = public_key.empty() ? nullptr : make_key(public_key, scalar.get());
      if (key) {
        return std::unique_ptr<PrivateKey>(
            new Sm2Key(std::move(key), std::string(secret), public_key));
      }
    }
    return fail(ErrorKind::reject, "not an SM2 private key: 32 bytes in [1, n-2] are expected");
  }

  bool is_public_key(std::string_view bytes) const override {
    return bytes.size() == public_bytes && bytes.front() == 4 && make_key(bytes, nullptr);
  }

  bool verify(std::string_view raw_public_key, std::string_view message,
              std::string_view signature) const override {
    if (raw_public_key.size() != public_bytes || signature.size() != 2 * scalar_bytes) return false;
    const Key key = make_key(raw_public_key, nullptr);
    const DigestContext context(EVP_MD_CTX_new());
    EVP_PKEY_CTX* operation = nullptr;
    const std::string der = der_from_fixed(signature);
    return key && context && !der.empty() &&
           EVP_DigestVerifyInit_ex(context.get(), &operation, "SM3", nullptr, nullptr, key.get(),
                                   nullptr) == 1 &&
           set_user_id(operation) &&
           EVP_DigestVerify(context.get(), raw(der), der.size(), raw(message), message.size()) == 1;
  }

  std::string type_prefix(SignatureKind kind) const override {
    return kind == SignatureKind::plain ? "\xFFyunjian/sm2-sm3" : "\xFFyunjian/sm2-cosignature";
  }
};

}  // namespace

const Suite& sm2_sm3_suite() {
  static const Sm2Sm3 suite;
  return suite;
}

}  // namespace yunjian::ledger
