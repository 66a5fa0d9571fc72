#include "collector/config.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <initializer_list>
#include <optional>
#include <sstream>
#include <toml.hpp>

#include "ledger/base/bytes.h"
#include "ledger/base/clock.h"
#include "ledger/base/file_system.h"
#include "ledger/note.h"

namespace yunjian::collector {

using ledger::ErrorKind;
using ledger::Result;

namespace {

constexpr std::chrono::seconds certificate_life_min{10};
constexpr std::chrono::seconds certificate_life_max = std::chrono::days(825);

ledger::Failure fail_at(const std::string& path, const toml::source_location& at,
                        std::string_view what, std::size_t column = 0) {
  return ledger::fail(ErrorKind::reject, fmt::format("{}:{}:{}: {}", path, at.line(),
                                                     column == 0 ? at.column() : column, what));
}

// One table of the file: every key is asked for by name, any other is an error.
class Table {
 public:
  Table(const std::string& path, const toml::value& value) : path_(path), value_(value) {}

  Result<void> check_keys(std::initializer_list<std::string_view> known) const;
  bool has(const std::string& key) const { return value_.contains(key); }
  Result<void> read(const std::string& key, std::string& into) const;
  Result<void> read(const std::string& key, bool& into) const;
  Result<void> read(const std::string& key, std::vector<std::string>& into) const;
  Result<void> read(const std::string& key, ListenAddress& into) const;
  Result<void> read(const std::string& key, std::chrono::seconds& into) const;
  Result<void> read(const std::string& key, std::uint64_t& into) const;
  Result<Table> table(const std::string& key) const;
  ledger::Failure fail_key(const std::string& key, std::string_view what) const {
    return fail_at(path_, value_.at(key).location(), fmt::format("{}: {}", key, what));
  }

