#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "ledger/base/file_system.h"
#include "ledger/note.h"

namespace yunjian::collector {

// Where everything lies in the collector's data directory.
struct DataDirectory {
  std::string root;

  std::string log_facts() const { return root + "/log.json"; }  // written last by `init`
  std::string log_key() const { return root + "/keys/log.key"; }
  std::string cursor_key() const { return root + "/keys/cursor.key"; }
  std::string stream_state() const { return root + "/stream.state"; }
  std::string tls() const { return root + "/tls"; }
  std::string tls_names() const { return root + "/tls/server.names"; }
  std::string catalog() const { return root + "/catalog.sqlite"; }
  std::string lock() const { return root + "/lock"; }
  std::string admin_socket() const { return root + "/admin.sock"; }
  std::string scratch() const { return root + "/scratch"; }
  std::string reports() const { return root + "/reports"; }
  std::string folds() const { return root + "/folds"; }  // derived
  std::string token() const { return root + "/token"; }
  // What nobody but the owner may read.
  std::vector<std::string> secrets() const {
    return {log_key(), cursor_key(), stream_state(), tls() + "/ca.key", tls() + "/server.key",
            catalog(), token()};
  }
};

// What log.json says: which log this directory holds.
struct LogFacts {
  std::string origin;
  const ledger::Suite* suite = nullptr;
  std::string vkey;
};
ledger::Result<void> write_log_facts(ledger::FileSystem& files, const std::string& path,
                                     const LogFacts& facts);
// Reject: no such file; the text says to run `init`.
ledger::Result<LogFacts> read_log_facts(ledger::FileSystem& files, const std::string& path);

// A secret in a file of mode 0600: base64 and a line end. Whoever reads one wipes it.
ledger::Result<void> write_secret(ledger::FileSystem& files, const std::string& path,
                                  std::string_view secret);
ledger::Result<std::string> read_secret(ledger::FileSystem& files, const std::string& path);

// The log's key: log.key in $CREDENTIALS_DIRECTORY (systemd's LoadCredential), when it is there,
// else keys/log.key. Fatal: it is not the one that `facts` name.
ledger::Result<std::unique_ptr<ledger::PrivateKey>> read_log_key(ledger::FileSystem& files,
                                                                 const DataDirectory& directory,
                                                                 const LogFacts& facts);

}  // namespace yunjian::collector
