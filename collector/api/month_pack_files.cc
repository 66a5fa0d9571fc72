#include "collector/api/month_pack_files.h"

#include <fmt/format.h>

#include <algorithm>

#include "collector/api/inventory_routes.h"
#include "collector/api/parameters.h"
#include "collector/api/unit_counts.h"
#include "collector/report/month_types.h"
#include "collector/report/pack_store.h"
#include "collector/report/render.h"
#include "ledger/base/bytes.h"
#include "ledger/checkpoint.h"
#include "ledger/suite.h"

namespace yunjian::collector {

using ledger::Result;

namespace {

constexpr int history_months = 12;

constexpr std::pair<std::string_view, std::string_view> media_types[] = {
    {"xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"},
    {"pdf", "application/pdf"},
    {"html", "text/html; charset=utf-8"},
    {"json", "application/json"},
    {"csv", "text/csv; charset=utf-8"}};

PackSources::Evidence evidence_of(const MonthSources& sources, const Scope& scope) {
  PackSources::Evidence evidence;
  const ledger::Time now = sources.clock->wall();
  for (const StreamInfo& stream : sources.log->streams()) {
    if (!scope.allows(stream.state.unit)) continue;
    ++evidence.streams;
    evidence.records += stream.state.next_record;
    evidence.hollow += stream.state.hollow;
    evidence.forks += stream.state.forks;
    if (now - stream.state.last_received >= silent_after) ++evidence.silent;
  }
  const auto checkpoint =
      ledger::open_checkpoint(sources.log->checkpoint(), sources.log->verifier());
  if (checkpoint) {
    evidence.leaves = checkpoint->tree.size;
    evidence.checkpoint_root = ledger::to_hex(ledger::as_view(checkpoint->tree.root)).substr(0, 16);
  }
  return evidence;
}

// Those of some hosts, of outcomes by host.
std::vector<StoredOutcome> outcomes_of_hosts(const std::vector<StoredOutcome>& all,
                                             const std::vector<Host>& hosts) {
  std::vector<StoredOutcome> found;
  for (const Host& host : hosts) {  // by id
    const auto own = std::ranges::equal_range(all, host.id, {}, &StoredOutcome::host);
    found.insert(found.end(), own.begin(), own.end());
  }
  return found;
}

std::vector<Finding> findings_within(const std::vector<Finding>& all, const Scope& scope) {
  std::vector<Finding> found;
  for (const Finding& finding : all) {
    if (scope.allows(finding.unit)) found.push_back(finding);
  }
  return found;
}

// The scope that the request asks for, never more than the credential's.
Outcome<Scope> narrowed(const ApiContext& context, const Scope& scope,
                        const Parameters& parameters) {
  const auto unit = parameters.optional_text("unit");
  const auto county = parameters.optional_text("county");
  if (!unit && !county) return scope;
  if (unit && county) return bad_request("Give 'unit' or 'county', not both.");
  const auto units = context.catalog->units(scope);
  if (!units) return storage_problem(units.error());
  std::set<std::string, std::less<>> wanted;
  for (const Unit& one : *units) {
    if (unit ? one.id == *unit : one.county == *county) wanted.insert(one.id);
  }
  if (wanted.empty()) return not_found();
  return Scope::units(std::move(wanted));
}

Result<std::string> workbook_bytes(ledger::FileSystem& files, const std::string& scratch,
                                   const Document& document, Language language) {
  if (auto made = files.make_directory(scratch, 0700); !made) return ledger::failure(made);
  const std::string path =
      ledger::join_path(scratch, fmt::format("{}-{}.xlsx", document.key, fmt::ptr(&document)));
  if (auto written = document_xlsx(files, path, document, language); !written) {
    return ledger::failure(written);
  }
  auto bytes = files.read_file(path);
  if (auto removed = files.remove(path); !removed) return ledger::failure(removed);
  return bytes;
}

}  // namespace

std::string_view media_type(std::string_view format) {
  for (const auto& [name, type] : media_types) {
    if (name == format) return type;
  }
  return {};
}

bool is_report(std::string_view name) {
  return std::find(std::begin(report_names), std::end(report_names), name) !=
         std::end(report_names);
}

Result<MonthPackFiles> MonthPackFiles::read(const MonthSources& sources, const Scope& scope,
                                            rules::Month month) {
  auto table = month_table(sources, scope, month);
  if (!table) return ledger::failure(table);
  return of_known(sources, scope, std::move(*table), {});
}

Result<MonthPackFiles> MonthPackFiles::of_table(const MonthSources& sources, const Scope& scope,
                                                UtilizationTable table,
                                                const std::vector<Finding>& findings) {
  return of_known(sources, scope, std::move(table), {.findings = &findings});
}

Result<PackSources> MonthPackFiles::sources_of(const MonthSources& sources, const Scope& scope,
                                               rules::Month month, const Known& known) {
  PackSources pack{.narrow = !scope.is_all()};
  for (const KindDef& kind : registry_kinds()) {
    auto entries = sources.catalog->entries(scope, kind.key);
    if (!entries) return ledger::failure(entries);
    pack.entries.emplace(kind.key, std::move(*entries));
  }
  auto findings = known.findings != nullptr
                      ? Result<std::vector<Finding>>(findings_within(*known.findings, scope))
                      : sources.catalog->findings(scope, {});
  if (!findings) return ledger::failure(findings);
  pack.findings = std::move(*findings);
  auto hosts = sources.catalog->hosts(scope);
  if (!hosts) return ledger::failure(hosts);
  std::vector<StoredOutcome> read;
  const std::vector<StoredOutcome>* outcomes = known.outcomes;
  if (outcomes == nullptr) {
    auto kept =
        sources.catalog->outcomes(rules::format_month(month - std::chrono::months(history_months)),
                                  rules::format_month(month));
    if (!kept) return ledger::failure(kept);
    read = std::move(*kept);
    outcomes = &read;
  }
  pack.outcomes = outcomes_of_hosts(*outcomes, *hosts);
  pack.evidence = evidence_of(sources, scope);
  return pack;
}

Result<MonthPackFiles> MonthPackFiles::of_known(const MonthSources& sources, const Scope& scope,
                                                UtilizationTable table, const Known& known) {
  MonthPackFiles pack;
  pack.table_ = std::move(table);
  auto read = sources_of(sources, scope, pack.table_.month, known);
  if (!read) return ledger::failure(read);
  pack.sources_ = std::move(*read);
  auto units = sources.catalog->units(scope);
  if (!units) return ledger::failure(units);
  pack.scope_ = scope_words(scope, *units);
  return pack;
}

Result<MonthPackFiles> MonthPackFiles::narrowed(const MonthSources& sources,
                                                const Scope& scope) const {
  std::set<std::string, std::less<>> moved;
  for (const StreamInfo& stream : sources.log->streams()) {
    if (!scope.allows(stream.state.unit)) moved.insert(stream.state.host);
  }
  const bool any_moved = std::any_of(table_.rows.begin(), table_.rows.end(), [&](const auto& row) {
    return scope.allows(row.host.unit) && moved.contains(row.host.id);
  });
  Known known;
  if (!sources_.narrow) known = {.outcomes = &sources_.outcomes, .findings = &sources_.findings};
  if (any_moved) {
    auto table = month_table(sources, scope, table_.month);
    if (!table) return ledger::failure(table);
    return of_known(sources, scope, std::move(*table), known);
  }
  auto table =
      rules::narrowed(table_, [&](const HostFacts& host) { return scope.allows(host.unit); });
  return of_known(sources, scope, std::move(table), known);
}

Document MonthPackFiles::document(std::string_view report) const {
  if (report == "advice") return advice_document(table_, sources_, scope_);
  if (report == "operations") return operations_document(table_, sources_, scope_);
  if (report == "security") return security_document(table_, sources_, scope_);
  return utilization_document(table_, sources_, scope_);
}

bool MonthPackFiles::has_languages(const Form& form) {
  return form.format != "json" && !(form.report == "utilization" && form.format == "xlsx");
}

Result<Pdf> MonthPackFiles::made(const Form& form, ledger::FileSystem& files,
                                 const std::string& scratch) const {
  if (!is_report(form.report) || media_type(form.format).empty()) {
    return ledger::fail(ledger::ErrorKind::reject,
                        fmt::format("there is no report {}.{}", form.report, form.format));
  }
  if (form.format == "pdf") return document_pdf(document(form.report), form.language);
  auto other = bytes(form, files, scratch);
  if (!other) return ledger::failure(other);
  return Pdf{.bytes = std::move(*other)};
}

Result<std::string> MonthPackFiles::bytes(const Form& form, ledger::FileSystem& files,
                                          const std::string& scratch) const {
  if (form.report == "utilization" && form.format == "json") return utilization_json(table_);
  if (form.report == "utilization" && form.format == "xlsx") {
    return utilization_workbook(files, scratch, table_, charts_of(document(form.report)));
  }
  const Document content = document(form.report);
  if (form.format == "json") return document_json(content);
  if (form.format == "csv") return document_csv(content, form.language);
  if (form.format == "html") return document_html(content, form.language);
  return workbook_bytes(files, scratch, content, form.language);
}

namespace {

// Where the kept pack has the files of a scope: "" for the whole city, "county/东区/", "unit/tax/";
// absent: of other scopes none are kept.
std::optional<std::string> place_of(const Catalog& catalog, const Scope& scope) {
  if (scope.is_all()) return "";
  const auto all = catalog.units(Scope::all());
  if (!all) return std::nullopt;
  std::vector<const Unit*> seen;
  for (const Unit& unit : *all) {
    if (scope.allows(unit.id)) seen.push_back(&unit);
  }
  if (seen.size() == 1) return "unit/" + seen.front()->id + "/";
  if (seen.empty() || seen.front()->county.empty()) return std::nullopt;
  const std::string& county = seen.front()->county;
  const auto of_county = std::count_if(all->begin(), all->end(),
                                       [&](const Unit& unit) { return unit.county == county; });
  const bool whole = std::cmp_equal(of_county, seen.size()) &&
                     std::all_of(seen.begin(), seen.end(),
                                 [&](const Unit* unit) { return unit->county == county; });
  return whole ? std::optional("county/" + county + "/") : std::nullopt;
}

// The file as it was signed, when the month's pack is kept and holds it.
struct KeptName {
  std::string language;  // "en/" or ""
  std::string file;
};
Result<std::optional<std::string>> kept_file(const ApiContext& context, const Scope& scope,
                                             rules::Month month, const KeptName& name) {
  const auto place = context.packs == nullptr ? std::nullopt : place_of(*context.catalog, scope);
  if (!place) return std::optional<std::string>();
  auto pack = context.packs->newest(month);
  if (!pack) return ledger::failure(pack);
  if (!*pack) return std::optional<std::string>();
  auto bytes = context.packs->file(**pack, name.language + *place + name.file,
                                   *context.log->suite().hasher());
  if (bytes) return std::optional(std::move(*bytes));
  if (bytes.error().kind == ledger::ErrorKind::reject) return std::optional<std::string>();
  return ledger::failure(bytes);
}

struct ReportName {
  std::string report, format;
};

Response report_response(const ReportName& name, const std::string& month, std::string bytes) {
  Response response;
  response.content_type = media_type(name.format);
  if (name.format != "json" && name.format != "html") {
    response.headers.emplace_back(
        "Content-Disposition",
        fmt::format("attachment; filename=\"{}-{}.{}\"", name.report, month, name.format));
  }
  response.body = std::move(bytes);
  return response;
}

// Made anew from the records as they are now.
Outcome<std::string> made_file(const ApiContext& context, const Scope& scope, rules::Month month,
                               const MonthPackFiles::Form& form) {
  auto pack = MonthPackFiles::read({.catalog = context.catalog,
                                    .log = context.log,
                                    .records = context.records,
                                    .clock = context.clock,
                                    .folds = context.folds,
                                    .cancelled = context.stopping},
                                   scope, month);
  if (!pack && pack.error().kind == ledger::ErrorKind::reject) {
    return bad_request(pack.error().message);
  }
  if (!pack) return storage_problem(pack.error());
  auto made = pack->made(form, *context.files, context.scratch);
  if (!made && made.error().kind == ledger::ErrorKind::reject) {
    return refuse(503, "no-font", "The report cannot be made in this form", made.error().message);
  }
  if (!made) return storage_problem(made.error());
  return std::move(made->bytes);
}

}  // namespace

Outcome<Response> get_report(const ApiContext& context, const Call& call) {
  auto parameters = Parameters::read(call.request, {"lang", "unit", "county"});
  if (!parameters) return handed_on(parameters);
  auto language = parameters->choice("lang", {"zh", "en"});
  if (!language) return handed_on(language);
  const auto month = rules::parse_month(call.parts[0]);
  const std::string& file = call.parts[1];
  const auto dot = file.find('.');
  if (!month || dot == std::string::npos) return not_found();
  const ReportName name{.report = file.substr(0, dot), .format = file.substr(dot + 1)};
  if (!is_report(name.report) || media_type(name.format).empty()) return not_found();
  auto scope = narrowed(context, call.credential.scope.for_figures(), *parameters);
  if (!scope) return handed_on(scope);
  const MonthPackFiles::Form form{.report = name.report,
                                  .format = name.format,
                                  .language = *language == "zh" ? Language::zh : Language::en};
  const bool english = form.language == Language::en && MonthPackFiles::has_languages(form);
  auto kept = kept_file(context, *scope, *month, {english ? "en/" : "", file});
  if (!kept) return storage_problem(kept.error());
  auto bytes =
      *kept ? Outcome<std::string>(std::move(**kept)) : made_file(context, *scope, *month, form);
  if (!bytes) return handed_on(bytes);
  Act act = look(context, call, "report");
  UnitCounts counts;
  for (const std::string& unit : scope->listed()) counts.add(unit, 0);
  counts.tell(act);
  act.text("sha256", ledger::to_hex(ledger::as_view(ledger::sha256(*bytes))));
  if (auto recorded = record_look(context, act); !recorded) return handed_on(recorded);
  return report_response(name, call.parts[0], std::move(*bytes));
}

}  // namespace yunjian::collector
