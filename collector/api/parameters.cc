#include "collector/api/parameters.h"

#include <fmt/format.h>

#include <algorithm>

#include "ledger/base/bytes.h"

namespace yunjian::collector {

Outcome<Parameters> Parameters::read(const Request& request,
                                     std::initializer_list<std::string_view> known) {
  for (const auto& [name, value] : request.query) {
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      const std::string list =
          known.size() == 0 ? "none" : fmt::format("{}", fmt::join(known, ", "));
      return bad_request(fmt::format("Parameter '{}' is not known here; known: {}.", name, list));
    }
    if (request.query.count(name) > 1) {
      return bad_request(fmt::format("Parameter '{}' stands there more than once.", name));
    }
  }
  return Parameters(request);
}

std::optional<std::string> Parameters::optional_text(std::string_view name) const {
  return request_->parameter(name);
}

std::string Parameters::text(std::string_view name) const {
  return request_->parameter(name).value_or("");
}

Outcome<ledger::Time> Parameters::time(std::string_view name, ledger::Time otherwise) const {
  const auto value = request_->parameter(name);
  if (!value) return otherwise;
  auto time = ledger::parse_rfc3339(*value);
  if (time) return *time;
  return bad_request(
      fmt::format("Parameter '{}': '{}' is not a time such as 2026-11-22T08:00:00Z "
                  "or 2026-11-22 (write the + of an offset as %2B).",
                  name, *value));
}

Outcome<std::uint64_t> Parameters::number(std::string_view name, const Range& range) const {
  const auto value = request_->parameter(name);
  if (!value) return range.otherwise;
  const auto number = ledger::parse_decimal(*value);
  if (number && *number >= range.min && *number <= range.max) return *number;
  return bad_request(fmt::format("Parameter '{}': '{}' is not a whole number from {} to {}.", name,
                                 *value, range.min, range.max));
}

Outcome<std::string> Parameters::choice(std::string_view name,
                                        std::initializer_list<std::string_view> choices) const {
  const auto value = request_->parameter(name);
  if (!value) return std::string(*choices.begin());
  if (std::find(choices.begin(), choices.end(), *value) != choices.end()) return *value;
  return bad_request(
      fmt::format("Parameter '{}': '{}' is none of {}.", name, *value, fmt::join(choices, ", ")));
}

std::string Parameters::question() const {
  std::string question = request_->path;
  for (const auto& [name, value] : request_->query) {
    if (name == "cursor" || name == "limit") continue;
    question += fmt::format("\n{}={}:{}", name, value.size(), value);
  }
  return question;
}

}  // namespace yunjian::collector
