#include "collector/api/record_routes.h"

#include <fmt/format.h>

#include "collector/api/item_json.h"
#include "collector/api/parameters.h"
#include "collector/api/question.h"
#include "collector/api/unit_counts.h"
#include "ledger/base/bytes.h"
#include "ledger/batch.h"

namespace yunjian::collector {

using ledger::Time;

namespace {

// A page of records: what was asked for, and how it is written.
struct Page {
  ScanQuery scan;
  std::string question;
  bool lines = false;       // NDJSON
  bool nothing = false;     // no record can match
  std::string explanation;  // JSON, when asked for
  std::string unit;         // whose data it is, when it can be nobody else's
};

// Order, limit and cursor of a page; what it is a page of is the caller's.
Outcome<Page> read_page(const ApiContext& context, const Call& call, const Parameters& parameters) {
  Page page;
  auto order = parameters.choice("order", {"desc", "asc"});
  if (!order) return handed_on(order);
  auto limit = parameters.number("limit", {.otherwise = page_default, .min = 1, .max = page_max});
  if (!limit) return handed_on(limit);
  page.scan.order = *order == "asc" ? Order::oldest_first : Order::newest_first;
  page.scan.limit = *limit;
  page.scan.cancelled = cancel_flag(context, call);
  page.scan.skip_damaged = true;
  page.question = parameters.question();
  page.lines = wants_lines(call.request);
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
  write_scanned(json, stats);
}

// Reads the page, records the look, and only then hands out what was read.
Outcome<Response> answer_page(const ApiContext& context, const Call& call, const Page& page,
                              Act act) {
  Json json;
  if (!page.lines) json.begin_object().key("items").begin_array();
  UnitCounts counts;
  RecordKey last;
  ledger::Result<ScanStats> stats;
  if (!page.nothing) {
    stats =
        context.records->scan(call.credential.scope, page.scan, [&](const StoredRecord& record) {
          write_item(json, record);
          if (page.lines) json.end_line();
          last = record.key;
          counts.add(record.unit);
        });
  }
  if (!stats) return read_problem(stats.error(), call.request);
  const bool more = !stats->complete && counts.records() > 0;
  const std::string cursor = more ? context.cursors->seal(last, page.question) : "";
  if (page.lines) {
    json.begin_object();
  } else {
    json.end_array();
  }
  write_end(json, cursor, *stats);
  if (!page.explanation.empty()) json.raw_member("explain", page.explanation);
  json.end_object();
  if (page.lines) json.end_line();
  if (!page.unit.empty()) counts.add(page.unit, 0);
  counts.tell(act);
  if (auto recorded = record_look(context, act); !recorded) return handed_on(recorded);
  Response response;
  response.content_type = page.lines ? "application/x-ndjson" : "application/json";
  response.body = json.take();
  return response;
}

}  // namespace

Outcome<Response> search(const ApiContext& context, const Call& call) {
  auto parameters =
      Parameters::read(call.request, {"q", "from", "to", "order", "limit", "cursor", "explain"});
  if (!parameters) return handed_on(parameters);
  auto page = read_page(context, call, *parameters);
  if (!page) return handed_on(page);
  auto explain = parameters->choice("explain", {"false", "true"});
  if (!explain) return handed_on(explain);
  auto question = Question::read(context, call, *parameters);
  if (!question) return handed_on(question);
  page->nothing = !question->select(page->scan);
  if (*explain == "true") page->explanation = explanation(question->plan);
  return answer_page(context, call, *page, look_at_records(context, call, *parameters));
}

Outcome<Response> get_record(const ApiContext& context, const Call& call) {
  auto parameters = Parameters::read(call.request, {});
  if (!parameters) return handed_on(parameters);
  const auto number = ledger::parse_decimal(call.parts[1]);
  if (!ledger::parse_stream_id(call.parts[0]) || !number) return not_found();
  auto record = context.records->record(call.credential.scope, call.parts[0], *number);
  if (!record && record.error().kind == ledger::ErrorKind::reject) return not_found();
  if (!record) return storage_problem(record.error());
  Act act = look(context, call, "query");
  UnitCounts counts;
  counts.add(record->unit);
  counts.tell(act);
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
  auto from = parameters->time("from", Time{});
  if (!from) return handed_on(from);
  auto to = parameters->time("to", time_end);
  if (!to) return handed_on(to);
  if (*from > *to) return bad_request("Parameter 'from' lies behind 'to'.");
  page->scan.from = *from;
  page->scan.to = *to;
  auto step = parameters->choice("step", {"minute", "hour"});
  if (!step) return handed_on(step);
  const auto host = context.catalog->host(call.credential.scope, call.parts[0]);
  if (!host) return storage_problem(host.error());
  if (!*host) return not_found();
  page->scan.lanes = {*step == "hour" ? Lane::hour : Lane::usage};
  page->scan.filter.hosts = {std::string(call.parts[0])};
  Act act = look_at_records(context, call, *parameters);
  act.text("host", call.parts[0]);
  page->unit = (*host)->unit;
  return answer_page(context, call, *page, std::move(act));
}

}  // namespace yunjian::collector
