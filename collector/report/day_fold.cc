#include "collector/report/day_fold.h"

#include <algorithm>
#include <limits>

namespace yunjian::collector {

using ledger::Result;

namespace {

constexpr int pack_level = 1;  // zstd; it is read once a month

ledger::Failure damaged() {
  return ledger::fail(ledger::ErrorKind::corrupt, "the folded hours of a host are not whole");
}

// A stream's records come in order, but for blocks that are read beside each other: then two runs
// grow in turn. A record goes on with the run that ends just before it.
void add_to(std::vector<StreamRun>& runs, const ledger::UsageHour& hour, const RecordKey& key) {
  const rules::Month month = rules::china_month(hour.from);
  StreamRun* before = nullptr;
  for (StreamRun& run : runs) {
    if (run.input().last >= key.number) continue;
    if (before == nullptr || run.input().last > before->input().last) before = &run;
  }
  const bool continues =
      before != nullptr && before->month == month && rules::equal_size(*before->run.usage, hour);
  if (!continues) before = &runs.emplace_back(StreamRun{.month = month});
  before->run.add(hour, key.stream, key.number);
}

}  // namespace

void DayFold::add(const StoredRecord& record) {
  Host& host = hosts_[{std::string(record.host), std::string(record.unit)}];
  if (host.irregular) return;
  auto parsed = ledger::parse_record(record.line);
  auto hour = parsed ? ledger::read_usage_hour(**parsed)
                     : Result<ledger::UsageHour>(ledger::failure(parsed));
  if (!hour || !rules::is_possible(*hour)) {
    host.irregular = true;
    host.streams.clear();
    return;
  }
  add_to(host.streams[record.key.stream], *hour, record.key);
}

std::string pack_host(const DayFold::Host& host) {
  std::string packed;
  if (host.irregular) return packed;
  std::string text;
  ledger::put_varint(text, host.streams.size());
  for (const auto& [stream, runs] : host.streams) {
    ledger::put_text(text, stream);
    ledger::put_varint(text, runs.size());
    for (const StreamRun& run : runs) put_run(text, run);
  }
  ledger::Packer(pack_level).put(packed, text);
  return packed;
}

Result<void> unpack_host(std::string_view packed, rules::Month month, StreamRuns& streams) {
  ledger::Unpacker frame(packed);
  auto text = ledger::unpack(frame);
  if (!text) return ledger::failure(text);
  ledger::Unpacker in(*text);
  for (std::uint64_t left = in.count(); left > 0; --left) {
    const std::string stream(in.text());
    for (std::uint64_t runs = in.count(); runs > 0; --runs) {
      auto run = take_run(in, stream);
      if (!run) return ledger::failure(run);
      if (run->month == month) streams[stream].push_back(std::move(*run));
    }
  }
  if (!in.at_end()) return damaged();
  return {};
}

}  // namespace yunjian::collector
