#include "auditor/report_check.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "auditor/finding_check.h"
#include "rules/month/advice_json.h"
#include "rules/month/register_json.h"
#include "rules/month/table_json.h"
#include "rules/month/terms.h"

namespace yunjian::auditor {

using ledger::ErrorKind;
using ledger::Result;

namespace {

const std::string table_name = "utilization.json";
const std::string csv_name = "utilization.csv";
const std::string inputs_name = "inputs.list";
const std::string standings_name = "standings.list";
const std::string findings_name = "findings.list";
constexpr std::string_view advice_name = "advice.json";
constexpr std::string_view english_prefix = "en/";

// The table of "county/东区" or "unit/tax". Absent: another scope, or one of its hosts belonged to
// another unit before and is shown to this one without its past.
std::optional<rules::UtilizationTable> narrow_of(const rules::UtilizationTable& table,
                                                 const MonthRefold& refold,
                                                 std::string_view scope) {
  const bool county = scope.starts_with("county/");
  if (!county && !scope.starts_with("unit/")) return std::nullopt;
  const std::string_view whose = scope.substr(scope.find('/') + 1);
  bool moved = false;
  auto narrow = rules::narrowed(table, [&](const rules::HostFacts& host) {
    const bool wanted = (county ? host.county : host.unit) == whose;
    moved = moved || (wanted && refold.had_other_units(host.id));
    return wanted;
  });
  return moved ? std::nullopt : std::optional(std::move(narrow));
}

}  // namespace

ReportCheck::ReportCheck(const ledger::Verifier& log, const ledger::TreeHead& tree, PackFile files,
                         unsigned threads)
    : log_(log),
      tree_(tree),
      files_(std::move(files)),
      threads_(threads),
      hasher_(log.suite().hasher()) {}

void ReportCheck::tampered(std::string place, std::string zh, std::string en) {
  result_.findings.add({FindingKind::tampered, std::move(place), std::move(zh), std::move(en)});
}

Result<ReportCheckResult> ReportCheck::run(Evidence& evidence, std::string_view month) {
  if (!read_manifest(month)) return std::move(result_);
  check_files();
  if (!read_rules()) return std::move(result_);
  auto inputs = read_inputs();
  if (!inputs) return std::move(result_);
  inputs_ = std::move(*inputs);
  read_standings();
  if (auto done = refold(evidence); !done) return ledger::failure(done);
  return std::move(result_);
}

bool ReportCheck::read_manifest(std::string_view month) {
  auto bytes = files_("manifest");
  if (!bytes) {
    result_.findings.add({FindingKind::missing, "manifest", "没有清单: " + bytes.error().message,
                          "there is no manifest: " + bytes.error().message});
    return false;
  }
  note_ = std::move(*bytes);
  auto note = ledger::open_note(note_, {log_});
  if (!note) {
    tampered("manifest", "清单没有日志密钥的有效签名", "it is not signed by the log's key");
    return false;
  }
  auto manifest = ledger::parse_report_manifest(note->text);
  if (!manifest) {
    tampered("manifest", "清单无法解读", manifest.error().message);
    return false;
  }
  result_.manifest = std::move(*manifest);
  const auto parsed = rules::parse_month(result_.manifest.month);
  if (result_.manifest.origin != log_.name() || !parsed ||
      (!month.empty() && month != result_.manifest.month)) {
    tampered("manifest",
             fmt::format("清单属于另一日志或月份: {} {}", result_.manifest.origin,
                         result_.manifest.month),
             fmt::format("it is for another log or month: {} {}", result_.manifest.origin,
                         result_.manifest.month));
    return false;
  }
  month_ = *parsed;
  if (result_.manifest.as_of != rules::month_end(month_)) {
    tampered("manifest", "数据截止不是月末", "the cut-off is not the month's end");
  }
  if (result_.manifest.tree.size <= tree_.size) return true;
  result_.findings.add({FindingKind::missing, "manifest", "清单所据检查点大于日志:日志被截短",
                        "it was made from a larger log than there is: the log was cut"});
  return false;
}

bool ReportCheck::read_rules() {
  auto rule_set = rules::default_rule_set();
  auto calendar = rules::cn_calendar();
  const ledger::ReportManifest& manifest = result_.manifest;
  const bool known = rule_set && calendar && manifest.rules == rule_set->version &&
                     manifest.rules_hash == hasher_->plain(rules::default_rules_json()) &&
                     manifest.calendar == calendar->version();
  if (!known) {
    result_.findings.add(
        {FindingKind::cannot_tell, "manifest",
         fmt::format("本程序没有规则 {} 或日历 {}:请用相应版本的程序核验", manifest.rules,
                     manifest.calendar),
         fmt::format("this program does not have rules {} or calendar {}: check with the version "
                     "that has them",
                     manifest.rules, manifest.calendar)});
    return false;
  }
  rules_ = std::move(*rule_set);
  calendar_ = std::move(*calendar);
  return true;
}

void ReportCheck::check_files() {
  for (const auto& file : result_.manifest.files) {
    auto bytes = files_(file.path);
    if (!bytes) {
      ++result_.absent;
      continue;
    }
    ++result_.files;
    if (bytes->size() == file.bytes && hasher_->plain(*bytes) == file.hash) {
      good_files_.insert(file.path);
      continue;
    }
    tampered(file.path, "文件与清单不符:内容被改动",
             "it is not what the manifest says: it was changed");
  }
}

std::optional<std::vector<ledger::PackInput>> ReportCheck::read_inputs() {
  auto bytes = files_(inputs_name);
  auto inputs = bytes ? ledger::parse_inputs(*bytes)
                      : Result<std::vector<ledger::PackInput>>(ledger::failure(bytes));
  if (inputs) return std::move(*inputs);
  result_.findings.add({FindingKind::missing, inputs_name,
                        "没有输入清单,无法重算: " + inputs.error().message,
                        "the figures cannot be computed without it: " + inputs.error().message});
  return std::nullopt;
}

// Packs made before there was such a list have none.
void ReportCheck::read_standings() {
  auto text = files_(standings_name);
  if (!text) {
    result_.findings.add({FindingKind::notice, standings_name, "没有判定名单:标记未重算",
                          "it is not there: flags were not computed again"});
    return;
  }
  standings_ = std::move(*text);
  auto history = rules::StandingHistory::parse(*standings_);
  if (history) {
    history_ = std::move(*history);
  } else {
    tampered(standings_name, "名单无法解读: " + history.error().message, history.error().message);
  }
}

Result<void> ReportCheck::refold(Evidence& evidence) {
  MonthRefold refold(log_, {.month = month_,
                            .tree = result_.manifest.tree,
                            .inputs = inputs_,
                            .manifest = hasher_->plain(note_),
                            .checkpoint = tree_,
                            .calendar = &*calendar_,
                            .threads = threads_});
  if (auto visited = evidence.visit(tree_.size, refold); !visited) return visited;
  refold.finish();
  if (refold.needs_second()) {
    refold.begin_second();
    if (auto visited = evidence.visit(tree_.size, refold); !visited) return visited;
    refold.finish();
  }
  result_.records = refold.records();
  check_leaf(refold);
  if (auto checked = check_inventory(refold); !checked) return checked;
  auto table = table_of(refold);
  if (!table) return ledger::failure(table);
  result_.hosts = table->hosts;
  check_inputs(refold);
  check_standings(*table);
  check_findings(*table, refold);
  check_tables(*table, refold);
  // And inputs.list.
  const std::uint64_t computed = result_.tables + result_.csv_tables + result_.advices +
                                 result_.registers + (standings_ ? 1U : 0U) +
                                 (findings_ ? 1U : 0U) + 1U;
  result_.hash_only = result_.files > computed ? result_.files - computed : 0;
  result_.findings.merge(refold.findings());
  return {};
}

// The hash of the manifest must stand in the log, so that nobody signs another one later.
void ReportCheck::check_leaf(const MonthRefold& refold) {
  const ledger::Hash hash = hasher_->plain(note_);
  std::uint64_t later = 0;
  for (const auto& leaf : refold.reports()) {
    if (leaf.report.manifest == hash && leaf.report.size == result_.manifest.tree.size) {
      if (!result_.leaf) result_.leaf = leaf.leaf;
      later = 0;
    } else if (result_.leaf) {
      ++later;
    }
  }
  if (!result_.leaf) {
    return tampered("manifest",
                    fmt::format("日志中没有此清单的月报叶子(本月共 {} 个):这不是当时封存的月报",
                                refold.reports().size()),
                    fmt::format("no report leaf of the log holds its hash ({} of the month are "
                                "there): this is not the report that was sealed",
                                refold.reports().size()));
  }
  if (later == 0) return;
  result_.findings.add({FindingKind::notice, "manifest",
                        fmt::format("本月其后还有 {} 次修订", later),
                        fmt::format("{} later revisions of this month are in the log", later)});
}

Result<void> ReportCheck::check_inventory(const MonthRefold& refold) {
  auto text = rules::inventory_text(refold.acts().registered().inventory());
  if (!text) return ledger::failure(text);
  if (hasher_->plain(*text) == result_.manifest.inventory) return {};
  tampered("manifest", "台账(单位、主机、规格、约定、豁免)与已封存的登记记录不符",
           "the inventory (units, hosts, sizes, agreements, exemptions) is not what the sealed "
           "records of its changes give");
  return {};
}

Result<rules::UtilizationTable> ReportCheck::table_of(MonthRefold& refold) {
  const rules::Inventory inventory = refold.acts().registered().inventory();
  auto hosts = rules::hosts_of_inventory(inventory, refold.enrolled());
  if (!hosts) return ledger::failure(hosts);
  auto terms = rules::MonthTerms::read(inventory, *rules_, month_);
  if (!terms) return ledger::failure(terms);
  for (rules::HostFacts& host : *hosts) {
    (*terms)->add_to(host);
    const auto powered_off = host.month.powered_off;
    host.month = refold.facts_of(host.id);
    host.month.powered_off = powered_off;
  }
  const rules::TableRequest request{.month = month_,
                                    .as_of = result_.manifest.as_of,
                                    .rules = &*rules_,
                                    .calendar = &*calendar_,
                                    .history = history_of(refold, **terms),
                                    .catalogue = (*terms)->catalogue()};
  auto table = rules::table_of_folds(
      request, *hosts, [&](const rules::HostFacts& host, const rules::FoldWindow& window) {
        return refold.fold_of(host.id, window);
      });
  if (table) {
    for (auto& row : table->rows) row.host.rules = nullptr;  // they end with this call
  }
  return table;
}

// The months before as the log's outcome acts tell them. Of a month without any, only the pack
// tells.
rules::HistorySource ReportCheck::history_of(const MonthRefold& refold,
                                             const rules::MonthTerms& terms) {
  const auto sealed = refold.acts().registered().judged_months();
  std::set<std::string> unproven;
  for (const rules::Month month : history_.months()) {
    if (!sealed.contains(rules::format_month(month))) unproven.insert(rules::format_month(month));
  }
  if (!unproven.empty()) {
    const std::string months = fmt::format("{}", fmt::join(unproven, ", "));
    result_.findings.add(
        {FindingKind::cannot_tell, standings_name,
         fmt::format("日志没有封存 {} 的判定:所依据的往月无法证明", months),
         fmt::format("the log holds no outcomes of {}: what the pack says of them is not proven",
                     months)});
  }
  return [sealed_source = terms.history(), told_source = history_.source(),
          unproven = std::move(unproven)](const std::string& host, const std::string& size) {
    std::vector<rules::MonthOutcome> months;
    for (rules::MonthOutcome& outcome : told_source(host, size)) {
      if (unproven.contains(rules::format_month(outcome.month))) months.push_back(outcome);
    }
    for (rules::MonthOutcome& outcome : sealed_source(host, size)) months.push_back(outcome);
    std::ranges::stable_sort(months, {}, &rules::MonthOutcome::month);
    return months;
  };
}

// What was raised from the month, and what the pack says of all findings.
void ReportCheck::check_findings(const rules::UtilizationTable& table, const MonthRefold& refold) {
  if (auto list = files_(findings_name)) findings_ = std::move(*list);
  if (!findings_) {
    result_.findings.add({FindingKind::cannot_tell, findings_name, "没有事项名单:事项未核对",
                          "it is not there: findings were not checked"});
    return;
  }
  FindingCheck check({.acts = refold.acts(), .table = table, .revision = result_.manifest.revision},
                     result_.findings);
  check.run(*findings_);
  if (check.listed()) check_advice(*check.listed(), refold);
  check_registers(table.month, refold);
}

namespace {

// Whose a file of a pack is: "advice.json" is the city's, "county/east/advice.json" a county's,
// "unit/tax/advice.json" a unit's.
class PackScope {
 public:
  PackScope(std::string_view path, const rules::RegisterFold& registers) {
    const auto slash = path.rfind('/');
    name_ = path.substr(slash == path.npos ? 0 : slash + 1);
    scope_ = slash == path.npos ? std::string_view() : path.substr(0, slash);
    whose_ = scope_.substr(std::min(scope_.find('/') + 1, scope_.size()));
    if (!scope_.starts_with("county/")) return;
    for (const auto& unit : registers.entries("unit")) {
      if (unit.field("county") == whose_) of_county_.insert(unit.id);
    }
  }
  std::string_view name() const { return name_; }
  bool has(const std::string& unit) const {
    if (scope_.starts_with("unit/")) return unit == whose_;
    return scope_.empty() || of_county_.contains(unit);
  }

