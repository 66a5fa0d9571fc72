#pragma once

#include <vector>

#include "collector/store/record_store.h"

namespace yunjian::collector {

// Whether a line is one that a selection asks for, by looking at the line itself; parses and
// derives only when the selection needs it. Hosts, lanes and times are the caller's. One thread.
class RecordGate {
 public:
  RecordGate(const Selection& selection, const Deriver* deriver)  // both outlive the gate
      : selection_(selection), deriver_(deriver) {}

  bool needs_record() const { return selection_.matches || !selection_.filter.columns.empty(); }
  // `record.line` is set, `record.derived` not.
  bool admits(StoredRecord record, Lane lane);
  // The value of a field of the line that was admitted last, "" and a record without it apart.
  std::optional<std::string> value(std::string_view line, Lane lane, const std::string& field);

 private:
  void read(std::string_view line, Lane lane);
  bool holds(const ColumnTest& test) const;

  const Selection& selection_;
  const Deriver* deriver_;
  std::unique_ptr<ledger::ParsedRecord> parsed_;
  std::vector<DerivedField> derived_;
};

// The derived fields of a line; none for what is no record of the event lane.
std::vector<DerivedField> derive_line(const Deriver* deriver, std::string_view line, Lane lane);

// Where the step of `time` begins.
ledger::Time step_of(ledger::Time time, std::chrono::microseconds step);

}  // namespace yunjian::collector
