#include "collector/api/count_routes.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "collector/api/item_json.h"
#include "collector/api/question.h"
#include "collector/api/unit_counts.h"
#include "ledger/base/bytes.h"

namespace yunjian::collector {

using ledger::Time;
using std::chrono::microseconds;

namespace {

constexpr std::string_view default_facets = "kind,source,process.name,class_uid,status_id";
constexpr microseconds day = std::chrono::hours(24);

// "90s", "5m", "1h", "1d"; nothing for anything else.
std::optional<microseconds> parse_step(std::string_view text) {
  if (text.size() < 2) return std::nullopt;
  const auto number = ledger::parse_decimal(text.substr(0, text.size() - 1));
  if (!number || *number == 0 || *number > 86400) return std::nullopt;
  const auto count = static_cast<std::int64_t>(*number);
  switch (text.back()) {
    case 's':
      return std::chrono::seconds(count);
    case 'm':
      return std::chrono::minutes(count);
    case 'h':
      return std::chrono::hours(count);
    case 'd':
      return count * day;
    default:
      return std::nullopt;
  }
}

// "+08:00", "-03:30", "Z".
std::optional<microseconds> parse_offset(std::string_view text) {
  if (text == "Z") return microseconds(0);
  if (text.size() != 6 || text[3] != ':' || (text[0] != '+' && text[0] != '-')) return std::nullopt;
  const auto number = [&](std::size_t at) -> int {
    const bool digits =
        text[at] >= '0' && text[at] <= '9' && text[at + 1] >= '0' && text[at + 1] <= '9';
    return digits ? (text[at] - '0') * 10 + text[at + 1] - '0' : 100;
  };
  const int hours = number(1);
  const int minutes = number(4);
  if (hours > 23 || minutes > 59) return std::nullopt;
  const microseconds offset = std::chrono::hours(hours) + std::chrono::minutes(minutes);
  return text[0] == '-' ? -offset : offset;
}

// What is counted by: a field of the line or derived from it, or where a record came from.
Outcome<void> count_by(const std::string& field, AggregateQuery& query) {
  if (field == "number" || field == "received") {
    return bad_request(
        fmt::format("Field '{}' differs from record to record and cannot be counted.", field));
  }
  query.by = field == "host"     ? CountBy::host
             : field == "unit"   ? CountBy::unit
             : field == "stream" ? CountBy::stream
                                 : CountBy::field;
  query.field = field;
  return {};
}

// Whose records an answer speaks of.
UnitCounts counts_of(const Aggregate& counted) {
  UnitCounts counts;
  for (const auto& [unit, records] : counted.units) counts.add(unit, records);
  return counts;
}

ledger::Result<Aggregate> count(const ApiContext& context, const Question& question,
                                AggregateQuery query) {
  query.groups_max = groups_max;
  if (!question.select(query)) return Aggregate{};
  return context.records->aggregate(question.scope, query);
}

// Time steps as the client counts them: they begin at its midnight.
struct Steps {
  microseconds step{0};
  microseconds offset{0};

  // Of the store, which begins its steps at 1970 in UTC: fine enough to be put together.
  microseconds stored() const {
    if (step.count() == 0) return step;
    return microseconds(std::gcd(step.count(), std::abs(offset.count() % step.count())));
  }
  Time of(Time time) const {
    if (step.count() == 0) return time;
    return time - ((time.time_since_epoch() + offset) % step + step) % step;
  }
};

Outcome<Steps> read_steps(const Parameters& parameters) {
  Steps steps;
  if (const auto text = parameters.optional_text("step")) {
    const auto step = parse_step(*text);
    if (!step) {
      return bad_request(
          fmt::format("Parameter 'step': '{}' is not a width such as 30s, 5m, 1h "
                      "or 1d.",
                      *text));
    }
    steps.step = *step;
  }
  if (const auto text = parameters.optional_text("offset")) {
    const auto offset = parse_offset(*text);
    if (!offset) {
      return bad_request(
          fmt::format("Parameter 'offset': '{}' is not an offset such as +08:00 "
                      "(write the + as %2B) or Z.",
                      *text));
    }
    steps.offset = *offset;
  }
  return steps;
}

void write_value(Json& json, const std::optional<std::string>& value) {
  if (value) {
    json.member("value", ledger::is_valid_utf8(*value)
                             ? std::string_view(*value)
                             : std::string_view(ledger::escape_bytes(*value)));
  } else {
    json.null_member("value");
  }
}

// Records the look, then hands out what was written.
Outcome<Response> hand_out(const ApiContext& context, Json& json, Act act,
                           const UnitCounts& counts) {
  counts.tell(act);
  if (auto recorded = record_look(context, act); !recorded) return handed_on(recorded);
  Response response;
  response.body = json.take();
  return response;
}

std::vector<std::string> split_list(std::string_view text) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const auto comma = text.find(',');
    parts.emplace_back(text.substr(0, comma));
    if (comma == std::string_view::npos) break;
    text.remove_prefix(comma + 1);
  }
  return parts;
}

using ValueCount = std::pair<std::optional<std::string>, std::uint64_t>;

void write_facet(Json& json, const std::string& field, const Aggregate& counted,
                 std::size_t limit) {
  std::vector<ValueCount> values;
  std::uint64_t absent = 0;
  for (const auto& [group, records] : counted.counts) {
    if (!group.value) {
      absent += records;
    } else {
      values.emplace_back(group.value, records);
    }
  }
  std::ranges::stable_sort(values, std::ranges::greater(), &ValueCount::second);
  json.begin_object()
      .member("field", std::string_view(field))
      .member("distinct", static_cast<std::uint64_t>(values.size()))
      .member("absent", absent)
      .member("complete", counted.stats.complete)
      .key("values")
      .begin_array();
  for (std::size_t i = 0; i < std::min(limit, values.size()); ++i) {
    json.begin_object();
    write_value(json, values[i].first);
    json.member("records", values[i].second).end_object();
  }
  json.end_array().end_object();
}

