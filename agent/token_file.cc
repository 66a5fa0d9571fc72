#include "agent/token_file.h"

#include <array>

#include "ledger/posix/secrecy.h"

namespace yunjian::agent {

using ledger::ErrorKind;
using ledger::Result;

namespace {

// One more than a token and its line end may have.
std::string first_bytes(std::istream& input) {
  std::array<char, token_bytes_max + 3> bytes{};
  input.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  return {bytes.data(), static_cast<std::size_t>(input.gcount())};
}

}  // namespace

Result<std::string> read_token(ledger::FileSystem& files, const std::string& path,
                               std::istream& input) {
  std::string token;
  if (path == "-") {
    token = first_bytes(input);
  } else {
    const std::array<std::string, 1> secrets{path};
    if (auto secret = ledger::check_secret_files(secrets); !secret) return ledger::failure(secret);
    auto read = files.read_file(path);
    if (!read) return ledger::failure(read, "--token-file");
    token = std::move(*read);
  }
  while (token.ends_with('\n') || token.ends_with('\r')) token.pop_back();
  const bool one_line = token.find_first_of(" \t\r\n") == std::string::npos;
  if (!token.empty() && token.size() <= token_bytes_max && one_line) return token;
  return ledger::fail(ErrorKind::reject,
                      "--token-file " + path +
                          " holds no token: one line as `yunjian-collector enrol-token` prints it");
}

}  // namespace yunjian::agent
