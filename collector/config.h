#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ledger/base/result.h"

namespace yunjian::collector {

struct ListenAddress {
  std::string address;     // literal IPv4 or IPv6 address
  std::uint16_t port = 0;  // 0: the system picks one
};
// "127.0.0.1:8443", "[::]:8444".
ledger::Result<ListenAddress> parse_listen(std::string_view text);

// Bodies that retention keeps however old they are.
struct LegalHold {
  std::string unit;             // empty: of any
  std::string host;             // empty: of any
  std::uint64_t first_day = 0;  // of commit, since 1970, UTC, both inclusive
  std::uint64_t last_day = 0;
};
inline constexpr std::uint64_t last_day_ever = 2'932'896;       // 9999-12-31
std::optional<std::uint64_t> parse_day(std::string_view text);  // "2026-11-22", since 1970
std::string format_day(std::uint64_t day);
// Another number for other holds, never 0: days are looked at again when it changes.
std::uint64_t mark_of(const std::vector<LegalHold>& holds);
// Who may sign beside this log; packaging/collector.toml tells more.
struct WitnessConfig {
  std::vector<std::string> keys;         // vkeys of witnesses
  std::uint64_t quorum = 1;              // cosignatures that make a checkpoint witnessed
  std::vector<std::string> push;         // URL prefixes of C2SP witnesses
  std::string push_ca;                   // PEM file; empty: the system's
  std::vector<std::string> authorities;  // vkeys whose endorsements count
};

// collector.toml; packaging/collector.toml documents every key.
struct CollectorConfig {
  std::string data;                // directory made by `init`
  std::string anchor;              // file outside it
  std::vector<std::string> names;  // of the server certificate; empty: those given to `init`
  ListenAddress ingest_listen{.address = "0.0.0.0", .port = 8443};
  std::vector<std::string> ingest_urls;  // what enrolment hands to agents
  std::chrono::seconds certificate_validity = std::chrono::days(90);  // of agents
  ListenAddress api_listen{.address = "0.0.0.0", .port = 8444};
  bool log_open = false;
  bool metrics_open = false;
  std::uint64_t requests_per_s = 5000;  // of one API credential; 0: no limit
  std::uint64_t retention_days = 0;     // 0: for ever; else at least 366
  std::vector<LegalHold> holds;
  std::string backup_directory;   // empty: `backup` must be told where
  std::uint64_t backup_keep = 7;  // copies
  WitnessConfig witness;
};

// `text` is the content of the file `path`. Reject: "PATH:LINE:COLUMN: what". Relative paths stand
// against the directory of the file.
ledger::Result<CollectorConfig> parse_config(std::string_view text, const std::string& path);

}  // namespace yunjian::collector
