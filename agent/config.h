#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "agent/mask/mask_options.h"
#include "agent/sources/platform/platform_form.h"
#include "agent/sources/syslog/syslog_listener.h"
#include "ledger/base/result.h"

namespace yunjian::agent {

struct FileConfig {
  std::vector<std::string> paths;  // globs, absolute
  std::vector<std::string> exclude;
  bool from_end = false;
  std::string multiline_start;  // RE2; empty: every line is a message
  std::uint64_t multiline_timeout_s = 5;
  std::string encoding = "utf-8";
};

struct PlatformConfig {
  FileConfig file;
  PlatformForm form;
};

// agent.toml; every key is explained in packaging/agent.toml.
struct AgentConfig {
  std::string state;
  std::vector<std::string> urls;  // instead of those of the enrolment; empty = those
  std::string proxy;
  std::vector<FileConfig> files;
  bool journal = true;
  bool journal_from_end = false;
  std::string journal_directory;
  std::vector<std::string> journal_units;  // patterns; empty = all
  std::vector<std::string> journal_exclude_units;
  std::uint64_t journal_severity_max = 7;
  bool audit = true;
  std::string audit_log = "/var/log/audit/audit.log";
  std::string audit_socket;  // read instead of the file; empty = the file
  std::vector<PlatformConfig> platforms;
  std::vector<SyslogOptions> syslog;
  bool usage = true;
  std::uint64_t usage_interval_s = 10;
  std::uint64_t spool_bytes_max = 1ULL << 30;
  std::uint64_t spool_days_max = 0;  // bodies without a receipt go after this; 0 = never
  // Whose cosignatures free a body; vkeys. No keys: the collector's receipt alone does.
  std::vector<std::string> witness_keys;
  std::uint64_t witness_quorum = 1;
  MaskOptions mask;
  // What the agent may take; 0 = no limit.
  std::uint64_t cpu_percent = 0;  // of one core
  std::uint64_t memory_mib = 0;
  std::uint64_t upload_bytes_per_s = 0;
  std::uint64_t disk_bytes_per_s = 0;  // written
  std::string sha256;                  // of the text it was read from, hex
};

// `name` stands in messages. Reject: not TOML, an unknown key, a value of the wrong type or out of
// range; the message names line and column.
ledger::Result<AgentConfig> parse_config(const std::string& text, const std::string& name);

// What `check` prints: what would be read and where it would go.
std::string describe_config(const AgentConfig& config);

}  // namespace yunjian::agent
