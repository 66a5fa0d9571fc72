#pragma once

#include <source_location>
#include <string>
#include <tl/expected.hpp>
#include <utility>

namespace yunjian::ledger {

// What the caller must do about an error; pick the kind by that decision, not by its cause.
enum class ErrorKind {
  retry,    // transient: the same call may succeed later
  reject,   // the input is wrong and stays wrong; tell whoever sent it
  corrupt,  // stored bytes are not what was written; never repair silently
  full,     // no space, or a named limit is reached; free something first
  fatal,    // durability or identity is in doubt: stop acknowledging, end the process
};

std::string_view to_string(ErrorKind kind);

struct Error {
  ErrorKind kind;
  std::string message;  // what, where and what to do, for a person
  std::source_location where = std::source_location::current();
};

template <typename T>
class [[nodiscard]] Result : public tl::expected<T, Error> {
 public:
  using tl::expected<T, Error>::expected;
};

using Failure = tl::unexpected<Error>;

inline Failure fail(ErrorKind kind, std::string message,
                    std::source_location where = std::source_location::current()) {
  return Failure(Error{kind, std::move(message), where});
}

// Hands on the error of a failed result: `if (!r) return failure(r);`
template <typename T>
Failure failure(Result<T>& failed) {
  return Failure(std::move(failed).error());
}

// The same with a sentence in front that says what was being done.
template <typename T>
Failure failure(Result<T>& failed, std::string_view doing) {
  Error error = std::move(failed).error();
  error.message = std::string(doing) + ": " + error.message;
  return Failure(std::move(error));
}

// Aborts with `what` when an invariant of our own code is broken. Never for input.
void require(bool holds, std::string_view what,
             std::source_location where = std::source_location::current());

}  // namespace yunjian::ledger
