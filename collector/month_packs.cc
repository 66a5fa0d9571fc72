#include "collector/month_packs.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <set>
#include <thread>

#include "collector/api/register_act.h"
#include "ledger/checkpoint.h"
#include "ledger/statement_leaves.h"
#include "rules/month/month_findings.h"
#include "rules/month/register_fold.h"
#include "rules/month/standing_list.h"
#include "rules/month/table_diff.h"

namespace yunjian::collector {

using ledger::ErrorKind;
using ledger::Result;

namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr std::string_view formats[] = {"xlsx", "pdf", "html", "json", "csv"};
constexpr std::size_t form_threads_max = 4;
const std::string english_prefix = "en/";
const std::string making_name = "making";
const std::string table_path = "utilization.json";
const std::string evidence_path = "evidence.list";
const std::string inputs_path = "inputs.list";
const std::string standings_path = "standings.list";
const std::string findings_path = "findings.list";
constexpr std::size_t outcomes_at_once = 512;  // acts that become durable together

double seconds_since(SteadyClock::time_point start) {
  return std::chrono::duration<double>(SteadyClock::now() - start).count();
}

// Everything that the inventory knows, as it is now.
Result<rules::Inventory> snapshot(const Catalog& catalog) {
  const rules::Inventory live = inventory_of(catalog);
  std::map<std::string, std::vector<RegistryEntry>, std::less<>> kinds;
  std::vector<std::string_view> keys = {"unit", "host"};
  for (const KindDef& kind : registry_kinds()) keys.push_back(kind.key);
  for (const std::string_view key : keys) {
    auto entries = live.entries(key);
    if (!entries) return ledger::failure(entries);
    kinds.emplace(key, std::move(*entries));
  }
  return rules::Inventory{
      .entries =
          [kinds = std::move(kinds)](std::string_view kind) -> Result<std::vector<RegistryEntry>> {
        const auto found = kinds.find(kind);
        return found == kinds.end() ? std::vector<RegistryEntry>() : found->second;
      },
      .outcomes = live.outcomes};
}

bool same_files(const ledger::ReportManifest& one, const ledger::ReportManifest& other) {
  return std::equal(one.files.begin(), one.files.end(), other.files.begin(), other.files.end(),
                    [](const auto& a, const auto& b) {
                      return a.path == b.path && a.bytes == b.bytes && a.hash == b.hash;
                    });
}

}  // namespace

// A revision while it is being made.
struct MonthPacks::Making {
  const Request& request;
  std::unique_ptr<ledger::Hasher> hasher;
  std::string directory;
  ledger::ReportManifest manifest;
  std::optional<StoredPack> before;
  bool english = false;
  std::string table;  // utilization.json
  EvidenceByScope evidence_before;
  EvidenceByScope evidence;
  Built built;
};

MonthSources MonthPacks::sources() const {
  return {.catalog = &parts_.catalog,
          .log = &parts_.log,
          .records = &parts_.records,
          .clock = &parts_.clock,
          .folds = &parts_.folds,
          .cancelled = &cancelled_};
}

