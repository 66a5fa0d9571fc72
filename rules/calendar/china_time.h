#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "ledger/base/clock.h"
#include "ledger/base/result.h"

namespace yunjian::rules {

// Dates and months are those of China Standard Time, +08:00, which has no summer time.
using Date = std::chrono::year_month_day;
using Month = std::chrono::year_month;

inline constexpr std::chrono::hours china_offset{8};

Date china_date(ledger::Time time);
ledger::Time day_begin(Date date);
Date next_day(Date date, int days = 1);

// A month is half-open: [month_begin(m), month_end(m)).
ledger::Time month_begin(Month month);
ledger::Time month_end(Month month);
Month china_month(ledger::Time time);

// "2026-11", years 1970 to 9998; nothing else is accepted.
ledger::Result<Month> parse_month(std::string_view text);
std::string format_month(Month month);

// "2026-11-30"
ledger::Result<Date> parse_date(std::string_view text);
std::string format_date(Date date);

// "2026-11-30 08:05", cut to the minute: for people, never for evidence.
std::string format_china_minute(ledger::Time time);

}  // namespace yunjian::rules