 private:
  const std::string& path_;
  const toml::value& value_;
};

constexpr std::uint64_t retention_days_min = 366;

Result<void> Table::check_keys(std::initializer_list<std::string_view> known) const {
  for (const auto& [key, value] : value_.as_table()) {
    if (std::find(known.begin(), known.end(), key) != known.end()) continue;
    const auto at = value.location();
    const auto column = at.line_str().find(key);
    return fail_at(path_, at,
                   fmt::format("unknown key '{}'; known here: {}", key, fmt::join(known, ", ")),
                   column == std::string::npos ? 0 : column + 1);
  }
  return {};
}

Result<void> Table::read(const std::string& key, std::string& into) const {
  if (!has(key)) return {};
  if (!value_.at(key).is_string()) return fail_key(key, "must be a text in quotes");
  into = value_.at(key).as_string().str;
  if (into.empty() || into.find('\0') != std::string::npos) return fail_key(key, "is empty");
  return {};
}

Result<void> Table::read(const std::string& key, std::uint64_t& into) const {
  if (!has(key)) return {};
  if (!value_.at(key).is_integer() || value_.at(key).as_integer() < 0) {
    return fail_key(key, "must be a whole number, not negative");
  }
  into = static_cast<std::uint64_t>(value_.at(key).as_integer());
  return {};
}

Result<void> Table::read(const std::string& key, bool& into) const {
  if (!has(key)) return {};
  if (!value_.at(key).is_boolean()) return fail_key(key, "must be true or false");
  into = value_.at(key).as_boolean();
  return {};
}

Result<void> Table::read(const std::string& key, std::vector<std::string>& into) const {
  if (!has(key)) return {};
  if (!value_.at(key).is_array()) return fail_key(key, "must be a list: [\"…\", \"…\"]");
  into.clear();
  for (const auto& each : value_.at(key).as_array()) {
    if (!each.is_string() || each.as_string().str.empty()) {
      return fail_at(path_, each.location(), fmt::format("{}: must hold texts in quotes", key));
    }
    into.push_back(each.as_string().str);
  }
  return {};
}

Result<void> Table::read(const std::string& key, ListenAddress& into) const {
  std::string text;
  if (auto read_text = read(key, text); !read_text || text.empty()) return read_text;
  auto address = parse_listen(text);
  if (!address) return fail_key(key, address.error().message);
  into = *address;
  return {};
}

// "90d", "12h", "30m", "45s".
Result<void> Table::read(const std::string& key, std::chrono::seconds& into) const {
  std::string text;
  if (auto read_text = read(key, text); !read_text || text.empty()) return read_text;
  constexpr std::string_view units = "smhd";
  constexpr std::array<std::uint64_t, 4> unit_seconds = {1, 60, 3600, 86400};
  const auto unit = units.find(text.back());
  const auto number = ledger::parse_decimal(std::string_view(text).substr(0, text.size() - 1));
  if (unit == std::string_view::npos || !number || *number > 100'000'000) {
    return fail_key(key, "must read like \"90d\", \"12h\", \"30m\" or \"45s\"");
  }
  into = std::chrono::seconds(*number * unit_seconds.at(unit));
  return {};
}

Result<Table> Table::table(const std::string& key) const {
  if (value_.at(key).is_table()) return Table(path_, value_.at(key));
  return fail_key(key, "must be a table: [" + key + "]");
}

Result<void> read_ingest(const Table& table, CollectorConfig& config) {
  if (auto good = table.check_keys({"listen", "urls", "certificate_life"}); !good) return good;
  if (auto good = table.read("listen", config.ingest_listen); !good) return good;
  if (auto good = table.read("urls", config.ingest_urls); !good) return good;
  if (auto good = table.read("certificate_life", config.certificate_validity); !good) return good;
  if (config.certificate_validity < certificate_life_min ||
      config.certificate_validity > certificate_life_max) {
    return table.fail_key("certificate_life", "must be from 10 s to 825 d");
  }
  for (const auto& url : config.ingest_urls) {
    if (!url.starts_with("https://") || url.ends_with('/')) {
      return table.fail_key("urls", fmt::format("'{}' must read https://HOST:PORT", url));
    }
  }
  return {};
}

Result<void> read_api(const Table& table, CollectorConfig& config) {
  if (auto good = table.check_keys({"listen", "log_open", "metrics_open", "requests_per_s"}); !good)
    return good;
  if (auto good = table.read("listen", config.api_listen); !good) return good;
  if (auto good = table.read("log_open", config.log_open); !good) return good;
  if (auto good = table.read("metrics_open", config.metrics_open); !good) return good;
  return table.read("requests_per_s", config.requests_per_s);
}

// "unit=tax host=web-01 from=2026-01-01 to=2026-03-31"; what is left out means any.
std::optional<LegalHold> parse_hold(const std::string& text) {
  LegalHold hold;
  hold.last_day = last_day_ever;
  std::istringstream words(text);
  for (std::string word; words >> word;) {
    const auto equals = word.find('=');
    if (equals == std::string::npos || equals + 1 == word.size()) return std::nullopt;
    const std::string name = word.substr(0, equals);
    const std::string value = word.substr(equals + 1);
    if (name == "unit" || name == "host") {
      (name == "unit" ? hold.unit : hold.host) = value;
      continue;
    }
    const auto day = parse_day(value);
    if (!day || (name != "from" && name != "to")) return std::nullopt;
    (name == "from" ? hold.first_day : hold.last_day) = *day;
  }
  return hold;
}

Result<void> read_store(const Table& table, CollectorConfig& config) {
  if (auto good = table.check_keys({"retention_days", "holds"}); !good) return good;
  if (auto good = table.read("retention_days", config.retention_days); !good) return good;
  if (config.retention_days != 0 && config.retention_days < retention_days_min) {
    return table.fail_key("retention_days", "must be 0 (for ever) or at least 366");
  }
  std::vector<std::string> holds;
  if (auto good = table.read("holds", holds); !good) return good;
  for (const std::string& text : holds) {
    auto hold = parse_hold(text);
    if (!hold) {
      return table.fail_key("holds", fmt::format("'{}' must read like 'unit=tax host=web-01 "
                                                 "from=2026-01-01 to=2026-03-31'",
                                                 text));
    }
    config.holds.push_back(std::move(*hold));
  }
  return {};
}

Result<void> read_backup(const Table& table, CollectorConfig& config) {
  if (auto good = table.check_keys({"directory", "keep"}); !good) return good;
  if (auto good = table.read("directory", config.backup_directory); !good) return good;
  if (auto good = table.read("keep", config.backup_keep); !good) return good;
  if (config.backup_keep == 0) return table.fail_key("keep", "must be at least 1");
  return {};
}

Result<void> read_witness(const Table& table, CollectorConfig& config) {
  WitnessConfig& witness = config.witness;
  if (auto good = table.check_keys({"keys", "quorum", "push", "push_ca", "authorities"}); !good) {
    return good;
  }
  for (const auto& [key, into] : {std::pair("keys", &witness.keys),
                                  {"push", &witness.push},
                                  {"authorities", &witness.authorities}}) {
    if (auto good = table.read(key, *into); !good) return good;
  }
  if (auto good = table.read("quorum", witness.quorum); !good) return good;
  if (auto good = table.read("push_ca", witness.push_ca); !good) return good;
  for (const auto& [key, vkeys] :
       {std::pair("keys", &witness.keys), {"authorities", &witness.authorities}}) {
    for (const std::string& vkey : *vkeys) {
      const auto parsed = ledger::Verifier::from_vkey(vkey);
      if (!parsed)
        return table.fail_key(key, fmt::format("'{}': {}", vkey, parsed.error().message));
      const bool cosigns = parsed->kind() == ledger::SignatureKind::cosignature;
      if (cosigns == (vkeys == &witness.keys)) continue;
      return table.fail_key(
          key, fmt::format("'{}' is {}the key of a witness", vkey, cosigns ? "" : "not "));
    }
  }
  if (table.has("quorum") && witness.quorum == 0) {
    return table.fail_key("quorum", "must be at least 1");
  }
  if (witness.quorum > std::max<std::size_t>(witness.keys.size(), 1)) {
    return table.fail_key("quorum", "is larger than the number of `keys`");
  }
  for (const std::string& url : witness.push) {
    if (url.starts_with("https://") || url.starts_with("http://")) continue;
    return table.fail_key("push", fmt::format("'{}' must be an http:// or https:// URL", url));
  }
  return {};
}

Result<CollectorConfig> read_root(const Table& root, const std::string& path) {
  CollectorConfig config;
  auto known =
      root.check_keys({"data", "anchor", "names", "ingest", "api", "store", "backup", "witness"});
  if (!known) return ledger::failure(known);
  if (auto good = root.read("data", config.data); !good) return ledger::failure(good);
  if (auto good = root.read("anchor", config.anchor); !good) return ledger::failure(good);
  if (auto good = root.read("names", config.names); !good) return ledger::failure(good);
  for (const auto& [key, value] : {std::pair("data", &config.data), {"anchor", &config.anchor}}) {
    if (value->empty()) {
      return ledger::fail(ErrorKind::reject, fmt::format("{}:1:1: key '{}' is missing", path, key));
    }
    while (value->size() > 1 && value->ends_with('/')) value->pop_back();
    if (!value->starts_with('/'))
      *value = ledger::join_path(ledger::parent_directory(path), *value);
  }
  if (config.anchor.starts_with(config.data + "/")) {
    return root.fail_key("anchor",
                         "must lie outside the data directory, so that a restored copy "
                         "of that directory does not bring its own anchor");
  }
  for (const auto& [key, reader] : {std::pair("ingest", &read_ingest),
                                    {"api", &read_api},
                                    {"store", &read_store},
                                    {"backup", &read_backup},
                                    {"witness", &read_witness}}) {
    if (!root.has(key)) continue;
    auto table = root.table(key);
    if (!table) return ledger::failure(table);
    if (auto good = reader(*table, config); !good) return ledger::failure(good);
  }
  std::string& backups = config.backup_directory;
  while (backups.size() > 1 && backups.ends_with('/')) backups.pop_back();
  if (!backups.empty() && !backups.starts_with('/')) {
    backups = ledger::join_path(ledger::parent_directory(path), backups);
  }
  return config;
}

// "[error] … --> file:line" of the library is several lines; ours is one.
std::string first_line(std::string_view text) {
  std::string line(text.substr(0, text.find('\n')));
  for (const std::string_view prefix : {"[error] ", "toml::"}) {
    if (line.starts_with(prefix)) line.erase(0, prefix.size());
  }
  return line;
}

}  // namespace

std::optional<std::uint64_t> parse_day(std::string_view text) {
  auto time = ledger::parse_time(std::string(text) + "T00:00:00.000000Z");
  if (!time) return std::nullopt;
  return static_cast<std::uint64_t>(
      std::chrono::floor<std::chrono::days>(*time).time_since_epoch().count());
}

std::string format_day(std::uint64_t day) {
  constexpr std::size_t day_chars = 10;
  const ledger::Time begin{std::chrono::days(static_cast<int>(std::min(day, last_day_ever)))};
  return ledger::format_time(begin).substr(0, day_chars);
}

std::uint64_t mark_of(const std::vector<LegalHold>& holds) {
  std::uint64_t mark = 1;
  for (const LegalHold& hold : holds) {
    for (const char c :
         fmt::format("{}/{}/{}/{};", hold.unit, hold.host, hold.first_day, hold.last_day)) {
      mark = mark * 1099511628211U + static_cast<unsigned char>(c);
    }
  }
  return mark == 0 ? 1 : mark;
}

Result<ListenAddress> parse_listen(std::string_view text) {
  const auto colon = text.rfind(':');
  const auto wrong = [text] {
    return ledger::fail(ErrorKind::reject,
                        fmt::format("'{}' must read ADDRESS:PORT, such as 0.0.0.0:8443 or "
                                    "[::]:8443",
                                    text));
  };
  if (colon == std::string_view::npos || colon == 0) return wrong();
  std::string_view address = text.substr(0, colon);
  const auto port = ledger::parse_decimal(text.substr(colon + 1));
  if (!port || *port > 65535) return wrong();
  const bool brackets = address.starts_with('[') && address.ends_with(']');
  if (brackets) address = address.substr(1, address.size() - 2);
  if (brackets != (address.find(':') != std::string_view::npos)) return wrong();
  return ListenAddress{.address = std::string(address), .port = static_cast<std::uint16_t>(*port)};
}

Result<CollectorConfig> parse_config(std::string_view text, const std::string& path) {
  try {
    std::istringstream stream{std::string(text)};
    const toml::value root = toml::parse(stream, path);
    return read_root(Table(path, root), path);
  } catch (const toml::exception& error) {
    return fail_at(path, error.location(), first_line(error.what()));
  } catch (const std::exception& error) {
    return ledger::fail(ErrorKind::reject, fmt::format("{}: {}", path, first_line(error.what())));
  }
}

}  // namespace yunjian::collector
