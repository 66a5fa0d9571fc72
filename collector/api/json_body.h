#pragma once

#include <cstdint>
#include <initializer_list>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "collector/api/outcome.h"
#include "ledger/base/clock.h"

namespace yunjian::collector {

inline constexpr std::size_t json_depth_max = 32;
inline constexpr std::size_t json_list_max = 10'000;

// The members of a request's JSON object, read as strictly as Parameters: each known, each once,
// none ignored. A value is a text, a whole number, true or false, null (as if it were not there),
// or a list of texts.
class JsonBody {
 public:
  // Refuses (400) what is no such object, what is nested deeper than json_depth_max, and members
  // that are not in `known`.
  static Outcome<JsonBody> read(std::string_view body,
                                std::initializer_list<std::string_view> known);

  // Refuse a value of another kind. Absent: "", nothing, an empty list.
  Outcome<std::string> text(std::string_view name) const;
  Outcome<std::string> needed_text(std::string_view name) const;  // refuses "" too
  Outcome<std::optional<std::uint64_t>> number(std::string_view name) const;
  Outcome<std::vector<std::string>> list(std::string_view name) const;
  Outcome<std::optional<ledger::Time>> time(std::string_view name) const;
  bool has(std::string_view name) const { return find(name) != nullptr; }

 private:
  struct Value {
    enum class Kind { text, number, boolean, list } kind = Kind::text;
    std::string text = {};  // of a number its digits, of a boolean "true" or "false"
    std::vector<std::string> list = {};
  };
  friend class JsonBodyReader;

  const Value* find(std::string_view name) const;

  std::map<std::string, Value, std::less<>> members_;
};

}  // namespace yunjian::collector
