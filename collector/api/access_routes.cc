#include "collector/api/access_routes.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <set>

#include "collector/api/json.h"
#include "collector/api/parameters.h"
#include "collector/api/question.h"
#include "collector/api/unit_counts.h"
#include "ledger/record.h"

namespace yunjian::collector {

using ledger::ParsedRecord;
using ledger::Time;

namespace {

constexpr std::uint64_t looks_page_default = 100;
constexpr std::uint64_t looks_page_max = 1000;
constexpr std::array<std::string_view, 3> looks_at_data{"query", "export", "report"};
constexpr std::string_view units_key = "units";

using UnitRecords = std::map<std::string, std::uint64_t, std::less<>>;

std::string text_of(const ParsedRecord& record, std::string_view key) {
  return std::string(record.find(key).value_or(""));
}

std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  while (!text.empty()) {
    const std::string_view word = text.substr(0, text.find(' '));
    text.remove_prefix(std::min(text.size(), word.size() + 1));
    if (!word.empty()) words.emplace_back(word);
  }
  return words;
}

// One act, as far as it says whose data it was about.
struct Look {
  std::string what;
  bool whole_city = false;
  std::vector<std::string> scope;  // units, unless whole_city
  UnitRecords units;               // whose records left; empty: not known, or none did
  std::vector<std::string> granted;

  explicit Look(const ParsedRecord& record) : what(text_of(record, "what")) {
    const std::string told = text_of(record, "scope");
    whole_city = told == "all";
    if (!whole_city) scope = words_of(told);
    if (!is_at_data()) {
      granted = words_of(text_of(record, units_key));
      return;
    }
    for (const auto& field : record.fields) {
      if (field.key != units_key && !field.key.starts_with("units.")) continue;
      for (const auto& [unit, count] : UnitCounts::parse(field.value)) units[unit] += count;
    }
  }

  bool is_at_data() const { return std::ranges::find(looks_at_data, what) != looks_at_data.end(); }

  // Whether somebody who sees `viewer` is told of it.
  bool concerns(const Scope& viewer) const {
    const auto allowed = [&](const std::string& unit) { return viewer.allows(unit); };
    if (!is_at_data()) return !granted.empty() && std::ranges::all_of(granted, allowed);
    if (!units.empty()) {
      return std::ranges::any_of(units,
                                 [&](const auto& each) { return viewer.allows(each.first); });
    }
    return whole_city || std::ranges::any_of(scope, allowed);
  }
  // Whether nothing in it can speak of somebody whom `viewer` does not see.
  bool lies_within(const Scope& viewer) const {
    if (viewer.is_all()) return true;
    return !whole_city && !scope.empty() &&
           std::ranges::all_of(scope, [&](const auto& unit) { return viewer.allows(unit); });
  }
  UnitRecords seen_units(const Scope& viewer) const {
    UnitRecords seen;
    for (const auto& [unit, records] : units) {
      if (viewer.allows(unit)) seen.emplace(unit, records);
    }
    return seen;
  }
};

// What of the acts is asked for.
struct Wanted {
  bool everything = false;  // the whole city's, with lines
  Scope viewer = Scope::units({});
  std::string who = {};
  std::string what = {};
  std::optional<std::string> unit = {};
  Time from{};
  Time to{};