Result<MonthPacks::Built> MonthPacks::build(const Request& request) {
  const std::lock_guard building(building_);
  if (parts_.clock.wall() < rules::month_end(request.month)) {
    return ledger::fail(ErrorKind::reject, fmt::format("the month {} is not over",
                                                       rules::format_month(request.month)));
  }
  const auto start = SteadyClock::now();
  if (auto sealed = seal_history(request.month); !sealed) return ledger::failure(sealed);
  auto from = basis();
  if (!from) return ledger::failure(from);
  auto table = month_table(sources(), from->inventory, Scope::all(), request.month);
  if (!table) return ledger::failure(table);
  auto raised = raise_findings(request, *table);
  if (!raised) return ledger::failure(raised);
  auto city =
      MonthPackFiles::of_table(sources(), Scope::all(), std::move(*table), raised->findings);
  if (!city) return ledger::failure(city);
  Making making{.request = request, .hasher = parts_.log.suite().hasher()};
  making.built.raised = raised->fresh;
  making.built.hosts = city->table().hosts;
  making.built.rows = city->table().rows.size();
  auto before = store_.newest(request.month);
  if (!before) return ledger::failure(before);
  making.before = std::move(*before);
  if (making.before) {
    auto text = store_.file(*making.before, evidence_path, *making.hasher);
    auto evidence = text ? parse_evidence(*text) : Result<EvidenceByScope>(ledger::failure(text));
    if (!evidence) return ledger::failure(evidence);
    making.evidence_before = std::move(*evidence);
  }
  making.english =
      request.english ||
      (making.before && std::ranges::any_of(making.before->manifest.files, [](const auto& file) {
         return file.path.starts_with(english_prefix);
       }));
  auto directory = store_.begin(request.month, making_name);
  if (!directory) return ledger::failure(directory);
  making.directory = std::move(*directory);
  if (auto added = add_pack(making, *city, "city"); !added) return ledger::failure(added);
  auto inputs = inputs_of(city->table());
  if (!inputs) return ledger::failure(inputs);
  if (auto added = add_file(making, inputs_path, *inputs); !added) return ledger::failure(added);
  auto standings = add_file(making, standings_path, rules::format_standings(city->table()));
  if (!standings) return ledger::failure(standings);
  auto listed = add_file(making, findings_path, raised->list);
  if (!listed) return ledger::failure(listed);
  making.built.city_s = seconds_since(start);
  const auto narrow_start = SteadyClock::now();
  if (auto added = add_scopes(making, *city); !added) return ledger::failure(added);
  making.built.narrow_s = seconds_since(narrow_start);
  return finish(making, *from);
}

// What was entered so far is sealed, so that a check finds it in front of the checkpoint.
Result<MonthPacks::Basis> MonthPacks::basis() {
  const std::lock_guard acting(parts_.acts);
  if (auto sealed = parts_.own.stop(); !sealed) return ledger::failure(sealed);
  auto checkpoint = ledger::open_checkpoint(parts_.log.checkpoint(), parts_.log.verifier());
  if (!checkpoint) return ledger::failure(checkpoint);
  auto inventory = snapshot(parts_.catalog);
  if (!inventory) return ledger::failure(inventory);
  auto text = rules::inventory_text(*inventory);
  if (!text) return ledger::failure(text);
  return Basis{.tree = checkpoint->tree,
               .inventory = std::move(*inventory),
               .inventory_hash = parts_.log.suite().hasher()->plain(*text)};
}

// The month is kept as it was judged, what it flags becomes a finding, and findings that were
// carried out get what they really saved: each a record of the own stream first, and all of it
// sealed, so that a check finds it in front of the report's leaf.
Result<MonthPacks::Raised> MonthPacks::raise_findings(const Request& request,
                                                      const UtilizationTable& table) {
  const std::lock_guard acting(parts_.acts);
  auto known = parts_.catalog.findings(Scope::all(), {});
  if (!known) return ledger::failure(known);
  const auto now = parts_.clock.wall();
  Raised raised;
  const auto fresh = rules::new_findings(table, *known, now);
  raised.fresh = fresh.size();
  for (const Finding& finding : fresh) {
    if (auto done = step(request, finding, rules::flag_act); !done) return ledger::failure(done);
  }
  for (Finding& finding : rules::measured_findings(table, *known)) {
    finding.changed = now;
    if (auto done = step(request, finding, rules::measure_act); !done) return ledger::failure(done);
  }
  if (auto kept = keep_outcomes(table.month, rules::outcomes_of(table)); !kept) {
    return ledger::failure(kept);
  }
  if (auto sealed = parts_.own.stop(); !sealed) return ledger::failure(sealed);
  auto steps = parts_.catalog.finding_steps();
  if (!steps) return ledger::failure(steps);
  auto all = parts_.catalog.findings(Scope::all(), {});
  if (!all) return ledger::failure(all);
  raised.findings = std::move(*all);
  raised.list = rules::format_findings(*steps, raised.findings);
  return raised;
}

Result<void> MonthPacks::step(const Request& request, const Finding& finding,
                              std::string_view name) {
  auto before = parts_.catalog.finding_events(finding.id);
  if (!before) return ledger::failure(before);
  const FindingEvent event{.number = before->size(),
                           .time = finding.changed,
                           .act = std::string(name),
                           .who = "collector",
                           .state = finding.state};
  Act act(finding.changed, "finding");
  act.text("who", request.who);
  auto recorded = parts_.own.record(finding_act(std::move(act), finding, event));
  return recorded ? parts_.catalog.put_finding(finding, event) : recorded;
}

