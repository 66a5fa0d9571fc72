#include <fmt/format.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <algorithm>
#include <set>

#include "collector/catalog/csv.h"
#include "collector/catalog/registry.h"
#include "rules/data_file.h"

namespace yunjian::collector {

using ledger::ErrorKind;
using ledger::Result;

namespace {

std::string field_names(const KindDef& kind) {
  std::string names = "id";
  for (const FieldDef& field : kind.fields) names += fmt::format(",{}", field.name);
  return names;
}

bool has_field(const KindDef& kind, std::string_view name) {
  return name == "id" || std::any_of(kind.fields.begin(), kind.fields.end(),
                                     [&](const auto& field) { return field.name == name; });
}

Result<void> check_header(const KindDef& kind, const std::vector<CsvField>& header) {
  std::set<std::string> seen;
  for (const CsvField& name : header) {
    if (!has_field(kind, name.value)) {
      return csv_failure(name.line, name.column,
                         fmt::format("'{}' is no field of {}; its fields are {}", name.value,
                                     kind.key, field_names(kind)));
    }
    if (!seen.insert(name.value).second) {
      return csv_failure(name.line, name.column, fmt::format("'{}' stands twice", name.value));
    }
  }
  const auto need = [&](std::string_view name) -> Result<void> {
    if (seen.contains(std::string(name))) return {};
    return csv_failure(1, 1,
                       fmt::format("the first line must name {}; the fields of {} are {}", name,
                                   kind.key, field_names(kind)));
  };
  if (auto good = need("id"); !good) return good;
  for (const FieldDef& field : kind.fields) {
    if (!field.needed) continue;
    if (auto good = need(field.name); !good) return good;
  }
  return {};
}

// The entries read so far.
class Reader {
 public:
  explicit Reader(const UnitOf& unit_of) : unit_of_(unit_of) {}

  // Reject: "FIELD: what", or the id came before.
  Result<void> add(RegistryEntry entry) {
    if (auto good = check_entry(entry, unit_of_); !good) return good;
    if (!ids_.insert(entry.id).second) {
      return ledger::fail(ErrorKind::reject, fmt::format("id: '{}' stands twice", entry.id));
    }
    entries_.push_back(std::move(entry));
    return {};
  }
  std::vector<RegistryEntry> take() { return std::move(entries_); }