  // Looks at accounts, grants and tokens are for those who watch the administrators.
  bool tells_of_rights(std::string_view act) const {
    return act == "grant" || act == "revoke" || (everything && act == "accounts");
  }
  bool wants(const ParsedRecord& record) const {
    if (!who.empty() && text_of(record, "who") != who) return false;
    const Look look(record);
    if (!what.empty() && look.what != what) return false;
    if (what.empty() && !look.is_at_data() && !tells_of_rights(look.what)) return false;
    if (unit && !look.concerns(Scope::units({*unit}))) return false;
    return everything || look.concerns(viewer);
  }
};

struct Found {
  RecordKey key;
  std::string line;
  bool sealed = true;
};

// Acts that are durable and wait for their seal.
std::vector<Found> unsealed(const ApiContext& context, const Wanted& wanted) {
  const std::string id = context.log->own_stream();
  const auto state = context.log->stream(id);
  std::vector<Found> found;
  std::uint64_t number = state ? state->next_record : 0;
  for (std::string& line : context.log->unsealed_own_records()) {
    const auto record = ledger::parse_record(line);
    const auto time = glance(line).time;
    const RecordKey key{.time = time.value_or(Time{}), .stream = id, .number = number++};
    if (!record || !time || *time < wanted.from || *time >= wanted.to) continue;
    if (wanted.wants(**record)) found.push_back({key, std::move(line), false});
  }
  return found;
}

void write_counts(Json& json, const UnitRecords& units) {
  json.key("units").begin_object();
  for (const auto& [unit, records] : units) json.member(unit, records);
  json.end_object();
}

void write_texts(Json& json, const ParsedRecord& record,
                 std::initializer_list<std::string_view> keys) {
  for (const std::string_view key : keys) {
    if (const auto value = record.find(key)) json.member(key, *value);
  }
}

void write_look(Json& json, const Wanted& wanted, const Found& found, const ParsedRecord& record) {
  const Look look(record);
  const bool whole = wanted.everything || look.lies_within(wanted.viewer);
  const UnitRecords seen = wanted.everything ? look.units : look.seen_units(wanted.viewer);
  json.begin_object().member("time", found.key.time).member("what", std::string_view(look.what));
  write_texts(
      json, record,
      {"who", "role", "step", "to", "reason", "until", "from", "format", "sha256", "month"});
  if (const auto kind = record.find("grant_kind")) json.member("kind", *kind);
  if (whole) write_texts(json, record, {"q", "credential", "address", "scope"});
  // An address of one unit's data says nothing of others; one of a list or a search neither.
  if (whole || seen.size() == look.units.size()) write_texts(json, record, {"path"});
  if (look.is_at_data()) {
    write_counts(json, seen);
    std::uint64_t sum = 0;
    for (const auto& [unit, records] : seen) sum += records;
    if (whole) sum = record.find_integer("results").value_or(sum);
    json.member("results", sum);
  }
  json.member("sealed", found.sealed);
  if (wanted.everything) {
    json.member("stream", std::string_view(found.key.stream)).member("number", found.key.number);
    json.member("line", std::string_view(found.line));
  }
  json.end_object();
}

struct LooksPage {
  Wanted wanted;
  std::uint64_t limit = looks_page_default;
  std::optional<RecordKey> after;
  std::string question;
};

Outcome<LooksPage> read_looks_page(const ApiContext& context, const Call& call) {
  auto parameters =
      Parameters::read(call.request, {"who", "what", "unit", "from", "to", "limit", "cursor"});
  if (!parameters) return handed_on(parameters);
  LooksPage page;
  const Role role = call.credential.role;
  page.wanted.everything = role == Role::audit || role == Role::authority;
  page.wanted.viewer = page.wanted.everything ? Scope::all() : call.credential.scope;
  page.wanted.who = parameters->text("who");
  page.wanted.what = parameters->text("what");
  page.wanted.unit = parameters->optional_text("unit");
  if (page.wanted.unit && !page.wanted.viewer.allows(*page.wanted.unit)) return not_found();
  auto from = parameters->time("from", Time{});
  if (!from) return handed_on(from);
  auto to = parameters->time("to", time_end);
  if (!to) return handed_on(to);
  if (*from > *to) return bad_request("Parameter 'from' lies behind 'to'.");
  page.wanted.from = *from;
  page.wanted.to = *to;
  auto limit = parameters->number(
      "limit", {.otherwise = looks_page_default, .min = 1, .max = looks_page_max});
  if (!limit) return handed_on(limit);
  page.limit = *limit;
  page.question = parameters->question();
  if (const auto cursor = parameters->optional_text("cursor")) {
    page.after = context.cursors->open(*cursor, page.question);
    if (!page.after) return bad_request("Parameter 'cursor' is not one that was given for this.");
  }
  return page;
}

// The newest of what was sealed, one more than the page holds.
ledger::Result<ScanStats> scan_sealed(const ApiContext& context, const Call& call,
                                      const LooksPage& page, std::vector<Found>& found) {
  const auto own = context.log->stream(context.log->own_stream());
  if (!own) return ScanStats{};
  ScanQuery query;
  query.lanes = {Lane::event};
  query.from = page.wanted.from;
  query.to = page.wanted.to;
  query.filter.hosts = {own->host};
  query.after = page.after;
  query.limit = page.limit + 1;
  query.cancelled = cancel_flag(context, call);
  query.matches = [&](const ParsedRecord* record, const StoredRecord&) {
    return record != nullptr && page.wanted.wants(*record);
  };
  return context.records->scan(Scope::units({own->unit}), query, [&](const StoredRecord& record) {
    found.push_back({record.key, std::string(record.line), true});
  });
}

// Newest first; what was sealed between the two reads stands in both.
void merge(const LooksPage& page, std::vector<Found> waiting, std::vector<Found>& found) {
  std::set<std::uint64_t> numbers;
  for (const Found& each : found) numbers.insert(each.key.number);
  std::erase_if(waiting, [&](const Found& each) {
    return numbers.contains(each.key.number) || (page.after && !(each.key < *page.after));
  });
  std::ranges::move(waiting, std::back_inserter(found));
  std::ranges::sort(found, [](const Found& a, const Found& b) { return b.key < a.key; });
}

}  // namespace

Outcome<Response> get_access(const ApiContext& context, const Call& call) {
  auto page = read_looks_page(context, call);
  if (!page) return handed_on(page);
  auto waiting = unsealed(context, page->wanted);
  std::vector<Found> found;
  auto stats = scan_sealed(context, call, *page, found);
  if (!stats) return read_problem(stats.error(), call.request);
  merge(*page, std::move(waiting), found);
  const bool more = found.size() > page->limit || (!stats->complete && !found.empty());
  if (found.size() > page->limit) found.resize(page->limit);
  Json json;
  json.begin_object().key("items").begin_array();
  for (const Found& each : found) {
    const auto record = ledger::parse_record(each.line);
    if (record) write_look(json, page->wanted, each, **record);
  }
  json.end_array();
  if (more) {
    json.member("cursor",
                std::string_view(context.cursors->seal(found.back().key, page->question)));
  } else {
    json.null_member("cursor");
  }
  json.end_object();
  Act act = look(context, call, "query");
  act.number("results", found.size());
  if (auto recorded = record_look(context, act); !recorded) return handed_on(recorded);
  Response response;
  response.body = json.take();
  return response;
}

}  // namespace yunjian::collector
