#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>
#include <vector>

#include "collector/admin_protocol.h"
#include "collector/init.h"

namespace yunjian::collector {

// Everything the parser fills in; `act` is what the command given will do. Outlives the parser.
struct CommandLine {
  std::string config = "/etc/yunjian/collector.toml";
  std::string suite = "ed25519-sha256";
  std::string successor_of;  // a path
  std::string token_file;    // of whoever acts
  std::string csr_file;
  InitOptions init;
  AdminRequest request;
  std::vector<std::string> units;
  std::function<int()> act;
  // What sends a request, to the running collector or to its data; the second one with the token
  // and the CSR that are named.
  int (*send)(const std::string& config, const AdminRequest& request) = nullptr;
  int (*send_as)(CommandLine& line) = nullptr;
};

CLI::App* add_command(CLI::App& parent, CommandLine& line, const std::string& name,
                      const std::string& help);
// A command that becomes a request; its options are fields of the same name.
CLI::App* add_request(CLI::App& parent, CommandLine& line, const std::string& name,
                      const std::string& help);
CLI::Option* add_field(CLI::App* command, CommandLine& line, const std::string& option,
                       const std::string& help);

void add_tokens(CLI::App& app, CommandLine& line);    // token, enrol-token
void add_agents(CLI::App& app, CommandLine& line);    // agent
void add_accounts(CLI::App& app, CommandLine& line);  // account

}  // namespace yunjian::collector
