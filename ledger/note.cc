#include "ledger/note.h"

#include <algorithm>

namespace yunjian::ledger {
namespace {

constexpr std::string_view dash = "\xE2\x80\x94 ";  // U+2014 and a space

Failure bad(std::string why) { return fail(ErrorKind::reject, "not a signed note: " + why); }

// Next UTF-8 character of valid text; advances `text`.
char32_t next_character(std::string_view& text) {
  const auto first = static_cast<unsigned char>(text.front());
  const std::size_t length = first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
  char32_t character = length == 1 ? first : first & (0x7FU >> length);
  for (std::size_t i = 1; i < length; ++i) {
    character = (character << 6) | (static_cast<unsigned char>(text[i]) & 0x3FU);
  }
  text.remove_prefix(length);
  return character;
}

bool is_unicode_space(char32_t c) {
  return (c >= 0x09 && c <= 0x0D) || c == 0x20 || c == 0x85 || c == 0xA0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F ||
         c == 0x3000;
}

bool has_control(std::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x20 && c != '\n'; });
}

Result<SignatureLine> parse_signature_line(std::string_view line) {
  if (!line.starts_with(dash)) return bad("a signature line must begin with an em dash");
  line.remove_prefix(dash.size());
  const std::size_t space = line.find(' ');
  if (space == std::string_view::npos) return bad("a signature line holds no signature");
  const std::string_view name = line.substr(0, space);
  if (!is_key_name(name)) return bad("a signature line holds no key name");
  auto decoded = from_base64(line.substr(space + 1));
  if (!decoded) return bad("the signature of " + std::string(name) + " is not canonical base64");
  if (decoded->size() < 5) return bad("the signature of " + std::string(name) + " is too short");
  return SignatureLine{std::string(name), get_u32be(decoded->data()), decoded->substr(4)};
}

std::uint32_t compute_key_id(std::string_view name, std::string_view type_and_key) {
  std::string input(name);
  input += '\n';
  input += type_and_key;
  const Hash hash = sha256(input);
  return get_u32be(reinterpret_cast<const char*>(hash.data()));
}

std::string cosigned_message(std::uint64_t seconds, std::string_view text) {
  return "cosignature/v1\ntime " + std::to_string(seconds) + "\n" + std::string(text);
}

}  // namespace

bool is_key_name(std::string_view name) {
  if (name.empty() || !is_valid_utf8(name)) return false;
  for (std::string_view rest = name; !rest.empty();) {
    const char32_t c = next_character(rest);
    if (c < 0x20 || c == '+' || is_unicode_space(c)) return false;
  }
  return true;
}

Result<Note> parse_note(std::string_view bytes) {
  if (bytes.size() > note_bytes_max) return bad("it is longer than 1 MiB");
  if (!is_valid_utf8(bytes)) return bad("it is not UTF-8");
  if (has_control(bytes)) return bad("it holds control characters");
  const std::size_t separator = bytes.rfind("\n\n");
  if (separator == std::string_view::npos) return bad("no empty line before the signatures");
  std::string_view lines = bytes.substr(separator + 2);
  if (lines.empty()) return bad("no signature");
  if (lines.back() != '\n') return bad("the last line does not end");

  Note note;
  note.text = bytes.substr(0, separator + 1);
  while (!lines.empty()) {
    if (note.signatures.size() == note_signatures_max) return bad("too many signatures");
    const std::size_t end = lines.find('\n');
    auto line = parse_signature_line(lines.substr(0, end));
    if (!line) return failure(line);
    note.signatures.push_back(std::move(*line));
    lines.remove_prefix(end + 1);
  }
  return note;
}

std::string format_note(std::string_view text, const std::vector<SignatureLine>& signatures) {
  std::string out(text);
  out += '\n';
  for (const SignatureLine& line : signatures) {
    std::string bytes;
    put_u32be(bytes, line.key_id);
    bytes += line.signature;
    out += dash;
    out += line.name;
    out += ' ';
    out += to_base64(bytes);
    out += '\n';
  }
  return out;
}

