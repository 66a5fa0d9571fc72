#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "ledger/suite.h"

namespace yunjian::ledger {

// C2SP signed note v1.0.0: text that ends in \n, an empty line, then lines "— <name> <base64(key id
// ‖ signature)>".
struct SignatureLine {
  std::string name;
  std::uint32_t key_id;
  std::string signature;  // without the key id
};

struct Note {
  std::string text;  // ends in \n, without the empty line
  std::vector<SignatureLine> signatures;
};

inline constexpr std::size_t note_bytes_max = 1U << 20;
inline constexpr std::size_t note_signatures_max = 100;

// Strict: UTF-8, no control characters but \n, canonical base64, the separator is the last empty
// line. Reject otherwise.
Result<Note> parse_note(std::string_view bytes);
std::string format_note(std::string_view text, const std::vector<SignatureLine>& signatures);

bool is_key_name(
    std::string_view name);  // non-empty, no Unicode space, no '+', no control characters

// A public key under a name: `<name>+<hex key id>+<base64 type ‖ key>` when written as a vkey.
class Verifier {
 public:
  Verifier(const Suite& suite, std::string name, std::string raw_public_key,
           SignatureKind kind = SignatureKind::plain);
  static Result<Verifier> from_vkey(std::string_view vkey);  // any suite, found by the type byte

  const Suite& suite() const { return *suite_; }
  const std::string& name() const { return name_; }
  const std::string& public_key() const { return public_key_; }
  std::uint32_t key_id() const { return key_id_; }
  SignatureKind kind() const { return kind_; }
  std::string vkey() const;
  // True when `line` is by this key (name and id) over `text`; for a cosignature the timestamp is
  // inside.
  bool matches(const SignatureLine& line) const;
  bool verify(std::string_view text, const SignatureLine& line) const;

 private:
  const Suite* suite_;
  std::string name_;
  std::string public_key_;
  SignatureKind kind_;
  std::uint32_t key_id_;
};

Result<SignatureLine> sign_line(const Verifier& identity, const PrivateKey& key,
                                std::string_view text);
// Cosignature (C2SP tlog-cosignature): `identity` has kind cosignature; `seconds` since 1970.
Result<SignatureLine> cosign_line(const Verifier& identity, const PrivateKey& key,
                                  std::string_view text, std::uint64_t seconds);

// Opens a note: signatures by unknown keys are ignored, one by a known key that does not verify
// rejects the whole note, none by a known key rejects it too. Returns the note; `verified`
// (optional) gets the indexes of the good lines.
Result<Note> open_note(std::string_view bytes, const std::vector<Verifier>& known,
                       std::vector<std::size_t>* verified = nullptr);

}  // namespace yunjian::ledger
