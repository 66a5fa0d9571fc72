#include "rules/month/facts_fold.h"

#include <algorithm>

#include "ledger/base/bytes.h"
#include "rules/calendar/china_time.h"

namespace yunjian::rules {

using ledger::Time;

namespace {

constexpr std::string_view used_prefix = "fs.used.";
constexpr int growth_days = 7;
constexpr Hundredths full = 10000;

// "12.34" in hundredths; what a usage record may hold.
std::optional<Hundredths> hundredths(std::string_view number) {
  const auto point = number.find('.');
  const auto whole = ledger::parse_decimal(number.substr(0, point));
  if (!whole) return std::nullopt;
  if (point == std::string_view::npos) return *whole * 100;
  const auto places = number.substr(point + 1);
  if (places.size() != 2) return std::nullopt;
  const auto part = ledger::parse_decimal(places[0] == '0' ? places.substr(1) : places);
  return part ? std::optional(*whole * 100 + *part) : std::nullopt;
}

}  // namespace

Disks disks_of(const ledger::ParsedRecord& record) {
  Disks disks;
  for (const ledger::RecordField& field : record.fields) {
    if (!field.key.starts_with(used_prefix)) continue;
    if (const auto used = hundredths(field.value)) {
      disks[std::string(field.key.substr(used_prefix.size()))] = *used;
    }
  }
  return disks;
}

Time growth_begin(Time newest) { return day_begin(next_day(china_date(newest), 1 - growth_days)); }

std::optional<std::uint64_t> days_to_full(const DiskSnapshot& before, const DiskSnapshot& now) {
  const double days =
      std::chrono::duration<double, std::ratio<86400>>(now.time - before.time).count();
  if (days < 1) return std::nullopt;
  std::optional<std::uint64_t> soonest;
  for (const auto& [mount, used] : now.disks) {
    const auto earlier = before.disks.find(mount);
    if (earlier == before.disks.end() || used <= earlier->second || used > full) continue;
    const double growth = static_cast<double>(used - earlier->second) / days;
    const auto left = static_cast<std::uint64_t>(static_cast<double>(full - used) / growth);
    soonest = std::min(soonest.value_or(left), left);
  }
  return soonest;
}

bool is_login(const Derived& meant) {
  return meant.class_uid == class_authentication && meant.activity_id == 1 && meant.status_id == 1;
}

bool is_access(const Derived& meant) {
  return meant.class_uid == class_api && meant.status_id == 1 && !meant.address.empty();
}

void FactsFold::add(const ledger::ParsedRecord& record, std::string_view stream,
                    std::uint64_t number) {
  const auto time = ledger::parse_time(record.find("time").value_or(""));
  if (!time || *time < from_ || *time >= to_) return;
  const auto kind = record.find("kind").value_or("");
  if (kind == "usage_hour") return;
  if (kind == "usage") return add_usage(record, {*time, std::string(stream), number});
  sends_logs_ = sends_logs_ || kind == "event";
  add_event(record);
}

void FactsFold::add_usage(const ledger::ParsedRecord& record, Place place) {
  const auto kills = ledger::parse_decimal(record.find("system.oom_kills").value_or(""));
  if (kills) oom_kills_ = oom_kills_.value_or(0) + *kills;
  Newest& newest = days_[std::chrono::sys_days(china_date(std::get<0>(place)))];
  if (place < newest.place) return;
  newest = {.place = std::move(place), .disks = disks_of(record)};
}

void FactsFold::add_event(const ledger::ParsedRecord& record) {
  const auto meant = Classifier::builtin().classify(record);
  if (!meant) return;
  if (is_login(*meant)) ++logins_;
  if (is_access(*meant)) accesses_ = accesses_.value_or(0) + 1;
}

MonthFacts FactsFold::finish() const {
  MonthFacts facts{.accesses = accesses_, .oom_kills = oom_kills_};
  if (sends_logs_) facts.logins = logins_;
  if (days_.empty() || days_.rbegin()->second.disks.empty()) return facts;
  const Newest& last = days_.rbegin()->second;
  const DiskSnapshot now{.time = std::get<0>(last.place), .disks = last.disks};
  Hundredths fullest = 0;
  for (const auto& [mount, used] : now.disks) fullest = std::max(fullest, used);
  facts.disk_used = fullest;
  const auto begin = days_.lower_bound(std::chrono::sys_days(china_date(growth_begin(now.time))));
  if (begin == days_.begin()) return facts;
  const Newest& earlier = std::prev(begin)->second;
  facts.disk_full_days =
      days_to_full({.time = std::get<0>(earlier.place), .disks = earlier.disks}, now);
  return facts;
}

}  // namespace yunjian::rules
