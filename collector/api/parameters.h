#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

#include "collector/api/outcome.h"
#include "ledger/base/clock.h"

namespace yunjian::collector {

// The query parameters of one request, read strictly: each at most once, each known, none ignored.
class Parameters {
 public:
  // Refuses unknown and repeated ones.
  static Outcome<Parameters> read(const Request& request,
                                  std::initializer_list<std::string_view> known);

  std::string text(std::string_view name) const;  // "" when absent
  std::optional<std::string> optional_text(std::string_view name) const;
  Outcome<ledger::Time> time(std::string_view name, ledger::Time otherwise) const;
  struct Range {
    std::uint64_t otherwise;
    std::uint64_t min;
    std::uint64_t max;
  };
  Outcome<std::uint64_t> number(std::string_view name, const Range& range) const;
  // One of `choices`, the first when absent.
  Outcome<std::string> choice(std::string_view name,
                              std::initializer_list<std::string_view> choices) const;
  // All of them but `cursor`, in a form that differs when any of them differs.
  std::string question() const;

 private:
  explicit Parameters(const Request& request) : request_(&request) {}
  const Request* request_;  // outlives this
};

}  // namespace yunjian::collector