Verifier::Verifier(const Suite& suite, std::string name, std::string raw_public_key,
                   SignatureKind kind)
    : suite_(&suite),
      name_(std::move(name)),
      public_key_(std::move(raw_public_key)),
      kind_(kind),
      key_id_(compute_key_id(name_, suite.type_prefix(kind) + public_key_)) {}

Result<Verifier> Verifier::from_vkey(std::string_view vkey) {
  const auto refuse = [](std::string why) {
    return fail(ErrorKind::reject,
                "not a verifier key (<name>+<8 hex digits>+<base64>): " + std::move(why));
  };
  const std::size_t first = vkey.find('+');
  const std::size_t second = first == std::string_view::npos ? first : vkey.find('+', first + 1);
  if (second == std::string_view::npos) return refuse("two '+' are needed");
  const std::string_view name = vkey.substr(0, first);
  if (!is_key_name(name)) return refuse("the name is not one");
  auto id = from_hex(vkey.substr(first + 1, second - first - 1));
  if (!id || id->size() != 4) return refuse("the key id is not 8 lower-case hex digits");
  auto key = from_base64(vkey.substr(second + 1));
  if (!key) return refuse("the key is not canonical base64");
  for (const Suite* suite : all_suites()) {
    for (const SignatureKind kind : {SignatureKind::plain, SignatureKind::cosignature}) {
      const std::string prefix = suite->type_prefix(kind);
      if (!key->starts_with(prefix)) continue;
      const std::string raw = key->substr(prefix.size());
      if (!suite->is_public_key(raw)) continue;
      Verifier verifier(*suite, std::string(name), raw, kind);
      if (verifier.key_id() != get_u32be(id->data())) return refuse("the key id is not the key's");
      return verifier;
    }
  }
  return refuse("its key type is not known to this build");
}

std::string Verifier::vkey() const {
  std::string id;
  put_u32be(id, key_id_);
  return name_ + "+" + to_hex(id) + "+" + to_base64(suite_->type_prefix(kind_) + public_key_);
}

bool Verifier::matches(const SignatureLine& line) const {
  return line.key_id == key_id_ && line.name == name_;
}

bool Verifier::verify(std::string_view text, const SignatureLine& line) const {
  if (!matches(line)) return false;
  if (kind_ == SignatureKind::plain) return suite_->verify(public_key_, text, line.signature);
  if (line.signature.size() <= 8) return false;
  const std::uint64_t seconds = get_u64be(line.signature.data());
  if (seconds >> 63 != 0) return false;
  return suite_->verify(public_key_, cosigned_message(seconds, text),
                        std::string_view(line.signature).substr(8));
}

Result<SignatureLine> sign_line(const Verifier& identity, const PrivateKey& key,
                                std::string_view text) {
  auto signature = key.sign(text);
  if (!signature) return failure(signature);
  return SignatureLine{identity.name(), identity.key_id(), std::move(*signature)};
}

Result<SignatureLine> cosign_line(const Verifier& identity, const PrivateKey& key,
                                  std::string_view text, std::uint64_t seconds) {
  auto signature = key.sign(cosigned_message(seconds, text));
  if (!signature) return failure(signature);
  std::string stamped;
  put_u64be(stamped, seconds);
  return SignatureLine{identity.name(), identity.key_id(), stamped + *signature};
}

Result<Note> open_note(std::string_view bytes, const std::vector<Verifier>& known,
                       std::vector<std::size_t>* verified) {
  auto note = parse_note(bytes);
  if (!note) return note;
  std::vector<std::size_t> good;
  for (std::size_t i = 0; i < note->signatures.size(); ++i) {
    const SignatureLine& line = note->signatures[i];
    const auto key = std::find_if(known.begin(), known.end(),
                                  [&](const Verifier& verifier) { return verifier.matches(line); });
    if (key == known.end()) continue;
    if (!key->verify(note->text, line)) {
      return fail(ErrorKind::reject, "the signature of " + line.name + " does not fit the text");
    }
    good.push_back(i);
  }
  if (good.empty()) return fail(ErrorKind::reject, "the note is signed by no key known here");
  if (verified != nullptr) *verified = std::move(good);
  return note;
}

}  // namespace yunjian::ledger
