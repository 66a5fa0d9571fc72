#include "collector/api/record_routes.h"

#include <fmt/format.h>

#include "collector/api/json.h"
#include "collector/api/parameters.h"
#include "collector/query/query.h"
#include "ledger/base/bytes.h"
#include "ledger/batch.h"

namespace yunjian::collector {

using ledger::Time;

namespace {

const Time time_end = ledger::parse_time("9999-12-31T23:59:59.999999Z").value_or(Time::max());

void write_line(Json& json, std::string_view line) {
  if (ledger::is_valid_utf8(line)) {
    json.member("line", line);
  } else {
    json.member("line", std::string_view(ledger::escape_bytes(line))).member("encoding", "escaped");
  }
}

void write_item(Json& json, const StoredRecord& record) {
  json.begin_object()
      .member("stream", std::string_view(record.key.stream))
      .member("number", record.key.number)
      .member("host", record.host)
      .member("unit", record.unit)
      .member("received", record.received);
  write_line(json, record.line);
  json.end_object();
}

// A page of records: what was asked for, and how it is written.
struct Page {
  ScanQuery scan;
  std::string question;
  bool lines = false;  // NDJSON
};

Outcome<Page> read_page(const ApiContext& context, const Call& call, const Parameters& parameters) {
  Page page;
  auto from = parameters.time("from", Time{});
  if (!from) return handed_on(from);
  auto to = parameters.time("to", time_end);
  if (!to) return handed_on(to);
  if (*from > *to) return bad_request("Parameter 'from' lies behind 'to'.");
  auto order = parameters.choice("order", {"desc", "asc"});
  if (!order) return handed_on(order);
  auto limit = parameters.number("limit", {.otherwise = page_default, .min = 1, .max = page_max});
  if (!limit) return handed_on(limit);
  page.scan.from = *from;
  page.scan.to = *to;
  page.scan.order = *order == "asc" ? Order::oldest_first : Order::newest_first;
  page.scan.limit = *limit;
  page.scan.cancelled = context.stopping;
  page.question = parameters.question();
  page.lines = call.request.header("accept").find("application/x-ndjson") != std::string_view::npos;
  if (const auto cursor = parameters.optional_text("cursor")) {
    page.scan.after = context.cursors->open(*cursor, page.question);
    if (!page.scan.after) {
      return bad_request(
          "Parameter 'cursor' is not one that was given for this question; begin "
          "again without it.");
    }
  }
  return page;
}

void write_end(Json& json, const std::string& cursor, const ScanStats& stats) {
  if (cursor.empty()) {
    json.null_member("cursor");
  } else {
    json.member("cursor", std::string_view(cursor));
  }
  json.key("scanned")
      .begin_object()
      .member("batches", stats.batches)
      .member("records", stats.records)
      .member("bytes", stats.bytes)
      .end_object();
}

// Reads the page, records the look, and only then hands out what was read.
Outcome<Response> answer_page(const ApiContext& context, const Call& call, const Page& page,
                              Act act) {
  Json json;
  if (!page.lines) json.begin_object().key("items").begin_array();
  std::uint64_t items = 0;
  RecordKey last;
  auto stats =
      context.records->scan(call.credential.scope, page.scan, [&](const StoredRecord& record) {
        write_item(json, record);
        if (page.lines) json.end_line();
        last = record.key;
        ++items;
      });
  if (!stats) return storage_problem(stats.error());
  const bool more = !stats->complete && items > 0;
  const std::string cursor = more ? context.cursors->seal(last, page.question) : "";
  if (page.lines) {
    json.begin_object();
  } else {
    json.end_array();
  }
  write_end(json, cursor, *stats);
  json.end_object();
  if (page.lines) json.end_line();
  act.number("results", items);
  if (auto recorded = record_look(context, act); !recorded) return handed_on(recorded);
  Response response;
  response.content_type = page.lines ? "application/x-ndjson" : "application/json";
  response.body = json.take();
  return response;
}

Act page_look(const ApiContext& context, const Call& call, const Parameters& parameters) {
  Act act = look(context, call, "query");
  for (const std::string_view name : {"from", "to", "step"}) {
    if (const auto value = parameters.optional_text(name)) act.text(name, *value);
  }
  if (parameters.optional_text("cursor")) act.text("page", "next");
  return act;
}

bool is_usage(std::string_view line) {
  auto record = ledger::parse_record(line);
  if (!record) return false;
  const auto kind = (*record)->find("kind");
  return kind == "usage" || kind == "usage_hour";
}

}  // namespace

Outcome<Response> search(const ApiContext& context, const Call& call) {
  auto parameters = Parameters::read(call.request, {"q", "from", "to", "order", "limit", "cursor"});
  if (!parameters) return handed_on(parameters);
  auto page = read_page(context, call, *parameters);
  if (!page) return handed_on(page);
  auto query = Query::parse(parameters->text("q"));
  if (!query) {
    return refuse(400, "query", "The query is not understood",
                  "Parameter 'q', " + query.error().message + ".");
  }
  if (!may_see_events(call.credential)) page->scan.lanes = {Lane::usage, Lane::hour};
  if (auto host = query->host()) page->scan.filter.hosts = {std::move(*host)};
  if (!query->matches_everything()) {
    page->scan.matches = [&query](const ledger::ParsedRecord* record, const StoredRecord& stored) {
      return query->matches({.record = record,
                             .line = stored.line,
                             .host = stored.host,
                             .unit = stored.unit,
                             .stream = stored.key.stream});
    };
  }
  Act act = page_look(context, call, *parameters);
  act.text("q", parameters->text("q"));
  return answer_page(context, call, *page, std::move(act));
}

Outcome<Response> get_record(const ApiContext& context, const Call& call) {
  auto parameters = Parameters::read(call.request, {});
  if (!parameters) return handed_on(parameters);
  const auto number = ledger::parse_decimal(call.parts[1]);
  if (!ledger::parse_stream_id(call.parts[0]) || !number) return not_found();
  auto record = context.records->record(call.credential.scope, call.parts[0], *number);
  if (!record && record.error().kind == ledger::ErrorKind::reject) return not_found();
  if (!record) return storage_problem(record.error());
  if (!may_see_events(call.credential) && !is_usage(record->line)) return not_found();
  Act act = look(context, call, "query");
  act.number("results", 1);
  if (auto recorded = record_look(context, act); !recorded) return handed_on(recorded);
  Json json;
  write_item(json, {.key = record->key,
                    .host = record->host,
                    .unit = record->unit,
                    .received = record->received,
                    .line = record->line,
                    .derived = record->derived});
  Response response;
  response.body = json.take();
  return response;
}

Outcome<Response> host_usage(const ApiContext& context, const Call& call) {
  auto parameters =
      Parameters::read(call.request, {"from", "to", "step", "order", "limit", "cursor"});
  if (!parameters) return handed_on(parameters);
  auto page = read_page(context, call, *parameters);
  if (!page) return handed_on(page);
  auto step = parameters->choice("step", {"minute", "hour"});
  if (!step) return handed_on(step);
  const auto host = context.catalog->host(call.credential.scope, call.parts[0]);
  if (!host) return storage_problem(host.error());
  if (!*host) return not_found();
  page->scan.lanes = {*step == "hour" ? Lane::hour : Lane::usage};
  page->scan.filter.hosts = {std::string(call.parts[0])};
  Act act = page_look(context, call, *parameters);
  act.text("host", call.parts[0]);
  return answer_page(context, call, *page, std::move(act));
}

}  // namespace yunjian::collector
