#include "collector/store/record_gate.h"

#include <algorithm>

namespace yunjian::collector {

using ledger::Time;

void Aggregate::merge(Aggregate&& other) {
  for (auto& [group, count] : other.counts) counts[group] += count;
  for (auto& [unit, count] : other.units) units[unit] += count;
  stats.batches += other.stats.batches;
  stats.records += other.stats.records;
  stats.bytes += other.stats.bytes;
  stats.damaged += other.stats.damaged;
  stats.complete &= other.stats.complete;
}

void RecordGate::read(std::string_view line, Lane lane) {
  derived_.clear();
  auto parsed = ledger::parse_record(line);
  parsed_ = parsed ? std::move(*parsed) : nullptr;
  if (parsed_ && deriver_ != nullptr && lane == Lane::event) deriver_->derive(*parsed_, derived_);
}

bool RecordGate::holds(const ColumnTest& test) const {
  if (parsed_) {
    for (const ledger::RecordField& field : parsed_->fields) {
      if (field.key == test.field) return test.accepts(field.value, field.is_string);
    }
    for (const DerivedField& field : derived_) {
      if (field.key == test.field) return test.accepts(field.value, field.is_string);
    }
  }
  return test.accepts_absent;
}

bool RecordGate::admits(StoredRecord record, Lane lane) {
  if (!needs_record()) return true;
  read(record.line, lane);
  if (!std::ranges::all_of(selection_.filter.columns,
                           [&](const ColumnTest& test) { return holds(test); })) {
    return false;
  }
  record.derived = derived_;
  return !selection_.matches || selection_.matches(parsed_.get(), record);
}

std::optional<std::string> RecordGate::value(std::string_view line, Lane lane,
                                             const std::string& field) {
  if (field.empty()) return "";
  if (!needs_record()) read(line, lane);
  if (!parsed_) return std::nullopt;
  if (const auto found = parsed_->find(field)) return std::string(*found);
  for (const DerivedField& derived : derived_) {
    if (derived.key == field) return derived.value;
  }
  return std::nullopt;
}

std::vector<DerivedField> derive_line(const Deriver* deriver, std::string_view line, Lane lane) {
  std::vector<DerivedField> out;
  if (deriver == nullptr || lane != Lane::event) return out;
  if (auto record = ledger::parse_record(line)) deriver->derive(**record, out);
  return out;
}

Time step_of(Time time, std::chrono::microseconds step) {
  if (step.count() == 0) return Time{};
  const auto since = time.time_since_epoch();
  auto rest = since % step;
  if (rest.count() < 0) rest += step;
  return Time(since - rest);
}

}  // namespace yunjian::collector
