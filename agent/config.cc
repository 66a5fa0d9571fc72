#include "agent/config.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <sstream>

#include "agent/config_sources.h"
#include "ledger/base/bytes.h"
#include "ledger/note.h"

namespace yunjian::agent {
namespace {

using ledger::ErrorKind;
using ledger::fail;
using ledger::failure;
using ledger::Result;

constexpr std::uint64_t cpu_percent_max = 10'000;
constexpr std::uint64_t memory_mib_min = 24;
constexpr std::uint64_t upload_bytes_per_s_min = 4096;
// Two heartbeats' worth: each seal of a minute writes a few blocks of several files.
constexpr std::uint64_t disk_bytes_per_s_min = 65536;
constexpr std::uint64_t spool_days_limit = 3660;
constexpr std::uint64_t spool_bytes_min = 16U << 20;  // a run of batches beside some segments

bool is_https(const std::string& url) { return url.starts_with("https://") && url.size() > 8; }

Result<void> read_collector(Table& root, AgentConfig& config) {
  auto table = root.table("collector");
  if (!table) return {};
  table->read("urls", config.urls);
  table->read("proxy", config.proxy);
  if (!std::all_of(config.urls.begin(), config.urls.end(), is_https)) {
    table->refuse("urls", "each must look like \"https://host:8443\"");
  }
  return table->finish();
}

Result<void> read_spool(Table& root, AgentConfig& config) {
  auto table = root.table("spool");
  if (!table) return {};
  table->read("bytes_max", config.spool_bytes_max);
  if (config.spool_bytes_max < spool_bytes_min) {
    table->refuse("bytes_max", fmt::format("must be at least {}", spool_bytes_min));
  }
  table->read("days_max", config.spool_days_max);
  if (config.spool_days_max > spool_days_limit) {
    table->refuse("days_max", fmt::format("must be at most {}", spool_days_limit));
  }
  return table->finish();
}

bool is_witness_key(const std::string& vkey) {
  const auto verifier = ledger::Verifier::from_vkey(vkey);
  return verifier && verifier->kind() == ledger::SignatureKind::cosignature;
}

Result<void> read_witness(Table& root, AgentConfig& config) {
  auto table = root.table("witness");
  if (!table) return {};
  table->read("keys", config.witness_keys);
  table->read("quorum", config.witness_quorum);
  const std::vector<std::string>& keys = config.witness_keys;
  if (!std::all_of(keys.begin(), keys.end(), is_witness_key)) {
    table->refuse("keys", "each must be the vkey that `yunjian-audit key` printed for a witness");
  }
  if (std::set(keys.begin(), keys.end()).size() != keys.size()) {
    table->refuse("keys", "names a witness twice");
  }
  if (config.witness_quorum < 1 || config.witness_quorum > std::max<std::size_t>(1, keys.size())) {
    table->refuse("quorum", "must be at least 1 and at most the number of keys");
  }
  return table->finish();
}

Result<void> read_limits(Table& root, AgentConfig& config) {
  auto table = root.table("limits");
  if (!table) return {};
  table->read("cpu_percent", config.cpu_percent);
  table->read("memory_mib", config.memory_mib);
  table->read("upload_bytes_per_s", config.upload_bytes_per_s);
  table->read("disk_bytes_per_s", config.disk_bytes_per_s);
  if (config.cpu_percent > cpu_percent_max) {
    table->refuse("cpu_percent", "is a share of one core: 5, or 200 for two cores");
  }
  if (config.memory_mib != 0 && config.memory_mib < memory_mib_min) {
    table->refuse("memory_mib", fmt::format("must be at least {}, or 0", memory_mib_min));
  }
  if (config.upload_bytes_per_s != 0 && config.upload_bytes_per_s < upload_bytes_per_s_min) {
    table->refuse("upload_bytes_per_s",
                  fmt::format("must be at least {}, or 0", upload_bytes_per_s_min));
  }
  if (config.disk_bytes_per_s != 0 && config.disk_bytes_per_s < disk_bytes_per_s_min) {
    table->refuse("disk_bytes_per_s",
                  fmt::format("must be at least {}, or 0", disk_bytes_per_s_min));
  }
  return table->finish();
}

Result<AgentConfig> read_root(const toml::value& value) {
  AgentConfig config;
  Table root(value, "");
  root.read("state", config.state);
  if (!config.state.starts_with('/')) {
    root.refuse("state", "must be the absolute path that was given to enrol with --state");
  }
  if (auto done = read_collector(root, config); !done) return failure(done);
  if (auto done = read_sources(root, config); !done) return failure(done);
  if (auto done = read_spool(root, config); !done) return failure(done);
  if (auto done = read_witness(root, config); !done) return failure(done);
  if (auto done = read_limits(root, config); !done) return failure(done);
  if (auto done = root.finish(); !done) return failure(done);
  while (config.state.size() > 1 && config.state.ends_with('/')) config.state.pop_back();
  return config;
}

}  // namespace

Result<AgentConfig> parse_config(const std::string& text, const std::string& name) {
  try {
    std::istringstream stream(text);
    const toml::value value = toml::parse(stream, name);
    auto config = read_root(value);
    if (!config) return failure(config, name);
    config->sha256 = ledger::to_hex(ledger::as_view(ledger::sha256(text)));
    return config;
  } catch (const toml::exception& problem) {
    return fail(ErrorKind::reject,
                fmt::format("{}: line {}, column {}: {}", name, problem.location().line(),
                            problem.location().column(), problem.what()));
  } catch (const std::exception& problem) {
    return fail(ErrorKind::reject, fmt::format("{}: {}", name, problem.what()));
  }
}

std::string describe_config(const AgentConfig& config) {
  std::string out = fmt::format("state    {}\n", config.state);
  for (const std::string& url : config.urls) out += fmt::format("ship to  {}\n", url);
  if (!config.proxy.empty()) out += fmt::format("proxy    {}\n", config.proxy);
  for (const FileConfig& file : config.files) {
    for (const std::string& path : file.paths) {
      out += fmt::format("file     {} (from its {})\n", path, file.from_end ? "end" : "beginning");
    }
    for (const std::string& path : file.exclude) out += fmt::format("  not    {}\n", path);
  }
  out += fmt::format("journal  {}\n", config.journal ? "yes, when this host has one" : "no");
  if (!config.audit) {
    out += "audit    no\n";
  } else if (config.audit_socket.empty()) {
    out += fmt::format("audit    {}, when this host has it\n", config.audit_log);
  } else {
    out += fmt::format("audit    socket {}\n", config.audit_socket);
  }
  for (const PlatformConfig& platform : config.platforms) {
    for (const std::string& path : platform.file.paths)
      out += fmt::format("platform {} ({})\n", path, platform.form.name);
  }
  for (const SyslogOptions& syslog : config.syslog) {
    for (const auto& address : syslog.listen) out += fmt::format("syslog   {}\n", address.text);
  }
  if (config.usage) {
    out += fmt::format("usage    every {} s\n", config.usage_interval_s);
  } else {
    out += "usage    no\n";
  }
  out +=
      fmt::format("mask     passwords, keys and tokens {}; identity cards {}; mobile numbers {}\n",
                  config.mask.enabled ? "yes" : "no", config.mask.identity_cards ? "yes" : "no",
                  config.mask.mobile_numbers ? "yes" : "no");
  out += fmt::format("spool    up to {} MiB", config.spool_bytes_max >> 20);
  if (config.spool_days_max > 0) out += fmt::format(" and {} days", config.spool_days_max);
  out += '\n';
  if (config.witness_keys.empty()) {
    out += "free     bodies on the collector's receipt\n";
  } else {
    out += fmt::format("free     bodies on a receipt that {} of {} witnesses cosigned\n",
                       config.witness_quorum, config.witness_keys.size());
  }
  if (config.cpu_percent > 0) out += fmt::format("limit    {} % of a core\n", config.cpu_percent);
  if (config.memory_mib > 0) out += fmt::format("limit    {} MiB of memory\n", config.memory_mib);
  if (config.upload_bytes_per_s > 0) {
    out += fmt::format("limit    {} bytes a second to the collector\n", config.upload_bytes_per_s);
  }
  if (config.disk_bytes_per_s > 0) {
    out += fmt::format("limit    {} bytes a second to the disk\n", config.disk_bytes_per_s);
  }
  return out;
}

}  // namespace yunjian::agent
