#include <algorithm>
#include <array>

#include "collector/api/json_body.h"
#include "collector/catalog/csv.h"
#include "collector/catalog/registry.h"
#include "collector/config.h"
#include "collector/http/certificates.h"
#include "collector/http/request_head.h"
#include "collector/query/query.h"
#include "ledger/base/bytes.h"
#include "ledger/base/result.h"
#include "ledger/record.h"
#include "rules/data_file.h"
#include "tests/fuzz/targets.h"

namespace yunjian::fuzz {
namespace {

using ledger::require;

void http(std::string_view bytes) {
  const auto end = collector::find_head_end(bytes);
  if (end.scan != collector::HeadScan::complete) return;
  require(end.bytes <= bytes.size(), "a head lies within its bytes");
  const auto head = collector::parse_request_head(bytes.substr(0, end.bytes));
  if (!head) return;
  const std::string& path = head->target.path;
  require(path.starts_with('/') && path.find("//") == path.npos, "a path is absolute and plain");
  require((path + "/").find("/../") == path.npos, "a path does not climb");
  require(!(head->chunked && head->content_length), "a body is framed in one way");
  for (const auto& [name, value] : head->headers) {
    require(std::ranges::none_of(name, [](char c) { return c >= 'A' && c <= 'Z'; }),
            "names are lower case");
    require(value.find_first_of("\r\n\0") == value.npos, "a value is one line");
  }
}

// The body of every POST that takes an object: accounts, grants, tokens, certificates, the act of a
// finding, an enrolment. Each reader gets the same bytes.
void json(std::string_view bytes) {
  const auto body =
      collector::JsonBody::read(bytes, {"id", "name", "to", "kind", "role", "units", "county",
                                        "reason", "from", "until", "days", "account", "csr"});
  if (body) {
    for (const char* name : {"id", "name", "to", "kind", "role", "county", "reason", "account"}) {
      const auto text = body->needed_text(name);
      require(!text || !text->empty(), "a text that is needed is there");
    }
    static_cast<void>(body->number("days"));
    const auto units = body->list("units");
    require(!units || units->size() <= collector::json_list_max, "lists have a limit");
    static_cast<void>(body->time("from"));
    static_cast<void>(body->time("until"));
    if (const auto csr = body->text("csr")) static_cast<void>(collector::check_csr(*csr));
  }
  const auto act = rules::parse_data_file(bytes);
  if (act) require(bytes.size() <= rules::data_file_bytes_max, "a file has a limit");
  const auto enrolment = ledger::parse_record(bytes);
  if (enrolment) static_cast<void>(ledger::from_base64((*enrolment)->find("key").value_or("")));
}

void query(std::string_view bytes) {
  const auto parsed = collector::Query::parse(bytes);
  if (!parsed) return;
  constexpr std::string_view line =
      R"({"time":"2026-11-22T08:00:00.000000Z","kind":"event","source":"journal","process.pid":7,)"
      R"("message":"Failed password for root from 10.20.0.1 端口 22"})";
  static const auto record = ledger::parse_record(line);
  for (const ledger::ParsedRecord* each :
       {record->get(), static_cast<ledger::ParsedRecord*>(nullptr)}) {
    static_cast<void>(parsed->matches(
        {.record = each, .line = line, .host = "web-01", .unit = "tax", .stream = "a.1"}));
  }
}

void csv(std::string_view bytes) {
  const auto rows = collector::parse_csv(bytes);
  if (rows) require(rows->size() <= collector::csv_rows_max, "rows have a limit");
  static_cast<void>(collector::parse_units_csv(bytes));
  static_cast<void>(collector::parse_hosts_csv(bytes, {{.id = "tax"}}));
  const collector::UnitOf unit_of = [](std::string_view, std::string_view id) {
    return id == "tax" ? std::optional<std::string>("tax") : std::nullopt;
  };
  for (const collector::KindDef& kind : collector::registry_kinds()) {
    const auto entries = collector::parse_entries_csv(kind, bytes, unit_of);
    if (!entries) continue;
    // What was taken is written in a form that is taken again.
    const std::string again = collector::format_entries_csv(kind, *entries);
    require(collector::parse_entries_csv(kind, again, unit_of).has_value(),
            "an export is an import");
  }
}

void registry_json(std::string_view bytes) {
  const collector::UnitOf unit_of = [](std::string_view, std::string_view) {
    return std::optional<std::string>("tax");
  };
  for (const collector::KindDef& kind : collector::registry_kinds()) {
    static_cast<void>(collector::parse_entries_json(kind, bytes, unit_of));
  }
}

void certificate(std::string_view bytes) {
  const auto facts = collector::read_certificate(bytes);
  if (facts) {
    require(std::ranges::all_of(facts->common_name, [](char c) { return c >= 0x20 && c < 0x7f; }),
            "a name is printable");
  }
  static_cast<void>(collector::check_csr(bytes));
  static_cast<void>(collector::csr_key_sha256(bytes));
}

void toml(std::string_view bytes) {
  static_cast<void>(collector::parse_config(bytes, "/etc/yunjian/collector.toml"));
}

constexpr std::array targets{Target{"http", http},
                             Target{"json", json},
                             Target{"query", query},
                             Target{"csv", csv},
                             Target{"toml", toml},
                             Target{"registry_json", registry_json},
                             Target{"certificate", certificate}};

}  // namespace

std::span<const Target> edge_targets() { return targets; }

}  // namespace yunjian::fuzz
