#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "ledger/base/result.h"

namespace yunjian::agent {

// A small JSON object from a file of ours or an answer of the collector. Members that are absent or
// of another type read as empty; what must be there is for the caller to check.
class JsonObject {
 public:
  static ledger::Result<JsonObject> parse(std::string_view text);
  JsonObject(JsonObject&&) noexcept;
  JsonObject& operator=(JsonObject&&) noexcept;
  ~JsonObject();

  std::string text(const char* name) const;
  std::uint64_t number(const char* name) const;
  std::vector<std::string> texts(const char* name) const;

 private:
  struct Impl;
  explicit JsonObject(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

using JsonValue = std::variant<std::string, std::uint64_t, std::vector<std::string>>;
// One member a line, in the order given, with a final \n.
std::string format_json(const std::vector<std::pair<std::string, JsonValue>>& members);

}  // namespace yunjian::agent