 private:
  const UnitOf& unit_of_;
  std::vector<RegistryEntry> entries_;
  std::set<std::string> ids_;
};

// "FIELD: what" → the place of that field in its row.
ledger::Failure fail_in_row(const std::vector<CsvField>& header, const std::vector<CsvField>& row,
                            const std::string& message) {
  const std::string name = message.substr(0, message.find(':'));
  for (std::size_t i = 0; i < header.size(); ++i) {
    if (header[i].value == name) return csv_failure(row[i].line, row[i].column, message);
  }
  return csv_failure(row.front().line, row.front().column, message);
}

using Writer = rapidjson::Writer<rapidjson::StringBuffer>;

void write_text(Writer& writer, std::string_view text) {
  writer.String(text.data(), static_cast<rapidjson::SizeType>(text.size()));
}

void write_fields(Writer& writer, const RegistryEntry& entry) {
  for (const auto& [name, value] : entry.fields) {
    writer.Key(name.data(), static_cast<rapidjson::SizeType>(name.size()));
    write_text(writer, value);
  }
}

// "FIELD: what" → the place of that value in the file.
ledger::Failure fail_in_object(const rules::DataNode& node, const std::string& message) {
  const std::string name = message.substr(0, message.find(':'));
  for (const auto& [key, value] : node.members) {
    if (key == name) return csv_failure(value.line, value.column, message);
  }
  return csv_failure(node.line, node.column, message);
}

Result<RegistryEntry> read_object(const KindDef& kind, const rules::DataNode& node) {
  if (node.kind != rules::DataNode::Kind::object) {
    return ledger::fail(ErrorKind::reject, "must be an object");
  }
  RegistryEntry entry{.kind = std::string(kind.key)};
  for (const auto& [name, value] : node.members) {
    std::string text = value.text;
    if (value.kind == rules::DataNode::Kind::boolean) text = text == "true" ? "yes" : "no";
    if (value.kind == rules::DataNode::Kind::list || value.kind == rules::DataNode::Kind::object) {
      return ledger::fail(ErrorKind::reject, fmt::format("{}: must be a text or a number", name));
    }
    if (name == "id") {
      entry.id = text;
    } else if (value.kind != rules::DataNode::Kind::null) {
      entry.fields[name] = text;
    }
  }
  return entry;
}

}  // namespace

Result<std::vector<RegistryEntry>> parse_entries_csv(const KindDef& kind, std::string_view bytes,
                                                     const UnitOf& unit_of) {
  auto rows = parse_csv(bytes);
  if (!rows) return ledger::failure(rows);
  if (rows->empty()) {
    return csv_failure(1, 1,
                       "the file is empty; the first line names the fields: " + field_names(kind));
  }
  const std::vector<CsvField>& header = rows->front();
  if (auto good = check_header(kind, header); !good) return ledger::failure(good);
  Reader reader(unit_of);
  for (std::size_t i = 1; i < rows->size(); ++i) {
    const std::vector<CsvField>& row = (*rows)[i];
    if (row.size() != header.size()) {
      return csv_failure(row.front().line, row.back().column,
                         fmt::format("{} values where {} belong", row.size(), header.size()));
    }
    RegistryEntry entry{.kind = std::string(kind.key)};
    for (std::size_t k = 0; k < row.size(); ++k) {
      const std::string value = csv_plain(row[k].value);
      if (header[k].value == "id") {
        entry.id = value;
      } else if (!value.empty()) {
        entry.fields[header[k].value] = value;
      }
    }
    if (auto added = reader.add(std::move(entry)); !added) {
      return fail_in_row(header, row, added.error().message);
    }
  }
  return reader.take();
}

Result<std::vector<RegistryEntry>> parse_entries_json(const KindDef& kind, std::string_view bytes,
                                                      const UnitOf& unit_of) {
  auto root = rules::parse_data_file(bytes, csv_bytes_max);
  if (!root) return ledger::failure(root);
  Reader reader(unit_of);
  const bool is_list = root->kind == rules::DataNode::Kind::list;
  for (const rules::DataNode& node : is_list ? std::span(root->items) : std::span(&*root, 1)) {
    auto entry = read_object(kind, node);
    auto added = entry ? reader.add(std::move(*entry)) : Result<void>(ledger::failure(entry));
    if (!added) return fail_in_object(node, added.error().message);
  }
  return reader.take();
}

std::string format_entries_csv(const KindDef& kind, std::span<const RegistryEntry> entries) {
  std::string out = field_names(kind) + "\n";
  for (const RegistryEntry& entry : entries) {
    out += csv_value(entry.id);
    for (const FieldDef& field : kind.fields) out += "," + csv_value(entry.field(field.name));
    out += "\n";
  }
  return out;
}

std::string format_entries_json(const KindDef&, std::span<const RegistryEntry> entries) {
  std::string out = "[";
  for (std::size_t i = 0; i < entries.size(); ++i) {
    rapidjson::StringBuffer buffer;
    Writer writer(buffer);
    writer.StartObject();
    writer.Key("id");
    write_text(writer, entries[i].id);
    write_fields(writer, entries[i]);
    writer.EndObject();
    out += i == 0 ? "\n" : ",\n";
    out.append(buffer.GetString(), buffer.GetSize());
  }
  return out + "\n]\n";
}

std::string entry_fields_json(const RegistryEntry& entry) {
  rapidjson::StringBuffer buffer;
  Writer writer(buffer);
  writer.StartObject();
  write_fields(writer, entry);
  writer.EndObject();
  return {buffer.GetString(), buffer.GetSize()};
}

}  // namespace yunjian::collector
