#include "agent/config.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>
#include <sstream>
#include <toml.hpp>

namespace yunjian::agent {
namespace {

using ledger::ErrorKind;
using ledger::fail;
using ledger::failure;
using ledger::Result;

constexpr std::uint64_t spool_bytes_min = 64U << 20;  // some segments of bodies and headers
constexpr std::size_t socket_path_max = 107;          // sockaddr_un

// One table of the file: hands out typed values and remembers which keys were asked for.
class Table {
 public:
  Table(const toml::value& value, std::string name) : value_(&value), name_(std::move(name)) {}

  // A missing key leaves `target` as it is. The first wrong one is kept as the error.
  void read(const std::string& key, std::string& target);
  void read(const std::string& key, bool& target);
  void read(const std::string& key, std::uint64_t& target);
  void read(const std::string& key, std::vector<std::string>& target);
  // The sub-table, or nothing.
  std::optional<Table> table(const std::string& key);
  std::vector<Table> tables(const std::string& key);

  void refuse(const std::string& key, const std::string& why);
  // Keys nobody asked for are errors: a misspelt one must not be silently without effect.
  Result<void> finish() const;

 private:
  const toml::value* find(const std::string& key);
  std::string place(const toml::value& value) const;

  const toml::value* value_;
  std::string name_;
  std::set<std::string> known_;
  std::string error_;
};

std::string Table::place(const toml::value& value) const {
  const auto location = value.location();
  return fmt::format("line {}, column {}", location.line(), location.column());
}

const toml::value* Table::find(const std::string& key) {
  known_.insert(key);
  return value_->contains(key) ? &value_->at(key) : nullptr;
}

void Table::refuse(const std::string& key, const std::string& why) {
  if (!error_.empty()) return;
  const toml::value* value = find(key);
  error_ = fmt::format("{}: {}{}: {}", place(value != nullptr ? *value : *value_), name_, key, why);
}

void Table::read(const std::string& key, std::string& target) {
  const toml::value* value = find(key);
  if (value == nullptr) return;
  if (!value->is_string()) return refuse(key, "must be a string in quotes");
  target = value->as_string().str;
}

void Table::read(const std::string& key, bool& target) {
  const toml::value* value = find(key);
  if (value == nullptr) return;
  if (!value->is_boolean()) return refuse(key, "must be true or false");
  target = value->as_boolean();
}

void Table::read(const std::string& key, std::uint64_t& target) {
  const toml::value* value = find(key);
  if (value == nullptr) return;
  if (!value->is_integer() || value->as_integer() < 0) return refuse(key, "must be a whole number");
  target = static_cast<std::uint64_t>(value->as_integer());
}

void Table::read(const std::string& key, std::vector<std::string>& target) {
  const toml::value* value = find(key);
  if (value == nullptr) return;
  if (!value->is_array()) return refuse(key, "must be a list of strings");
  target.clear();
  for (const toml::value& item : value->as_array()) {
    if (!item.is_string()) return refuse(key, "must be a list of strings");
    target.push_back(item.as_string().str);
  }
}

std::optional<Table> Table::table(const std::string& key) {
  const toml::value* value = find(key);
  if (value == nullptr) return {};
  if (!value->is_table()) {
    refuse(key, fmt::format("must be a table: [{}]", key));
    return {};
  }
  return Table(*value, key + ".");
}

std::vector<Table> Table::tables(const std::string& key) {
  std::vector<Table> out;
  const toml::value* value = find(key);
  if (value == nullptr) return out;
  if (!value->is_array()) {
    refuse(key, fmt::format("must be a list of tables: [[{}]]", key));
    return out;
  }
  for (const toml::value& item : value->as_array()) {
    if (item.is_table()) out.emplace_back(item, key + ".");
  }
  return out;
}

Result<void> Table::finish() const {
  if (!error_.empty()) return fail(ErrorKind::reject, error_);
  for (const auto& [key, value] : value_->as_table()) {
    if (known_.contains(key)) continue;
    return fail(ErrorKind::reject,
                fmt::format("{}: there is no key {}{}", place(value), name_, key));
  }
  return {};
}

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

// "beginning" or "end"; false for anything else.
bool read_start(Table& table, bool& from_end) {
  std::string start = from_end ? "end" : "beginning";
  table.read("start", start);
  from_end = start == "end";
  return from_end || start == "beginning";
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
    auto file = read_file(table);
    if (!file) return failure(file);
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

Result<void> read_host(Table& root, AgentConfig& config) {
  if (auto table = root.table("journal")) {
    table->read("enabled", config.journal);
    table->read("directory", config.journal_directory);
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
  if (auto table = root.table("spool")) {
    table->read("bytes_max", config.spool_bytes_max);
    if (config.spool_bytes_max < spool_bytes_min) {
      table->refuse("bytes_max", fmt::format("must be at least {}", spool_bytes_min));
    }
    if (auto done = table->finish(); !done) return done;
  }
  return {};
}

Result<AgentConfig> read_root(const toml::value& value) {
  AgentConfig config;
  Table root(value, "");
  root.read("state", config.state);
  if (!config.state.starts_with('/')) {
    root.refuse("state", "must be the absolute path that was given to enrol with --state");
  }
  if (auto done = read_collector(root, config); !done) return failure(done);
  if (auto done = read_files(root, config); !done) return failure(done);
  if (auto done = read_audit(root, config); !done) return failure(done);
  if (auto done = read_host(root, config); !done) return failure(done);
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
  if (config.usage) {
    out += fmt::format("usage    every {} s\n", config.usage_interval_s);
  } else {
    out += "usage    no\n";
  }
  out += fmt::format("spool    up to {} MiB\n", config.spool_bytes_max >> 20);
  return out;
}

}  // namespace yunjian::agent
