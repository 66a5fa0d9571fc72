#pragma once

#include <memory>
#include <string>

#include "ledger/base/file_system.h"
#include "ledger/note.h"

namespace yunjian::auditor {

// A key of the auditor's own: of a witness, or of the authority that endorses enrolments. One file
// of mode 0600, text lines: the form, name, kind, suite, secret.
struct OwnKey {
  ledger::Verifier identity;
  std::unique_ptr<ledger::PrivateKey> key;
};

// Makes a key and writes it durably. Reject: there is such a file already, or the name is no key
// name.
struct NewKey {
  std::string name;
  const ledger::Suite* suite = nullptr;
  ledger::SignatureKind kind = ledger::SignatureKind::cosignature;
};
ledger::Result<OwnKey> make_key(ledger::FileSystem& files, const std::string& path,
                                const NewKey& wanted, ledger::Random& random);
// Reject: the file is not there, not such a key or of the other kind, or others may read it.
ledger::Result<OwnKey> read_key(ledger::FileSystem& files, const std::string& path,
                                ledger::SignatureKind kind);

}  // namespace yunjian::auditor
