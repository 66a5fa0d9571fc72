#include "collector/api/item_json.h"

#include "ledger/base/bytes.h"
#include "ledger/record.h"

namespace yunjian::collector {

namespace {

void write_line(Json& json, std::string_view line) {
  if (ledger::is_valid_utf8(line)) {
    json.member("line", line);
  } else {
    json.member("line", std::string_view(ledger::escape_bytes(line))).member("encoding", "escaped");
  }
}

}  // namespace

void write_item(Json& json, const StoredRecord& record) {
  json.begin_object()
      .member("stream", std::string_view(record.key.stream))
      .member("number", record.key.number)
      .member("host", record.host)
      .member("unit", record.unit)
      .member("received", record.received);
  for (const DerivedField& field : record.derived) {
    if (field.is_string) {
      json.member(field.key, std::string_view(field.value));
    } else {
      json.number_member(field.key, field.value);
    }
  }
  write_line(json, record.line);
  json.end_object();
}

void write_scanned(Json& json, const ScanStats& stats) {
  json.key("scanned")
      .begin_object()
      .member("batches", stats.batches)
      .member("records", stats.records)
      .member("bytes", stats.bytes)
      .member("damaged", stats.damaged)
      .end_object();
}

}  // namespace yunjian::collector
