#pragma once

#include <span>
#include <string>
#include <string_view>

#include "ledger/note.h"
#include "ledger/text_fields.h"

namespace yunjian::ledger {

// yunjian/retirement/v1: the host is gone, its silence is meant. Signed by the log's key.
struct Retirement {
  std::string agent;
  std::uint64_t incarnation = 1;
  std::uint64_t batches = 0;  // the stream has in the log; none may follow
  Hash head{};                // leaf hash of the last one's header, or of the enrolment
  Time retired{};
};

std::string format_retirement(const Retirement& retirement);
Result<Retirement> parse_retirement(std::string_view text);

// yunjian/endorsement/v1: an authority stands for an enrolment (or a retirement) that is in the
// log. Signed by the authority's key and, once in the log, by the log's key.
struct Endorsement {
  std::string origin;
  std::uint64_t leaf = 0;  // index of what is endorsed
  Hash hash{};             // its leaf hash
  Time endorsed{};
};

std::string format_endorsement(const Endorsement& endorsement);
Result<Endorsement> parse_endorsement(std::string_view text);
// The text, when one of `authorities` signed it. Reject otherwise, naming what is wrong.
Result<Endorsement> open_endorsement(std::string_view note_bytes, std::string_view origin,
                                     std::span<const Verifier> authorities);

// yunjian/report/v1: a month's reports as they were given out. Signed by the log's key.
struct Report {
  std::string month;       // yyyy-mm
  std::uint64_t size = 0;  // leaves of the log that the reports were made from
  Hash manifest{};         // plain hash of the month's manifest
  Time sealed{};
};

std::string format_report(const Report& report);
Result<Report> parse_report(std::string_view text);

}  // namespace yunjian::ledger
