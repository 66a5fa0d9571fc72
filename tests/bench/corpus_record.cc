#include "tests/bench/corpus_record.h"

#include "ledger/record.h"

namespace yunjian::bench {

void write_record(std::string& out, ledger::Time time, std::string_view text) {
  ledger::RecordWriter writer(out, time, "event");
  writer.text("source", "file").text("log", "/var/log/messages");
  const std::size_t colon = text.find(": ");
  const std::size_t begin = colon == std::string_view::npos ? 0 : text.rfind(' ', colon) + 1;
  if (colon != std::string_view::npos) {
    const std::string_view name = text.substr(begin, colon - begin);
    writer.text("process.name", name.substr(0, name.find('[')));
  }
  writer.message(text);
  writer.finish();
}

}  // namespace yunjian::bench
