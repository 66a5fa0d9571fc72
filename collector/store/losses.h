#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "ledger/base/clock.h"
#include "ledger/base/file_system.h"

namespace yunjian::collector {

// Records that damage took, as `<data>/quarantine/losses` keeps them, so that every answer can say
// that something is missing that might have been in it:
//
//   yunjian/losses/v1
//   <unit> <host> <stream> <first batch> <last batch> <received from, RFC 3339> <to>
//   leaves <first> <last>          headers are lost too: whose batches they were is not known
struct Loss {
  std::string unit;  // empty: not known
  std::string host;
  std::string stream;
  std::uint64_t first = 0;  // batches, or leaves when the stream is not known
  std::uint64_t last = 0;
  ledger::Time received_from{};
  ledger::Time received_to{};
  bool operator==(const Loss&) const = default;
};

std::string format_losses(const std::vector<Loss>& losses);
// Empty when there is no such file. Corrupt: it cannot be read.
ledger::Result<std::vector<Loss>> read_losses(ledger::FileSystem& files, const std::string& data);
std::string quarantine_directory(const std::string& data);

}  // namespace yunjian::collector
