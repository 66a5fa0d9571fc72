#include "agent/sources/gap_record.h"

#include "ledger/record.h"

namespace yunjian::agent {

void write_gap(std::string& out, ledger::Time now, const Gap& gap) {
  out.clear();
  ledger::RecordWriter record(out, now, "agent");
  record.text("source", gap.source);
  if (!gap.log.empty()) record.text("log", gap.log);
  record.text("what", "gap");
  if (gap.from) record.text("from", ledger::format_time(*gap.from));
  if (gap.bytes) record.integer("bytes", *gap.bytes);
  record.text("cause", gap.cause);
  if (gap.count) record.integer("count", *gap.count);
  if (!gap.detail.empty()) record.text("detail", gap.detail);
  if (gap.offset) record.integer("offset", *gap.offset);
  if (gap.to) record.text("to", ledger::format_time(*gap.to));
  record.finish();
}

}  // namespace yunjian::agent
