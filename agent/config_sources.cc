#include "agent/config_sources.h"

#include <fmt/format.h>

#include "agent/sources/line_format.h"

namespace yunjian::agent {
namespace {

using ledger::ErrorKind;
using ledger::fail;
using ledger::failure;
using ledger::Result;

constexpr std::size_t socket_path_max = 107;  // sockaddr_un

// "beginning" or "end"; false for anything else.
bool read_start(Table& table, bool& from_end) {
  std::string start = from_end ? "end" : "beginning";
  table.read("start", start);
  from_end = start == "end";
  return from_end || start == "beginning";
}

// How the lines of files are to be understood.
void read_line_format(Table& table, FileConfig& file) {
  table.read("multiline_start", file.multiline_start);
  table.read("multiline_timeout_s", file.multiline_timeout_s);
  table.read("encoding", file.encoding);
  if (auto format = LineFormat::make("", file.encoding); !format)
    table.refuse("encoding", format.error().message);
  else if (format = LineFormat::make(file.multiline_start, file.encoding); !format)
    table.refuse("multiline_start", format.error().message);
  if (file.multiline_timeout_s < 1 || file.multiline_timeout_s > 60)
    table.refuse("multiline_timeout_s", "must be from 1 to 60");
}

Result<FileConfig> read_file(Table& table) {
  FileConfig file;
  table.read("paths", file.paths);
  table.read("exclude", file.exclude);
  if (!read_start(table, file.from_end)) table.refuse("start", "must be \"beginning\" or \"end\"");
  if (file.paths.empty()) table.refuse("paths", "name at least one path or glob");
  for (const std::string& path : file.paths) {
    if (!path.starts_with('/'))
      table.refuse("paths", fmt::format("{} is not an absolute path", path));
  }
  if (auto done = table.finish(); !done) return failure(done);
  return file;
}

Result<void> read_files(Table& root, AgentConfig& config) {
  std::set<std::string> names;
  for (Table& table : root.tables("file")) {
    FileConfig lines;
    read_line_format(table, lines);
    auto file = read_file(table);
    if (!file) return failure(file);
    file->multiline_start = lines.multiline_start;
    file->multiline_timeout_s = lines.multiline_timeout_s;
    file->encoding = lines.encoding;
    // The first path names the place where reading goes on after a restart.
    if (!names.insert(file->paths.front()).second) {
      return fail(ErrorKind::reject,
                  fmt::format("file.paths: two [[file]] tables begin with {}: join them",
                              file->paths.front()));
    }
    config.files.push_back(std::move(*file));
  }
  return {};
}

Result<void> read_audit(Table& root, AgentConfig& config) {
  auto table = root.table("audit");
  if (!table) return {};
  table->read("enabled", config.audit);
  table->read("log", config.audit_log);
  table->read("socket", config.audit_socket);
  if (!config.audit_log.starts_with('/')) table->refuse("log", "must be an absolute path");
  if (!config.audit_socket.empty() && !config.audit_socket.starts_with('/')) {
    table->refuse("socket", "must be an absolute path, or empty to read the log");
  }
  if (config.audit_socket.size() > socket_path_max) {
    table->refuse("socket", fmt::format("must be at most {} bytes", socket_path_max));
  }
  return table->finish();
}

Result<PlatformConfig> read_platform(Table& table) {
  std::string name = "json";
  table.read("form", name);
  auto form = find_platform_form(name);
  if (!form) table.refuse("form", fmt::format("must be one of {}", platform_form_names()));
  PlatformConfig platform{.file = {}, .form = form.value_or(PlatformForm())};
  table.read("time", platform.form.time);
  table.read("severity", platform.form.severity);
  table.read("program", platform.form.program);
  if (platform.form.text && !(platform.form.time.empty() && platform.form.severity.empty() &&
                              platform.form.program.empty())) {
    table.refuse("form", fmt::format("{} is no JSON: it takes no paths", name));
  }
  auto file = read_file(table);
  if (!file) return failure(file);
  platform.file = std::move(*file);
  return platform;
}

Result<void> read_platforms(Table& root, AgentConfig& config) {
  std::set<std::string> names;
  for (Table& table : root.tables("platform")) {
    auto platform = read_platform(table);
    if (!platform) return failure(platform);
    if (!names.insert(platform->file.paths.front()).second) {
      return fail(ErrorKind::reject,
                  fmt::format("platform.paths: two [[platform]] tables begin with {}: join them",
                              platform->file.paths.front()));
    }
    config.platforms.push_back(std::move(*platform));
  }
  return {};
}

Result<SyslogOptions> read_syslog_table(Table& table) {
  SyslogOptions syslog;
  std::vector<std::string> listen;
  auto idle_s = static_cast<std::uint64_t>(syslog.idle.count());
  table.read("listen", listen);
  table.read("lines_per_s", syslog.limits.lines_per_s);
  table.read("bytes_per_s", syslog.limits.bytes_per_s);
  table.read("connections_max", syslog.limits.connections);
  table.read("connections_per_sender", syslog.limits.connections_per_sender);
  table.read("idle_s", idle_s);
  for (const std::string& text : listen) {
    auto address = parse_syslog_address(text);
    if (address) {
      syslog.listen.push_back(std::move(*address));
    } else {
      table.refuse("listen", address.error().message);
    }
  }
  const auto within = [&](const std::string& key, std::uint64_t value, std::uint64_t max) {
    if (value == 0 || value > max) table.refuse(key, fmt::format("must be from 1 to {}", max));
  };
  within("lines_per_s", syslog.limits.lines_per_s, 1'000'000);
  within("bytes_per_s", syslog.limits.bytes_per_s, 1'000'000'000);
  within("connections_max", syslog.limits.connections, syslog_connections_max);
  within("connections_per_sender", syslog.limits.connections_per_sender, syslog_connections_max);
  within("idle_s", idle_s, 86'400);
  syslog.idle = std::chrono::seconds(idle_s);
  if (auto done = table.finish(); !done) return failure(done);
  return syslog;
}

Result<void> read_syslog(Table& root, AgentConfig& config) {
  std::set<std::string> addresses;
  for (Table& table : root.tables("syslog")) {
    auto syslog = read_syslog_table(table);
    if (!syslog) return failure(syslog);
    for (const auto& address : syslog->listen) {
      if (!addresses.insert(address.text).second)
        return fail(ErrorKind::reject,
                    fmt::format("syslog.listen: {} is there twice", address.text));
    }
    if (!syslog->listen.empty()) config.syslog.push_back(std::move(*syslog));
  }
  return {};
}

Result<void> read_journal_and_usage(Table& root, AgentConfig& config) {
  if (auto table = root.table("journal")) {
    table->read("enabled", config.journal);
    table->read("directory", config.journal_directory);
    table->read("units", config.journal_units);
    table->read("exclude_units", config.journal_exclude_units);
    table->read("severity_max", config.journal_severity_max);
    if (config.journal_severity_max > 7)
      table->refuse("severity_max", "must be from 0 (emergencies only) to 7 (all)");
    if (!read_start(*table, config.journal_from_end)) {
      table->refuse("start", "must be \"beginning\" or \"end\"");
    }
    if (auto done = table->finish(); !done) return done;
  }
  if (auto table = root.table("usage")) {
    table->read("enabled", config.usage);
    table->read("interval_s", config.usage_interval_s);
    if (config.usage_interval_s == 0 || config.usage_interval_s > 60 ||
        60 % config.usage_interval_s != 0) {
      table->refuse("interval_s", "must divide 60: 1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30 or 60");
    }
    if (auto done = table->finish(); !done) return done;
  }
  return {};
}

Result<void> read_mask(Table& root, AgentConfig& config) {
  auto table = root.table("mask");
  if (!table) return {};
  table->read("enabled", config.mask.enabled);
  table->read("identity_cards", config.mask.identity_cards);
  table->read("mobile_numbers", config.mask.mobile_numbers);
  return table->finish();
}

}  // namespace

Result<void> read_sources(Table& root, AgentConfig& config) {
  if (auto done = read_mask(root, config); !done) return done;
  if (auto done = read_files(root, config); !done) return done;
  if (auto done = read_audit(root, config); !done) return done;
  if (auto done = read_platforms(root, config); !done) return done;
  if (auto done = read_syslog(root, config); !done) return done;
  return read_journal_and_usage(root, config);
}

}  // namespace yunjian::agent
