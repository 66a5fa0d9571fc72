#include "collector/server_certificate.h"

#include <fmt/format.h>

#include <sstream>

namespace yunjian::collector {

using ledger::Result;

namespace {

std::string join_names(const std::vector<std::string>& names) {
  return fmt::format("{}\n", fmt::join(names, "\n"));
}

std::vector<std::string> split_names(const std::string& text) {
  std::vector<std::string> names;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) names.push_back(line);
  return names;
}

}  // namespace

Result<CertificatePair> issue_server_certificate(ledger::FileSystem& files,
                                                 const DataDirectory& directory,
                                                 const CertificateAuthority& authority,
                                                 const ServerCertificateRequest& request) {
  auto pair = authority.issue_server(request.names, request.now);
  if (!pair) return pair;
  if (auto saved = save_pair(files, {directory.tls(), "server"}, *pair); !saved) {
    return ledger::failure(saved);
  }
  auto named = ledger::replace_file(files, directory.tls_names(), join_names(request.names), 0644);
  if (!named) return ledger::failure(named);
  return pair;
}

Result<CertificatePair> current_server_certificate(ledger::FileSystem& files,
                                                   const DataDirectory& directory,
                                                   const CertificateAuthority& authority,
                                                   const ServerCertificateRequest& request) {
  auto issued_for = files.read_file(directory.tls_names());
  if (!issued_for) return ledger::failure(issued_for);
  auto names = split_names(*issued_for);
  const bool renamed = !request.names.empty() && request.names != names;
  if (renamed) names = request.names;
  auto pair = load_pair(files, {directory.tls(), "server"});
  if (!pair) return pair;
  auto facts = read_certificate(pair->certificate);
  if (!facts) return ledger::failure(facts);
  if (!renamed && facts->not_after - request.now > server_renewal_before) return pair;
  return issue_server_certificate(files, directory, authority, {names, request.now});
}

Result<std::vector<std::string>> server_names(ledger::FileSystem& files,
                                              const DataDirectory& directory,
                                              const std::vector<std::string>& wanted) {
  if (!wanted.empty()) return wanted;
  auto issued_for = files.read_file(directory.tls_names());
  if (!issued_for) return ledger::failure(issued_for);
  auto names = split_names(*issued_for);
  if (!names.empty()) return names;
  return ledger::fail(ledger::ErrorKind::corrupt,
                      directory.tls_names() + " is empty; set `names` in the configuration");
}

}  // namespace yunjian::collector
