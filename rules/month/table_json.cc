#include "rules/month/table_json.h"

#include <fmt/format.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <map>

namespace yunjian::rules {

namespace {

// RapidJSON's writer with the few shapes of this file; null stands for "not measured".
class Json {
 public:
  Json& open() { return writer_.StartObject(), *this; }
  Json& open(std::string_view key) { return name(key), open(); }
  Json& close() { return writer_.EndObject(), *this; }
  Json& open_list(std::string_view key) { return name(key), writer_.StartArray(), *this; }
  Json& close_list() { return writer_.EndArray(), *this; }

  Json& text(std::string_view key, std::string_view value) {
    name(key);
    writer_.String(value.data(), static_cast<rapidjson::SizeType>(value.size()));
    return *this;
  }
  Json& item(std::string_view value) {
    writer_.String(value.data(), static_cast<rapidjson::SizeType>(value.size()));
    return *this;
  }
  Json& boolean(std::string_view key, bool value) { return name(key), writer_.Bool(value), *this; }
  Json& integer(std::string_view key, std::optional<std::uint64_t> value) {
    name(key);
    if (value) {
      writer_.Uint64(*value);
    } else {
      writer_.Null();
    }
    return *this;
  }
  // Two decimals, always.
  Json& hundredths(std::string_view key, std::optional<Hundredths> value) {
    name(key);
    if (value) {
      const std::string digits = fmt::format("{}.{:02}", *value / 100, *value % 100);
      writer_.RawValue(digits.data(), digits.size(), rapidjson::kNumberType);
    } else {
      writer_.Null();
    }
    return *this;
  }
  Json& time(std::string_view key, std::optional<ledger::Time> value) {
    if (value) return text(key, ledger::format_time(*value));
    return name(key), writer_.Null(), *this;
  }
  Json& date(std::string_view key, std::optional<Date> value) {
    if (value) return text(key, format_date(*value));
    return name(key), writer_.Null(), *this;
  }
  Json& words(std::string_view key, const Words& words) {
    return open(key).text("zh", words.zh).text("en", words.en).close();
  }

  std::string str() const { return {buffer_.GetString(), buffer_.GetSize()}; }

 private:
  void name(std::string_view key) {
    writer_.Key(key.data(), static_cast<rapidjson::SizeType>(key.size()));
  }

