#include "rules/month/register_json.h"

#include <rapidjson/document.h>

#include <algorithm>
#include <map>
#include <string>

namespace yunjian::rules {

using ledger::ErrorKind;
using ledger::Result;

namespace {

constexpr int change_notice_days = 3;

// The choices of the register as people read them; what is not here reads alike in both languages.
constexpr std::pair<std::string_view, std::string_view> choice_names[] = {
    {"attack_blocked", "攻击阻断"},
    {"backup", "备份"},
    {"critical", "严重"},
    {"data_leak", "数据泄露"},
    {"database", "数据库"},
    {"day", "白班"},
    {"failed", "失败"},
    {"full", "全量"},
    {"good", "成功"},
    {"government", "政务外网区"},
    {"high", "高"},
    {"incremental", "增量"},
    {"internet", "互联网区"},
    {"intrusion", "入侵"},
    {"low", "低"},
    {"malware", "恶意程序"},
    {"medium", "中"},
    {"misuse", "违规使用"},
    {"network", "网络"},
    {"night", "夜班"},
    {"no", "否"},
    {"other", "其他"},
    {"restore_test", "恢复测试"},
    {"security", "安全"},
    {"storage", "存储"},
    {"yes", "是"}};

std::optional<Month> month_of(const std::string& value) {
  if (const auto date = parse_date(value)) return date->year() / date->month();
  if (const auto time = ledger::parse_time(value)) return china_month(*time);
  return std::nullopt;
}

// Found or issued by the end of the month, and not ended before it.
bool is_open_in(const RegistryEntry& entry, Month month, const char* from, const char* until) {
  const auto begun = month_of(entry.field(from));
  const std::string ended = entry.field(until);
  return begun && *begun <= month && (ended.empty() || month_of(ended) == month);
}

const rapidjson::Value* member(const rapidjson::Value& object, std::string_view name) {
  if (!object.IsObject()) return nullptr;
  for (const auto& found : object.GetObject()) {
    if (std::string_view(found.name.GetString(), found.name.GetStringLength()) == name)
      return &found.value;
  }
  return nullptr;
}

std::string text_of(const rapidjson::Value* value) {
  if (value == nullptr || !value->IsString()) return {};
  return {value->GetString(), value->GetStringLength()};
}

// Of a text itself, of words both languages; null is "".
std::string cell_of(const rapidjson::Value* value) {
  if (value == nullptr || !value->IsObject()) return text_of(value);
  return cell_of(Words{text_of(member(*value, "zh")), text_of(member(*value, "en"))});
}
// Choices are written as words, which were the key itself in English before.
bool says(const std::string& said, const std::string& sealed) {
  if (said == sealed) return true;
  const auto words = choice_words(sealed);
  return words && (said == cell_of(*words) || said == cell_of(Words{words->zh, sealed}));
}

class Comparison {
 public:
  Comparison(const RegisterScope& scope, const RegisterFold& registers)
      : scope_(scope), registers_(registers) {}

  // `table`: nothing when the report has none of this kind.
  bool take(std::string_view kind, const rapidjson::Value* table) {
    const auto* rows = table == nullptr ? nullptr : member(*table, "rows");
    if (rows == nullptr || !rows->IsArray()) return false;
    std::map<std::string, const rapidjson::Value*> told;
    for (const auto& row : rows->GetArray()) {
      if (!told.emplace(text_of(member(row, "id")), &row).second) return false;
    }
    for (const RegistryEntry& entry : registers_.entries(kind)) {
      const bool wanted = stands_in_report(entry, scope_.month);
      const bool own = scope_.own(entry);
      const auto found = told.find(entry.id);
      if (found != told.end() && wanted && (own || entry.unit.empty())) {
        compare(entry, *found->second);
        told.erase(found);
      } else if (wanted && own) {
        add(place_of(entry.kind, entry.id), "row", "", "there");
      }
    }
    for (const auto& [id, row] : told) add(place_of(kind, id), "row", "there", "");
    return true;
  }
  std::vector<CellDifference> differences() && { return std::move(differences_); }

