// The command `report build`.
#include <fmt/format.h>

#include <map>
#include <set>

#include "collector/admin.h"
#include "collector/month_packs.h"

namespace yunjian::collector {

using ledger::ErrorKind;
using ledger::Result;

// The pack of one scope in every form, under `prefix`.
Result<void> AdminCommands::add_pack(AdminAnswer& answer, const MonthPackFiles& pack,
                                     const std::string& prefix, Language language) {
  for (const std::string_view report : report_names) {
    for (const std::string_view format : {"xlsx", "pdf", "html", "json", "csv"}) {
      auto made = pack.made({.report = report, .format = format, .language = language},
                            *context_.files, context_.scratch);
      if (!made && made.error().kind == ErrorKind::reject) {
        answer.note +=
            fmt::format("{}.{} was not made: {}\n", report, format, made.error().message);
        continue;
      }
      if (!made) return ledger::failure(made);
      answer.files.emplace(fmt::format("{}{}.{}", prefix, report, format), std::move(made->bytes));
    }
  }
  return {};
}

// One pack for each county and each unit besides the authority's.
Result<void> AdminCommands::add_narrow_packs(AdminAnswer& answer, const MonthPackFiles& city,
                                             Language language) {
  auto units = context_.catalog->units(Scope::all());
  if (!units) return ledger::failure(units);
  std::map<std::string, std::set<std::string, std::less<>>> scopes;
  for (const Unit& unit : *units) {
    scopes["unit/" + unit.id + "/"].insert(unit.id);
    if (!unit.county.empty() && unit.county.find('/') == std::string::npos) {
      scopes["county/" + unit.county + "/"].insert(unit.id);
    }
  }
  for (const auto& [prefix, listed] : scopes) {
    auto pack = city.narrowed(context_.packs->sources(), Scope::units(listed));
    if (!pack) return ledger::failure(pack, prefix);
    if (auto added = add_pack(answer, *pack, prefix, language); !added) return added;
  }
  return {};
}

// Of a month that is not over: looked at, not kept and not signed.
Result<AdminAnswer> AdminCommands::preview_report(const AdminRequest& request, rules::Month month,
                                                  Language language) {
  if (request.field("out").empty()) {
    return ledger::fail(
        ErrorKind::reject,
        "give --out DIR: the collector keeps no report of a month that is not over");
  }
  auto pack = MonthPackFiles::read(context_.packs->sources(), Scope::all(), month);
  if (!pack) return ledger::failure(pack);
  const UtilizationTable& table = pack->table();
  Act built = act(request, "report");
  built.text("month", request.field("month")).number("results", table.rows.size());
  if (auto recorded = record(built); !recorded) return ledger::failure(recorded);
  AdminAnswer answer{.out = fmt::format("{}: {} hosts, {} rows, {}\n", request.field("month"),
                                        table.hosts, table.rows.size(),
                                        table.provisional ? "provisional" : "not signed")};
  if (auto added = add_pack(answer, *pack, "", language); !added) return ledger::failure(added);
  if (request.field("all").empty()) return answer;
  if (auto added = add_narrow_packs(answer, *pack, language); !added) {
    return ledger::failure(added);
  }
  return answer;
}

Result<AdminAnswer> AdminCommands::build_report(const AdminRequest& request) {
  auto month = rules::parse_month(request.field("month"));
  if (!month) return ledger::failure(month, "--month");
  const std::string lang = request.field("lang");
  if (!lang.empty() && lang != "zh" && lang != "en") {
    return ledger::fail(ErrorKind::reject, fmt::format("--lang '{}': zh or en", lang));
  }
  const bool is_over = context_.clock->wall() >= rules::month_end(*month);
  const bool english = lang == "en";
  if (!is_over) return preview_report(request, *month, english ? Language::en : Language::zh);
  const bool all = !request.field("all").empty();
  auto built = context_.packs->build(
      {.month = *month, .narrow = all, .english = english, .who = request.who});
  if (!built) return ledger::failure(built);
  const StoredPack& pack = built->pack;
  Act done = act(request, "report");
  done.text("month", request.field("month")).number("results", built->rows);
  done.number("revision", pack.manifest.revision);
  if (auto recorded = record(done); !recorded) return ledger::failure(recorded);
  AdminAnswer answer{
      .out = fmt::format("{}: {} hosts, {} rows, {} new findings\n"
                         "revision {}{}, leaf {}; {:.1f} s, counties and units {:.1f} s\n",
                         request.field("month"), built->hosts, built->rows, built->raised,
                         pack.manifest.revision, built->fresh ? "" : " as it was",
                         pack.leaf.value_or(0), built->city_s, built->narrow_s),
      .note = built->note};
  if (built->fresh) {
    for (const std::string& change : pack.manifest.changes) answer.out += "  " + change + "\n";
  }
  if (request.field("out").empty()) {
    answer.out += fmt::format("kept in {}; --out DIR copies it\n", pack.directory);
    return answer;
  }
  answer.copies["manifest"] = ledger::join_path(pack.directory, "manifest");
  std::set<std::string_view> translated;  // what has an English twin
  for (const auto& file : pack.manifest.files) {
    if (file.path.starts_with("en/")) translated.insert(std::string_view(file.path).substr(3));
  }
  for (const auto& file : pack.manifest.files) {
    const bool is_english = file.path.starts_with("en/");
    const std::string_view path = std::string_view(file.path).substr(is_english ? 3 : 0);
    const bool narrow = path.find('/') != path.npos;
    const bool wanted = english ? is_english || !translated.contains(path) : !is_english;
    if (wanted && (all || !narrow)) {
      answer.copies[file.path] = ledger::join_path(pack.directory, file.path);
    }
  }
  return answer;
}

}  // namespace yunjian::collector
