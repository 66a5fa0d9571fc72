#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "ledger/batch.h"

namespace yunjian::ledger {

inline constexpr std::size_t leaf_bytes_max = 4096;

// "batch", "enrolment", "fork", … when the leaf's first line is yunjian/<name>/v1; reject
// otherwise.
Result<std::string> leaf_name(std::string_view leaf);

// yunjian/enrolment/v1: opens a stream. Signed by the collector (key name = origin) and by the new
// first key (key name of the agent); endorsed when the key that the previous incarnation announced
// signed too, or an authority's key.
struct Enrolment {
  std::string origin;
  std::string agent;
  std::uint64_t incarnation = 1;
  std::string unit;
  std::string host;
  std::string suite;
  std::string first_key;  // raw public key that signs batch 0
  std::optional<Hash>
      previous;  // leaf hash of the previous incarnation's last header (or its enrolment)
  Time enrolled{};
};

std::string format_enrolment(const Enrolment& enrolment);
Result<Enrolment> parse_enrolment(std::string_view text);

bool is_unit_id(std::string_view id);     // [a-z0-9][a-z0-9._-]{0,63}
bool is_host_name(std::string_view id);   // [a-z0-9][a-z0-9._-]{0,252}
bool is_origin(std::string_view origin);  // key name of at most 128 bytes

struct EnrolmentCheck {
  Enrolment enrolment;
  bool endorsed = false;
};
// Both needed signatures are there and good. `announced_key` = raw key announced by the previous
// incarnation, if known. Reject otherwise.
Result<EnrolmentCheck> verify_enrolment(std::string_view leaf, const Verifier& log,
                                        std::optional<std::string_view> announced_key);

// yunjian/fork/v1: evidence that one key signed two histories. Signed by the collector.
struct Fork {
  std::string agent;
  std::uint64_t incarnation = 1;
  std::uint64_t batch = 0;
  std::optional<Hash> accepted;  // leaf hash in the log under that number, when it is taken
  std::string refused;           // the whole refused header note
  std::optional<Hash> body;      // plain hash of the refused body when it was kept
  Time seen{};
};

std::string format_fork(const Fork& fork);
Result<Fork> parse_fork(std::string_view text);

}  // namespace yunjian::ledger
