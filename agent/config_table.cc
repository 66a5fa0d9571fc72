#include "agent/config_table.h"

#include <fmt/format.h>

namespace yunjian::agent {

using ledger::ErrorKind;
using ledger::fail;
using ledger::Result;

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

}  // namespace yunjian::agent
