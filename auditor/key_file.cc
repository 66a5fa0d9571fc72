#include "auditor/key_file.h"

#include <array>

#include "ledger/posix/secrecy.h"
#include "ledger/text_fields.h"

namespace yunjian::auditor {

using ledger::ErrorKind;
using ledger::Result;
using ledger::SignatureKind;

namespace {

constexpr std::string_view form = "yunjian/key/v1";

std::string_view word_of(SignatureKind kind) {
  return kind == SignatureKind::cosignature ? "witness" : "authority";
}

}  // namespace

Result<OwnKey> make_key(ledger::FileSystem& files, const std::string& path, const NewKey& wanted,
                        ledger::Random& random) {
  if (!ledger::is_key_name(wanted.name)) {
    return ledger::fail(ErrorKind::reject,
                        "'" + wanted.name + "' is no name for a key: no spaces, no '+'");
  }
  auto there = files.exists(path);
  if (!there) return ledger::failure(there);
  if (*there) return ledger::fail(ErrorKind::reject, path + " is there already");
  auto key = wanted.suite->generate(random);
  if (!key) return ledger::failure(key);
  std::string secret = (*key)->secret();
  std::string text = std::string(form) + "\n";
  ledger::append_field(text, "name", wanted.name);
  ledger::append_field(text, "kind", word_of(wanted.kind));
  ledger::append_field(text, "suite", wanted.suite->name());
  ledger::append_field(text, "secret", ledger::to_base64(secret));
  ledger::wipe(secret);
  auto written = ledger::replace_file(files, path, text, 0600);
  ledger::wipe(text);
  if (!written) return ledger::failure(written);
  return OwnKey{ledger::Verifier(*wanted.suite, wanted.name, (*key)->public_key(), wanted.kind),
                std::move(*key)};
}

Result<OwnKey> read_key(ledger::FileSystem& files, const std::string& path, SignatureKind kind) {
  const std::array<std::string, 1> secrets{path};
  if (auto secret = ledger::check_secret_files(secrets); !secret) return ledger::failure(secret);
  auto text = files.read_file(path);
  if (!text) return ledger::failure(text, "reading the key");
  ledger::FieldReader reader(*text, form);
  const std::string name = reader.take("name", ledger::is_key_name);
  const std::string said = std::string(reader.take("kind"));
  const std::string suite_name = std::string(reader.take("suite"));
  std::string secret = reader.take_base64("secret");
  auto done = reader.finish();
  ledger::wipe(*text);
  if (!done) return ledger::failure(done, path);
  if (said != word_of(kind)) {
    return ledger::fail(ErrorKind::reject, path + " holds the key of a " + said + ", not of a " +
                                               std::string(word_of(kind)) +
                                               "; make one with `yunjian-audit key`");
  }
  auto suite = ledger::find_suite(suite_name);
  if (!suite) return ledger::failure(suite, path);
  auto key = (*suite)->load(secret);
  ledger::wipe(secret);
  if (!key) return ledger::failure(key, path);
  return OwnKey{ledger::Verifier(**suite, name, (*key)->public_key(), kind), std::move(*key)};
}

}  // namespace yunjian::auditor