 private:
  std::string_view name_;
  std::string_view scope_;
  std::string_view whose_;
  std::set<std::string, std::less<>> of_county_;
};

}  // namespace

// Each advice.json that was handed out, of the city, of counties and of units.
void ReportCheck::check_advice(const std::vector<rules::StoredFinding>& findings,
                               const MonthRefold& refold) {
  for (const auto& file : result_.manifest.files) {
    const PackScope scope(file.path, refold.acts().registered());
    if (scope.name() != advice_name) continue;
    const auto text = files_(file.path);
    if (!text) continue;
    std::vector<rules::StoredFinding> own;
    std::ranges::copy_if(findings, std::back_inserter(own),
                         [&](const auto& finding) { return scope.has(finding.unit); });
    ++result_.advices;
    tell(file.path, rules::advice_differences(*text, own));
  }
}

// What the reports tell of incidents, changes, drills and the like is what was entered and sealed.
void ReportCheck::check_registers(rules::Month month, const MonthRefold& refold) {
  const rules::RegisterFold& registers = refold.acts().registered();
  for (const auto& file : result_.manifest.files) {
    const PackScope scope(file.path, registers);
    std::span<const std::string_view> kinds;
    if (scope.name() == "operations.json") kinds = rules::operations_kinds;
    if (scope.name() == "security.json") kinds = rules::security_kinds;
    if (kinds.empty()) continue;
    const auto text = files_(file.path);
    if (!text) continue;
    ++result_.registers;
    tell(file.path,
         rules::register_differences(
             *text, {kinds, month, [&](const auto& entry) { return scope.has(entry.unit); }},
             registers));
  }
}

void ReportCheck::check_inputs(const MonthRefold& refold) {
  const auto folded = refold.inputs();
  if (ledger::format_inputs(folded) == ledger::format_inputs(inputs_)) return;
  std::map<std::string_view, const ledger::PackInput*> told;
  for (const auto& input : inputs_) told[input.stream] = &input;
  for (const auto& input : folded) {
    const auto found = told.find(input.stream);
    if (found != told.end() &&
        ledger::format_inputs({*found->second}) == ledger::format_inputs({input})) {
      told.erase(found);
      continue;
    }
    if (found != told.end()) told.erase(found);
    tampered(fmt::format("{} stream {}", inputs_name, input.stream),
             fmt::format("应为记录 {}..{} 共 {} 条", input.first_record, input.last_record,
                         input.records),
             fmt::format("the month's records of it are {}..{}, {} of them", input.first_record,
                         input.last_record, input.records));
  }
  for (const auto& [stream, input] : told) {
    tampered(fmt::format("{} stream {}", inputs_name, stream), "日志中没有这些记录",
             "the log has no such records");
  }
}

// What each host was judged, and whether it is flagged by that and the months before.
void ReportCheck::check_standings(const rules::UtilizationTable& table) {
  if (!standings_) return;
  const std::string wanted = rules::format_standings(table);
  result_.standings = table.hosts;
  for (const auto& each : rules::standing_differences(*standings_, wanted)) {
    tampered(
        fmt::format("{} {}", standings_name, each.host),
        fmt::format("判定与标记应为「{}」,月报为「{}」", each.wanted, each.told),
        fmt::format("outcome and flag must be '{}', the report says '{}'", each.wanted, each.told));
  }
}

// Every table that was handed out: the city's, those of counties and those of units, as JSON and as
// CSV.
void ReportCheck::check_tables(const rules::UtilizationTable& table, const MonthRefold& refold) {
  bool city = false;
  // The files of a scope stand one after another.
  std::pair<std::string, std::optional<rules::UtilizationTable>> narrow;
  for (const auto& file : result_.manifest.files) {
    std::string_view path = file.path;
    const bool english = path.starts_with(english_prefix);
    if (english) path.remove_prefix(english_prefix.size());
    const auto slash = path.rfind('/');
    const std::string_view name = slash == path.npos ? path : path.substr(slash + 1);
    if (name != table_name && name != csv_name) continue;
    const auto check = [&](const rules::UtilizationTable& wanted) {
      if (name == table_name) return check_table(file.path, wanted);
      check_hosts(file.path, wanted, english ? rules::CsvLanguage::en : rules::CsvLanguage::zh);
    };
    if (slash == path.npos) {
      city = city || (name == table_name && !english);
      check(table);
      continue;
    }
    const std::string scope(path.substr(0, slash));
    if (narrow.first != scope) narrow = {scope, narrow_of(table, refold, scope)};
    if (narrow.second) check(*narrow.second);
  }
  if (!city) {
    result_.findings.add({FindingKind::missing, table_name, "清单中没有利用情况表",
                          "the manifest has no utilization table"});
  }
}

void ReportCheck::check_table(const std::string& path, const rules::UtilizationTable& table) {
  auto told = files_(path);
  if (!told && path == table_name) {
    result_.findings.add({FindingKind::missing, path, "没有该文件: " + told.error().message,
                          "it is not there: " + told.error().message});
  }
  if (!told) return;
  ++result_.tables;
  tell(path, rules::table_differences(*told, rules::utilization_json(table)));
}

void ReportCheck::check_hosts(const std::string& path, const rules::UtilizationTable& table,
                              rules::CsvLanguage language) {
  auto told = files_(path);
  if (!told) return;
  ++result_.csv_tables;
  auto differences = rules::hosts_csv_differences(*told, table, language);
  if (!differences) {
    return tampered(path, "表格无法解读: " + differences.error().message,
                    "the table cannot be read: " + differences.error().message);
  }
  tell(path, *differences);
}

// The file's differences, or that it cannot be read.
void ReportCheck::tell(const std::string& path,
                       const ledger::Result<std::vector<rules::CellDifference>>& differences) {
  if (!differences) {
    return tampered(path, "报告无法解读: " + differences.error().message,
                    "the report cannot be read: " + differences.error().message);
  }
  for (const rules::CellDifference& difference : *differences) {
    const std::string cell = rules::describe(difference);
    tampered(path, "与封存记录重算结果不符(月报 -> 重算): " + cell,
             "it differs from what the sealed records give (report -> refolded): " + cell);
  }
}

}  // namespace yunjian::auditor
