#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <toml.hpp>
#include <vector>

#include "ledger/base/result.h"

namespace yunjian::agent {

// One table of agent.toml: hands out typed values and remembers which keys were asked for.
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
  ledger::Result<void> finish() const;

 private:
  const toml::value* find(const std::string& key);
  std::string place(const toml::value& value) const;

  const toml::value* value_;
  std::string name_;
  std::set<std::string> known_;
  std::string error_;
};

}  // namespace yunjian::agent
