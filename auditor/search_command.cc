#include "auditor/search_command.h"

#include <fmt/format.h>

#include <cstdio>

#include "auditor/command_kit.h"
#include "auditor/printable.h"
#include "auditor/verify_command.h"
#include "ledger/record.h"

namespace yunjian::auditor {

std::string format_found(const FoundRecord& record) {
  const auto parsed = ledger::parse_record(record.line);
  const auto field = [&](std::string_view name, std::string_view otherwise) {
    return parsed ? (*parsed)->find(name).value_or(otherwise) : otherwise;
  };
  const std::string text =
      fmt::format("{} {} {} {}/{} {}", field("time", "-"), record.host, record.unit, record.stream,
                  record.number, field("message", record.line));
  return printable(text) + "\n";
}

int run_search(ledger::FileSystem& files, const SearchOptions& options) {
  auto client = CollectorClient::open(files, options.live);
  if (!client) return complain(exit_usage, client.error().message);
  std::uint64_t found = 0;
  auto more = client->search(options.question, [&](const FoundRecord& record) {
    fmt::print("{}", options.json ? record.json + "\n" : format_found(record));
    ++found;
  });
  if (!more) {
    const bool wrong = more.error().kind == ledger::ErrorKind::reject;
    return complain(wrong ? exit_usage : exit_cannot_tell, more.error().message);
  }
  fmt::print(stderr,
             "{} 条 found{}; 采集中心的说法,未经核验 not verified: `prove --record` proves one\n",
             found, *more ? ", 还有更多 there are more (--limit)" : "");
  return 0;
}

}  // namespace yunjian::auditor