void add(ScanStats& sum, const ScanStats& more) {
  sum.batches += more.batches;
  sum.damaged += more.damaged;
  sum.records += more.records;
  sum.bytes += more.bytes;
}

// What is known of one field from a sample.
struct SeenField {
  std::uint64_t records = 0;
  bool text = false;
  bool number = false;
  bool derived = false;
};

}  // namespace

Outcome<Response> get_hits(const ApiContext& context, const Call& call) {
  auto parameters = Parameters::read(call.request, {"q", "from", "to", "step", "offset", "field"});
  if (!parameters) return handed_on(parameters);
  auto steps = read_steps(*parameters);
  if (!steps) return handed_on(steps);
  const std::string field = parameters->text("field");
  AggregateQuery query;
  if (auto good = count_by(field, query); !good) return handed_on(good);
  auto question = Question::read(context, call, *parameters);
  if (!question) return handed_on(question);
  query.step = steps->stored();
  query.cancelled = cancel_flag(context, call);
  query.skip_damaged = true;
  auto counted = count(context, *question, std::move(query));
  if (!counted) return read_problem(counted.error(), call.request);
  std::map<AggregateGroup, std::uint64_t> counts;
  for (const auto& [group, records] : counted->counts) {
    counts[{.step = steps->of(group.step), .value = group.value}] += records;
  }
  Json json;
  json.begin_object().key("items").begin_array();
  for (const auto& [group, records] : counts) {
    json.begin_object();
    if (steps->step.count() > 0) json.member("time", group.step);
    if (!field.empty()) write_value(json, group.value);
    json.member("records", records).end_object();
  }
  json.end_array().member("complete", counted->stats.complete);
  write_scanned(json, counted->stats);
  json.end_object();
  return hand_out(context, json, look_at_records(context, call, *parameters), counts_of(*counted));
}

Outcome<Response> get_facets(const ApiContext& context, const Call& call) {
  auto parameters = Parameters::read(call.request, {"q", "from", "to", "fields", "limit"});
  if (!parameters) return handed_on(parameters);
  auto limit = parameters->number("limit", {.otherwise = 10, .min = 1, .max = facet_values_max});
  if (!limit) return handed_on(limit);
  auto question = Question::read(context, call, *parameters);
  if (!question) return handed_on(question);
  const auto fields =
      split_list(parameters->optional_text("fields").value_or(std::string(default_facets)));
  if (fields.empty() || fields.size() > facet_fields_max) {
    return bad_request(
        fmt::format("Parameter 'fields': name 1 to {}, joined by commas.", facet_fields_max));
  }
  Json json;
  ScanStats scanned;
  UnitCounts counts;
  json.begin_object().key("items").begin_array();
  for (const std::string& name : fields) {
    AggregateQuery query;
    if (auto good = count_by(name, query); !good) return handed_on(good);
    query.cancelled = cancel_flag(context, call);
    query.skip_damaged = true;
    auto counted = count(context, *question, std::move(query));
    if (!counted) return read_problem(counted.error(), call.request);
    write_facet(json, name, *counted, *limit);
    counts = counts_of(*counted);  // the same records, whatever they are counted by
    add(scanned, counted->stats);
  }
  json.end_array();
  write_scanned(json, scanned);
  json.end_object();
  return hand_out(context, json, look_at_records(context, call, *parameters), counts);
}

Outcome<Response> get_fields(const ApiContext& context, const Call& call) {
  auto parameters = Parameters::read(call.request, {"q", "from", "to"});
  if (!parameters) return handed_on(parameters);
  auto question = Question::read(context, call, *parameters);
  if (!question) return handed_on(question);
  std::map<std::string, SeenField, std::less<>> seen;
  const auto note = [&](std::string_view key, bool is_string, bool derived) {
    SeenField& field = seen.try_emplace(std::string(key)).first->second;
    ++field.records;
    (is_string ? field.text : field.number) = true;
    field.derived |= derived;
  };
  UnitCounts counts;
  ScanQuery query;
  query.limit = field_sample_records;
  query.cancelled = cancel_flag(context, call);
  query.skip_damaged = true;
  ledger::Result<ScanStats> stats;
  if (question->select(query)) {
    stats = context.records->scan(question->scope, query, [&](const StoredRecord& stored) {
      counts.add(stored.unit);
      for (const DerivedField& field : stored.derived) note(field.key, field.is_string, true);
      const auto record = ledger::parse_record(stored.line);
      if (!record) return;
      for (const auto& field : (*record)->fields) note(field.key, field.is_string, false);
    });
  }
  if (!stats) return read_problem(stats.error(), call.request);
  Json json;
  json.begin_object().key("items").begin_array();
  for (const auto& [name, field] : seen) {
    json.begin_object()
        .member("field", ledger::is_valid_utf8(name) ? std::string_view(name) : "?")
        .member("type", field.text ? (field.number ? "mixed" : "text") : "number")
        .member("derived", field.derived)
        .member("records", field.records)
        .end_object();
  }
  json.end_array().member("sample_max", field_sample_records);
  write_scanned(json, *stats);
  json.end_object();
  return hand_out(context, json, look_at_records(context, call, *parameters), counts);
}

}  // namespace yunjian::collector