// What is new or was judged otherwise before. Of a month that an older program kept without acts:
// everything.
Result<void> MonthPacks::keep_outcomes(rules::Month month,
                                       const std::vector<StoredOutcome>& outcomes) {
  const std::string name = rules::format_month(month);
  auto sealed = parts_.catalog.sealed_outcome_months();
  if (!sealed) return ledger::failure(sealed);
  std::map<std::string, StoredOutcome, std::less<>> before;
  if (sealed->contains(name)) {
    auto kept = parts_.catalog.outcomes(name, rules::format_month(month + std::chrono::months(1)));
    if (!kept) return ledger::failure(kept);
    for (StoredOutcome& outcome : *kept) before[outcome.host] = std::move(outcome);
  }
  std::vector<StoredOutcome> fresh;
  for (const StoredOutcome& outcome : outcomes) {
    const auto found = before.find(outcome.host);
    if (found == before.end() || !rules::same_outcome(found->second, outcome)) {
      fresh.push_back(outcome);
    }
  }
  if (auto recorded = record_outcomes(fresh); !recorded) return recorded;
  if (auto kept = parts_.catalog.put_outcomes(fresh); !kept) return kept;
  return parts_.catalog.set_outcomes_sealed(name);
}

Result<void> MonthPacks::record_outcomes(const std::vector<StoredOutcome>& outcomes) {
  const auto now = parts_.clock.wall();
  std::vector<std::string> lines;
  for (const StoredOutcome& outcome : outcomes) {
    lines.push_back(outcome_act(Act(now, "outcome"), outcome));
    if (lines.size() < outcomes_at_once && &outcome != &outcomes.back()) continue;
    if (auto recorded = parts_.own.record_all(std::move(lines)); !recorded) return recorded;
    lines.clear();
  }
  return {};
}

// Months that an older program judged and kept without acts get them now, before a pack is made
// that rests on them.
Result<void> MonthPacks::seal_history(rules::Month month) {
  const std::lock_guard acting(parts_.acts);
  auto sealed = parts_.catalog.sealed_outcome_months();
  if (!sealed) return ledger::failure(sealed);
  auto kept = parts_.catalog.outcomes(rules::format_month(month - std::chrono::months(12)),
                                      rules::format_month(month));
  if (!kept) return ledger::failure(kept);
  std::map<std::string, std::vector<StoredOutcome>> missing;
  for (StoredOutcome& outcome : *kept) {
    if (!sealed->contains(outcome.month)) missing[outcome.month].push_back(std::move(outcome));
  }
  for (const auto& [name, outcomes] : missing) {
    if (auto recorded = record_outcomes(outcomes); !recorded) return recorded;
    if (auto set = parts_.catalog.set_outcomes_sealed(name); !set) return set;
  }
  return {};
}

Result<void> MonthPacks::add_file(Making& making, const std::string& path, std::string_view bytes) {
  if (!ledger::is_pack_path(path)) {
    return ledger::fail(ErrorKind::reject, fmt::format("'{}' cannot be a file of a pack", path));
  }
  making.manifest.files.push_back(
      {.path = path, .bytes = bytes.size(), .hash = making.hasher->plain(bytes)});
  return store_.put(making.directory, path, bytes);
}

// Every report in every form; in English those that are not the same in both languages.
std::vector<MonthPacks::PackForm> MonthPacks::forms_of_pack(bool english) const {
  std::vector<PackForm> forms;
  for (const std::string_view report : report_names) {
    for (const std::string_view format : formats) {
      forms.push_back({.path = fmt::format("{}.{}", report, format),
                       .form = {.report = report, .format = format}});
    }
  }
  const std::size_t chinese = forms.size();
  for (std::size_t i = 0; english && i < chinese; ++i) {
    PackForm form = forms[i];
    form.form.language = Language::en;
    if (MonthPackFiles::has_languages(form.form)) forms.push_back(std::move(form));
  }
  return forms;
}

