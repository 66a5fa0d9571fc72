#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "ledger/base/bytes.h"
#include "ledger/base/random.h"

namespace yunjian::ledger {

// Streaming digest of one suite with the RFC 6962 prefixes; reuses one context. One thread.
class Hasher {
 public:
  virtual ~Hasher() = default;
  virtual Hash leaf(std::string_view data) = 0;                // H(0x00 ‖ data)
  virtual Hash node(const Hash& left, const Hash& right) = 0;  // H(0x01 ‖ left ‖ right)
  virtual Hash plain(std::string_view data) = 0;               // H(data)
};

// What a note's signature line is made with: fixes the type byte in key id and vkey.
enum class SignatureKind { plain, cosignature };

class Suite;

// A private key in memory; wiped when destroyed. One thread.
class PrivateKey {
 public:
  virtual ~PrivateKey() = default;
  virtual const Suite& suite() const = 0;
  virtual std::string public_key() const = 0;  // raw: 32 bytes Ed25519, 65 bytes SM2 (04‖x‖y)
  virtual std::string secret()
      const = 0;  // raw, for a state file of mode 0600; wipe() it after use
  virtual Result<std::string> sign(std::string_view message) const = 0;  // 64 bytes
};

// The algorithms of one log, chosen when it is created. Stateless, any thread; lives for ever.
class Suite {
 public:
  virtual ~Suite() = default;
  virtual std::string_view name() const = 0;  // "ed25519-sha256", "sm2-sm3"
  virtual std::unique_ptr<Hasher> hasher() const = 0;
  virtual Result<std::unique_ptr<PrivateKey>> generate(Random& random) const = 0;
  virtual Result<std::unique_ptr<PrivateKey>> load(
      std::string_view secret) const = 0;  // reject: not a key
  virtual bool is_public_key(std::string_view raw) const = 0;
  virtual bool verify(std::string_view raw_public_key, std::string_view message,
                      std::string_view signature) const = 0;
  // What stands before the raw key in a vkey and in the key-id hash: 0x01, 0x04, or 0xff ‖ long
  // name.
  virtual std::string type_prefix(SignatureKind kind) const = 0;
};

// Reject: unknown name; the message lists the known ones.
Result<const Suite*> find_suite(std::string_view name);
const Suite& default_suite();  // ed25519-sha256
std::span<const Suite* const> all_suites();

// SHA-256 whatever the suite: key ids and certificate fingerprints are defined with it.
Hash sha256(std::string_view data);

// The same over bytes that come in pieces. One thread.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;
  void update(std::string_view piece);
  Hash finish();  // once, at the end

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace yunjian::ledger
