#include "collector/catalog/list_files.h"

#include <fmt/format.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <algorithm>

#include "rules/data_file.h"

namespace yunjian::collector {

using ledger::Result;
using rules::DataNode;

namespace {

using Names = std::span<const std::string_view>;

ledger::Failure fail_at(const DataNode& node, std::string_view what) {
  return ledger::fail(ledger::ErrorKind::reject,
                      fmt::format("line {}, column {}: {}", node.line, node.column, what));
}

// The values of one object in the order of `names`; what is not there stands where the object does.
Result<std::vector<CsvField>> row_of(const DataNode& node, Names names) {
  if (node.kind != DataNode::Kind::object) return fail_at(node, "must be an object");
  std::vector<CsvField> row(names.size(), {.value = {}, .line = node.line, .column = node.column});
  for (const auto& [key, value] : node.members) {
    const auto name = std::find(names.begin(), names.end(), key);
    if (name == names.end()) {
      return fail_at(value,
                     fmt::format("'{}' is none of the fields {}", key, fmt::join(names, ", ")));
    }
    using enum DataNode::Kind;
    if (value.kind != text && value.kind != number && value.kind != null) {
      return fail_at(value, fmt::format("{}: must be a text or a number", key));
    }
    if (value.text.size() > csv_field_bytes_max) {
      return fail_at(value, fmt::format("{}: longer than {} bytes", key, csv_field_bytes_max));
    }
    row[static_cast<std::size_t>(name - names.begin())] = {value.text, value.line, value.column};
  }
  return row;
}

Result<CsvRows> rows_of_json(std::string_view bytes, Names names) {
  auto root = rules::parse_data_file(bytes, csv_bytes_max);
  if (!root) return ledger::failure(root);
  const bool is_list = root->kind == DataNode::Kind::list;
  CsvRows rows;
  for (const DataNode& node : is_list ? std::span(root->items) : std::span(&*root, 1)) {
    auto row = row_of(node, names);
    if (!row) return ledger::failure(row);
    rows.push_back(std::move(*row));
  }
  return rows;
}

// Gibibytes with as few decimals as give the bytes back.
std::string gigabytes(std::uint64_t bytes) {
  constexpr std::uint64_t gib = std::uint64_t{1} << 30U;
  const std::uint64_t thousandths = ((bytes % gib) * 1000 + gib - 1) / gib;
  if (thousandths == 0) return std::to_string(bytes / gib);
  std::string text = fmt::format("{}.{:03}", bytes / gib, thousandths);
  text.erase(text.find_last_not_of('0') + 1);
  return text;
}

void write_object(std::string& out, const ListFields& fields) {
  rapidjson::StringBuffer buffer;
  rapidjson::Writer writer(buffer);
  writer.StartObject();
  for (const auto& [name, value] : fields) {
    const auto size = static_cast<rapidjson::SizeType>(value.size());
    if (value.empty()) continue;
    writer.Key(name.data(), static_cast<rapidjson::SizeType>(name.size()));
    if (name == "vcpus" || name == "memory_gb") {
      writer.RawValue(value.data(), size, rapidjson::kNumberType);
    } else {
      writer.String(value.data(), size);
    }
  }
  writer.EndObject();
  out.append(buffer.GetString(), buffer.GetSize());
}

template <typename T>
std::string format_list(std::span<const T> rows, Names names, ListForm form) {
  const bool csv = form == ListForm::csv;
  std::string out = csv ? fmt::format("{}\n", fmt::join(names, ",")) : "[";
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const ListFields fields = list_fields(rows[i]);
    if (!csv) {
      out += i == 0 ? "\n" : ",\n";
      write_object(out, fields);
      continue;
    }
    for (std::size_t k = 0; k < fields.size(); ++k) {
      out += (k == 0 ? "" : ",") + csv_value(fields[k].second);
    }
    out += '\n';
  }
  return csv ? out : out + "\n]\n";
}

}  // namespace

bool looks_like_json(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r\n");
  return first != std::string_view::npos && (text[first] == '[' || text[first] == '{');
}

Result<std::vector<Unit>> parse_units(std::string_view bytes) {
  if (!looks_like_json(bytes)) return parse_units_csv(bytes);
  auto rows = rows_of_json(bytes, unit_list_fields);
  if (!rows) return ledger::failure(rows);
  return units_of_rows(*rows);
}

Result<std::vector<Host>> parse_hosts(std::string_view bytes, const std::vector<Unit>& units) {
  if (!looks_like_json(bytes)) return parse_hosts_csv(bytes, units);
  auto rows = rows_of_json(bytes, host_list_fields);
  if (!rows) return ledger::failure(rows);
  return hosts_of_rows(*rows, units);
}

ListFields list_fields(const Unit& unit) {
  return {{"id", unit.id}, {"name", unit.name}, {"county", unit.county}};
}

ListFields list_fields(const Host& host) {
  return {{"id", host.id},
          {"unit", host.unit},
          {"system", host.system},
          {"name", host.name},
          {"vcpus", host.vcpus == 0 ? "" : std::to_string(host.vcpus)},
          {"memory_gb", host.memory_bytes == 0 ? "" : gigabytes(host.memory_bytes)},
          {"purpose", host.purpose},
          {"address", host.address}};
}

std::string format_units(std::span<const Unit> units, ListForm form) {
  return format_list(units, unit_list_fields, form);
}

std::string format_hosts(std::span<const Host> hosts, ListForm form) {
  return format_list(hosts, host_list_fields, form);
}

}  // namespace yunjian::collector