// Some beside each other, for most of the time goes into setting text. What is cancelled stays as
// it was.
std::vector<Result<Pdf>> MonthPacks::made(const MonthPackFiles& pack,
                                          const std::vector<PackForm>& forms) const {
  const auto cancelled =
      ledger::fail(ErrorKind::retry, "the collector is stopping; build the pack again");
  std::vector<Result<Pdf>> made(forms.size(), cancelled);
  std::atomic<std::size_t> next{0};
  const auto work = [&] {
    for (std::size_t i = next++; i < made.size() && !cancelled_; i = next++) {
      made[i] = pack.made(forms[i].form, parts_.files, parts_.scratch);
    }
  };
  std::vector<std::thread> beside;
  const std::size_t threads =
      std::clamp<std::size_t>(std::thread::hardware_concurrency(), 1, form_threads_max);
  for (std::size_t i = 1; i < threads; ++i) beside.emplace_back(work);
  work();
  for (std::thread& thread : beside) thread.join();
  return made;
}

Result<void> MonthPacks::add_pack(Making& making, MonthPackFiles& pack, const std::string& scope) {
  const auto known = making.evidence_before.find(scope);
  if (known != making.evidence_before.end()) pack.set_evidence(known->second);
  making.evidence[scope] = pack.evidence();
  const std::string prefix = scope == "city" ? "" : scope + "/";
  const auto all = forms_of_pack(making.english);
  auto forms = this->made(pack, all);
  for (std::size_t i = 0; i < forms.size(); ++i) {
    const bool english = all[i].form.language == Language::en;
    const std::string path = (english ? english_prefix : "") + prefix + all[i].path;
    auto& made = forms[i];
    if (!made && made.error().kind == ErrorKind::reject) {
      if (prefix.empty()) {
        making.built.note += fmt::format("{} was not made: {}\n", path, made.error().message);
      }
      continue;
    }
    if (!made) return ledger::failure(made);
    if (made->unknown_letters > 0 && prefix.empty()) {
      making.built.note +=
          fmt::format("{}: {} letters are in no font of this machine and are drawn as boxes\n",
                      path, made->unknown_letters);
    }
    if (auto added = add_file(making, path, made->bytes); !added) return added;
    if (path == table_path) making.table = std::move(made->bytes);
  }
  return {};
}

// A pack for each county and each unit besides the authority's.
Result<void> MonthPacks::add_scopes(Making& making, const MonthPackFiles& city) {
  const auto is_narrow = [](const auto& file) {
    return file.path.starts_with("county/") || file.path.starts_with("unit/");
  };
  const bool had = making.before && std::ranges::any_of(making.before->manifest.files, is_narrow);
  if (!making.request.narrow && !had) return {};
  auto units = parts_.catalog.units(Scope::all());
  if (!units) return ledger::failure(units);
  std::map<std::string, std::set<std::string, std::less<>>> scopes;
  for (const Unit& unit : *units) {
    scopes["unit/" + unit.id].insert(unit.id);
    const std::string county = "county/" + unit.county;
    if (ledger::is_pack_path(county) && unit.county.find('/') == std::string::npos) {
      scopes[county].insert(unit.id);
    }
  }
  for (const auto& [name, listed] : scopes) {
    auto pack = city.narrowed(sources(), Scope::units(listed));
    if (!pack) return ledger::failure(pack, name);
    if (auto added = add_pack(making, *pack, name); !added) return added;
  }
  return {};
}

// Which records of which batches went into the figures.
Result<std::string> MonthPacks::inputs_of(const UtilizationTable& table) const {
  std::map<std::string, ledger::PackInput> streams;
  for (const UtilizationRow& row : table.rows) {
    for (const rules::FoldInput& input : row.inputs) {
      auto [at, fresh] = streams.try_emplace(input.stream);
      ledger::PackInput& sum = at->second;
      sum.stream = input.stream;
      sum.first_record = fresh ? input.first : std::min(sum.first_record, input.first);
      sum.last_record = std::max(sum.last_record, input.last);
      sum.records += input.records;
    }
  }
  std::vector<ledger::PackInput> inputs;
  for (auto& [id, input] : streams) {
    for (auto [record, batch] : {std::pair(input.first_record, &input.first_batch),
                                 std::pair(input.last_record, &input.last_batch)}) {
      auto row = parts_.log.row_of_record(id, record);
      if (!row) return ledger::failure(row);
      if (*row) *batch = (*row)->number;
    }
    inputs.push_back(input);
  }
  return ledger::format_inputs(inputs);
}