 private:
  void compare(const RegistryEntry& entry, const rapidjson::Value& row) {
    for (const auto& [name, value] : entry.fields) {
      const std::string said = cell_of(member(row, name));
      if (!says(said, value)) add(place_of(entry.kind, entry.id), name, said, value);
    }
    for (const auto& cell : row.GetObject()) {
      const std::string name(cell.name.GetString(), cell.name.GetStringLength());
      const bool derived = name == "id" || name == "notice" || name == "hosts";
      const std::string said = cell_of(&cell.value);
      if (!derived && !entry.fields.contains(name) && !said.empty()) {
        add(place_of(entry.kind, entry.id), name, said, "");
      }
    }
    if (entry.kind != "change") return;
    const auto notice = calendar_ ? change_notice(entry, *calendar_) : std::nullopt;
    const std::string said = cell_of(member(row, "notice"));
    const std::string wanted = notice ? cell_of(*notice) : std::string();
    if (said != wanted) add(place_of(entry.kind, entry.id), "notice", said, wanted);
  }
  static std::string place_of(std::string_view kind, const std::string& id) {
    return std::string(kind) + " " + id;
  }
  void add(std::string place, std::string cell, std::string first, std::string second) {
    if (differences_.size() == cell_differences_max) return;
    differences_.push_back(
        {std::move(place), std::move(cell), std::move(first), std::move(second)});
  }

  const RegisterScope& scope_;
  const RegisterFold& registers_;
  const Result<Calendar> calendar_ = cn_calendar();
  std::vector<CellDifference> differences_;
};

std::map<std::string, const rapidjson::Value*, std::less<>> tables_of(
    const rapidjson::Document& document) {
  std::map<std::string, const rapidjson::Value*, std::less<>> tables;
  const auto* sections = document.HasParseError() ? nullptr : member(document, "sections");
  if (sections == nullptr || !sections->IsArray()) return tables;
  for (const auto& section : sections->GetArray()) {
    const auto* list = member(section, "tables");
    if (list == nullptr || !list->IsArray()) continue;
    for (const auto& table : list->GetArray())
      tables.emplace(text_of(member(table, "table")), &table);
  }
  return tables;
}

}  // namespace

std::string_view day_field(std::string_view kind) {
  if (kind == "duty" || kind == "backup") return "date";
  if (kind == "incident" || kind == "security_event") return "began";
  return kind == "change" ? "planned" : "";
}

// "mlps_level" as people write it: "MLPS level".
std::string english_name(std::string_view key) {
  static const std::map<std::string_view, std::string_view> written = {
      {"cve", "CVE"}, {"gb", "GB"}, {"mlps", "MLPS"}, {"vcpus", "vCPU"}};
  std::string name;
  while (!key.empty()) {
    const std::string_view word = key.substr(0, key.find('_'));
    key.remove_prefix(std::min(key.size(), word.size() + 1));
    const auto found = written.find(word);
    if (!name.empty()) name += ' ';
    name += found == written.end() ? word : found->second;
  }
  return name;
}

std::optional<Words> choice_words(std::string_view choice) {
  for (const auto& [key, zh] : choice_names) {
    if (key == choice) return Words{std::string(zh), english_name(choice)};
  }
  return std::nullopt;
}

bool stands_in_report(const RegistryEntry& entry, Month month) {
  const std::string_view day = day_field(entry.kind);
  if (!day.empty()) return month_of(entry.field(day)) == month;
  if (entry.kind == "drill") {
    const auto held = month_of(entry.field("date"));
    return held && held->year() == month.year() && *held <= month;
  }
  if (entry.kind == "vulnerability") return is_open_in(entry, month, "found", "fixed");
  if (entry.kind == "rectification") return is_open_in(entry, month, "issued", "done");
  return entry.kind == "system";
}

std::optional<Words> change_notice(const RegistryEntry& change, const Calendar& calendar) {
  const auto applied = parse_date(change.field("applied"));
  const auto planned = parse_date(change.field("planned"));
  if (!applied || !planned) return std::nullopt;
  const auto latest = calendar.add_working_days(*planned, -change_notice_days);
  if (!latest) {
    return Words{"工作日历未公布，无法判断", "the calendar is not published: not known"};
  }
  if (*applied <= *latest) return Words{"不少于 3 个工作日", "three working days or more"};
  return Words{"不足 3 个工作日（第二十三条）", "less than three working days (Art. 23)"};
}

Result<std::vector<CellDifference>> register_differences(std::string_view json,
                                                         const RegisterScope& scope,
                                                         const RegisterFold& registers) {
  rapidjson::Document document;
  document.Parse<rapidjson::kParseNumbersAsStringsFlag | rapidjson::kParseIterativeFlag>(
      json.data(), json.size());
  const auto tables = tables_of(document);
  Comparison comparison(scope, registers);
  for (const std::string_view kind : scope.kinds) {
    const auto table = tables.find(kind);
    if (!comparison.take(kind, table == tables.end() ? nullptr : table->second)) {
      return ledger::fail(ErrorKind::reject,
                          "it is not a report with a table \"" + std::string(kind) + "\"");
    }
  }
  return std::move(comparison).differences();
}

}  // namespace yunjian::rules
