#include "collector/data_directory.h"

#include <fmt/format.h>

#include <cstdlib>

#include "collector/api/json.h"
#include "ledger/base/bytes.h"
#include "ledger/record.h"

namespace yunjian::collector {

using ledger::ErrorKind;
using ledger::Result;

Result<void> write_log_facts(ledger::FileSystem& files, const std::string& path,
                             const LogFacts& facts) {
  Json json;
  json.begin_object()
      .member("origin", std::string_view(facts.origin))
      .member("suite", facts.suite->name())
      .member("vkey", std::string_view(facts.vkey))
      .end_object();
  return ledger::replace_file(files, path, json.take() + "\n", 0644);
}

Result<LogFacts> read_log_facts(ledger::FileSystem& files, const std::string& path) {
  auto there = files.exists(path);
  if (!there) return ledger::failure(there);
  if (!*there) {
    return ledger::fail(ErrorKind::reject,
                        fmt::format("{} is not there: no log was made in this directory; make one "
                                    "with `yunjian-collector init`",
                                    path));
  }
  auto text = files.read_file(path);
  if (!text) return ledger::failure(text);
  if (text->ends_with('\n')) text->pop_back();
  auto fields = ledger::parse_record(*text);
  if (!fields) return ledger::failure(fields, path);
  const auto value = [&](std::string_view key) {
    return std::string((*fields)->find(key).value_or(""));
  };
  auto suite = ledger::find_suite(value("suite"));
  if (!suite) return ledger::failure(suite, path);
  return LogFacts{.origin = value("origin"), .suite = *suite, .vkey = value("vkey")};
}

Result<void> write_secret(ledger::FileSystem& files, const std::string& path,
                          std::string_view secret) {
  std::string text = ledger::to_base64(secret) + "\n";
  auto written = ledger::replace_file(files, path, text, 0600);
  ledger::wipe(text);
  return written;
}

Result<std::string> read_secret(ledger::FileSystem& files, const std::string& path) {
  auto text = files.read_file(path);
  if (!text) return text;
  const bool ended = text->ends_with('\n');
  if (ended) text->pop_back();
  auto secret = ledger::from_base64(*text);
  ledger::wipe(*text);
  if (secret && ended) return secret;
  return ledger::fail(ErrorKind::corrupt,
                      fmt::format("{} is damaged; bring it back from the backup", path));
}

namespace {

// The credential of the service manager, when it gives one, else the file among the data.
Result<std::string> log_key_path(ledger::FileSystem& files, const DataDirectory& directory) {
  const char* credentials = std::getenv("CREDENTIALS_DIRECTORY");
  if (credentials == nullptr) return directory.log_key();
  std::string path = ledger::join_path(credentials, "log.key");
  auto there = files.exists(path);
  if (!there) return ledger::failure(there);
  return *there ? std::move(path) : directory.log_key();
}

}  // namespace

Result<std::unique_ptr<ledger::PrivateKey>> read_log_key(ledger::FileSystem& files,
                                                         const DataDirectory& directory,
                                                         const LogFacts& facts) {
  auto path = log_key_path(files, directory);
  if (!path) return ledger::failure(path);
  auto secret = read_secret(files, *path);
  if (!secret) return ledger::failure(secret);
  auto key = facts.suite->load(*secret);
  ledger::wipe(*secret);
  if (!key) return ledger::failure(key, *path);
  const ledger::Verifier verifier(*facts.suite, facts.origin, (*key)->public_key());
  if (verifier.vkey() == facts.vkey) return std::move(*key);
  return ledger::fail(ErrorKind::fatal,
                      fmt::format("{} is not the key that {} names; the directory is mixed from "
                                  "several logs",
                                  *path, directory.log_facts()));
}

}  // namespace yunjian::collector