// What differs from the revision before: cells of the table first, then files.
Result<void> MonthPacks::fill_changes(Making& making) const {
  std::vector<std::string>& changes = making.manifest.changes;
  std::map<std::string_view, const ledger::ReportManifest::File*> before;
  for (const auto& file : making.before->manifest.files) before[file.path] = &file;
  if (before.contains(table_path)) {
    auto old = store_.file(*making.before, table_path, *making.hasher);
    if (!old) return ledger::failure(old);
    auto cells = rules::table_differences(*old, making.table);
    if (!cells) return ledger::failure(cells);
    for (const auto& cell : *cells) changes.push_back(rules::describe(cell));
  }
  for (const auto& file : making.manifest.files) {
    const auto old = before.find(file.path);
    if (old == before.end()) {
      changes.push_back("new: " + file.path);
    } else {
      if (old->second->hash != file.hash) changes.push_back("changed: " + file.path);
      before.erase(old);
    }
  }
  for (const auto& [path, file] : before) changes.push_back("gone: " + std::string(path));
  if (changes.size() > ledger::manifest_changes_max) {
    const std::size_t more = changes.size() - ledger::manifest_changes_max + 1;
    changes.resize(ledger::manifest_changes_max - 1);
    changes.push_back(fmt::format("and {} more", more));
  }
  return {};
}

Result<MonthPacks::Built> MonthPacks::finish(Making& making, const Basis& basis) {
  auto added = add_file(making, evidence_path, format_evidence(making.evidence));
  if (!added) return ledger::failure(added);
  ledger::ReportManifest& manifest = making.manifest;
  std::sort(manifest.files.begin(), manifest.files.end(),
            [](const auto& a, const auto& b) { return a.path < b.path; });
  Built& built = making.built;
  if (making.before && same_files(manifest, making.before->manifest)) {
    if (auto dropped = store_.drop(making.directory); !dropped) return ledger::failure(dropped);
    built.pack = std::move(*making.before);
  } else {
    if (making.before) {
      if (auto filled = fill_changes(making); !filled) return ledger::failure(filled);
      manifest.revision = making.before->manifest.revision + 1;
      manifest.previous = making.hasher->plain(making.before->note);
    }
    auto calendar = rules::cn_calendar();
    if (!calendar) return ledger::failure(calendar);
    auto rule_set = rules::default_rule_set();
    if (!rule_set) return ledger::failure(rule_set);
    manifest.origin = parts_.log.verifier().name();
    manifest.month = rules::format_month(making.request.month);
    manifest.as_of = rules::month_end(making.request.month);
    manifest.rules = rule_set->version;
    manifest.rules_hash = making.hasher->plain(rules::default_rules_json());
    manifest.calendar = calendar->version();
    manifest.inventory = basis.inventory_hash;
    manifest.tree = basis.tree;
    const std::string text = ledger::format_report_manifest(manifest);
    auto signature = parts_.log.sign(text);
    if (!signature) return ledger::failure(signature);
    auto finished =
        store_.finish(making.directory, manifest, ledger::format_note(text, {*signature}));
    if (!finished) return ledger::failure(finished);
    built.pack = std::move(*finished);
    built.fresh = true;
  }
  // A crash may have kept a revision out of the log: then it goes there now.
  if (!built.pack.leaf) {
    if (auto sealed = seal(built.pack); !sealed) return ledger::failure(sealed);
  }
  return std::move(built);
}

Result<void> MonthPacks::seal(StoredPack& pack) {
  const std::string text =
      ledger::format_report({.month = pack.manifest.month,
                             .size = pack.manifest.tree.size,
                             .manifest = parts_.log.suite().hasher()->plain(pack.note),
                             .sealed = parts_.clock.wall()});
  auto signature = parts_.log.sign(text);
  if (!signature) return ledger::failure(signature);
  std::vector<Entry> entries;
  entries.emplace_back(LeafEntry{ledger::format_note(text, {*signature})});
  auto committed = parts_.log.commit(std::move(entries));
  if (!committed) return ledger::failure(committed);
  return store_.set_leaf(pack, committed->leaves.front());
}

}  // namespace yunjian::collector