  rapidjson::StringBuffer buffer_;
  rapidjson::Writer<rapidjson::StringBuffer> writer_{buffer_};
};

std::uint64_t seconds_of(std::chrono::seconds value) {
  return static_cast<std::uint64_t>(value.count());
}

void write_host(Json& json, const UtilizationRow& row) {
  const HostFacts& host = row.host;
  json.text("host", host.id).text("name", host.name);
  json.text("unit", host.unit).text("unit_name", host.unit_name);
  json.text("county", host.county).text("system", host.system);
  json.time("enrolled", host.enrolled).time("retired", host.retired);
  json.integer("inventory_vcpus", host.vcpus);
  json.integer("inventory_memory_bytes", host.memory_bytes);
}

void write_coverage(Json& json, const UtilizationRow& row) {
  json.integer("part", row.part).integer("parts", row.parts);
  json.time("from", row.from).time("to", row.to);
  json.text("state", row.vcpus ? "measured" : "no_data");
  json.integer("vcpus", row.vcpus).integer("memory_bytes", row.memory_bytes);
  json.integer("expected_s", seconds_of(row.expected));
  json.integer("measured_s", seconds_of(row.measured));
  json.hundredths("coverage_percent", coverage(row.measured, row.expected));
  json.integer("longest_gap_s", seconds_of(row.longest_gap));
  json.integer("days", row.days).integer("working_days", row.working_days);
}

void write_load(Json& json, const LoadFigures& load) {
  json.hundredths("mean_percent", load.mean).hundredths("p95_percent", load.p95);
  json.hundredths("p99_percent", load.p99).hundredths("peak_percent", load.peak);
  json.time("peak_at", load.peak_at);
}

void write_figures(Json& json, const UtilizationRow& row) {
  const auto& hour = row.busiest_hour;
  const auto& day = row.busiest_day;
  json.open("cpu");
  write_load(json, row.cpu);
  json.hundredths("busiest_hour_percent", hour ? std::optional(hour->cpu_mean) : std::nullopt);
  json.time("busiest_hour_from", hour ? std::optional(hour->from) : std::nullopt);
  json.hundredths("busiest_day_p95_percent", day ? std::optional(day->cpu_p95) : std::nullopt);
  json.date("busiest_day", day ? std::optional(day->day) : std::nullopt);
  json.close().open("memory");
  write_load(json, row.memory);
  json.close().open("disk");
  json.integer("bytes_per_s_p95", row.disk_bytes_p95);
  json.integer("operations_per_s_p95", row.disk_iops_p95);
  json.close().open("network");
  json.integer("in_bytes_per_s_p95", row.net_in_p95);
  json.integer("out_bytes_per_s_p95", row.net_out_p95);
  json.close();
}

void write_each(Json& json, const std::vector<Check>& checks) {
  for (const Check& check : checks) {
    json.open().text("figure", figure_key(check.condition.figure));
    json.hundredths("value", check.value);
    json.text("relation", relation_key(check.condition.relation));
    json.hundredths("limit", check.condition.limit).boolean("holds", check.holds).close();
  }
}

void write_checks(Json& json, std::string_view key, const std::vector<Check>& checks) {
  json.open_list(key);
  write_each(json, checks);
  json.close_list();
}

void write_alternatives(Json& json, std::string_view key, const std::vector<CheckList>& lists) {
  json.open_list(key);
  for (const CheckList& list : lists) {
    json.open().boolean("holds", list.holds);
    write_checks(json, "checks", list.checks);
    json.close();
  }
  json.close_list();
}

// Each figure that a rule asked for, once; the rules that were met; how the first of them was.
void write_asked(Json& json, const Judgement& judgement) {
  std::map<RuleFigure, std::optional<Hundredths>> figures;
  for (const RuleOutcome& rule : judgement.rules) {
    for (const CheckList& list : rule.alternatives) {
      for (const Check& check : list.checks) figures[check.condition.figure] = check.value;
    }
  }
  json.open("figures");
  for (const auto& [figure, value] : figures) json.hundredths(figure_key(figure), value);
  json.close().open_list("met");
  for (const RuleOutcome& rule : judgement.rules) {
    if (rule.holds) json.item(verdict_key(rule.verdict));
  }
  json.close_list();
  const RuleOutcome* decided = judgement.outcome(judgement.verdict);
  write_alternatives(json, "decided_by",
                     decided != nullptr ? decided->alternatives : std::vector<CheckList>{});
}

void write_judgement(Json& json, const Judgement& judgement) {
  json.open("judgement").text("verdict", verdict_key(judgement.verdict));
  json.text("rules", judgement.rule_version).text("agreement", judgement.agreement);
  json.words("explanation", judgement.explanation);
  write_checks(json, "gate", judgement.gate);
  write_asked(json, judgement);
  json.close();
}

void write_inputs(Json& json, const UtilizationRow& row) {
  json.open_list("inputs");
  for (const FoldInput& input : row.inputs) {
    json.open().text("stream", input.stream).integer("first", input.first);
    json.integer("last", input.last).integer("records", input.records).close();
  }
  json.close_list();
  json.integer("overlapping_records", row.overlapping);
  json.integer("unusable_records", row.unusable);
}

std::string row_json(const UtilizationRow& row) {
  Json json;
  json.open();
  write_host(json, row);
  write_coverage(json, row);
  write_figures(json, row);
  write_judgement(json, row.judgement);
  write_inputs(json, row);
  json.close();
  return json.str();
}

std::string head_json(const UtilizationTable& table) {
  std::map<Verdict, std::uint64_t> counts;
  for (const UtilizationRow& row : table.rows) ++counts[row.judgement.verdict];
  Json json;
  json.open().text("format", "yunjian/utilization-table/v1");
  json.words("title", {.zh = "云资源利用情况表", .en = "Cloud resource utilization"});
  json.text("month", format_month(table.month));
  json.time("from", month_begin(table.month)).time("to", month_end(table.month));
  json.time("as_of", table.as_of).boolean("provisional", table.provisional);
  json.open("rules").text("version", table.rules.version).words("name", table.rules.name);
  json.words("basis", table.rules.basis).close();
  json.text("calendar", table.calendar_version);
  json.integer("hosts", table.hosts).open("verdicts");
  for (const auto& [verdict, words] : table.rules.verdicts) {
    json.integer(verdict_key(verdict), counts[verdict]);
  }
  json.close().close();
  return json.str();
}

}  // namespace

std::string utilization_json(const UtilizationTable& table) {
  std::string json = head_json(table);
  json.back() = ',';  // the rows go into the head's object
  json += "\"rows\":[";
  for (std::size_t i = 0; i < table.rows.size(); ++i) {
    json += i == 0 ? "\n" : ",\n";
    json += row_json(table.rows[i]);
  }
  json += "\n]}\n";
  return json;
}

}  // namespace yunjian::rules
