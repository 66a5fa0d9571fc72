#include "rules/month/table_diff.h"

#include <fmt/format.h>

#include <map>

#include "rules/data_file.h"

namespace yunjian::rules {

using ledger::Result;

namespace {

// Every leaf of a JSON value by its path, in order.
using Cells = std::vector<std::pair<std::string, std::string>>;

void flatten(const DataNode& node, const std::string& path, Cells& cells) {
  const auto below = [&](const std::string& name) {
    return path.empty() ? name : path + "." + name;
  };
  switch (node.kind) {
    case DataNode::Kind::object:
      for (const auto& [name, member] : node.members) flatten(member, below(name), cells);
      return;
    case DataNode::Kind::list:
      for (std::size_t i = 0; i < node.items.size(); ++i) {
        flatten(node.items[i], fmt::format("{}[{}]", path, i), cells);
      }
      return;
    case DataNode::Kind::text:
      cells.emplace_back(path, "\"" + node.text + "\"");
      return;
    default:
      cells.emplace_back(path, node.text.empty() ? "null" : node.text);
  }
}

std::string text_of(const Cells& cells, std::string_view name) {
  for (const auto& [path, value] : cells) {
    if (path != name) continue;
    const bool quoted = value.size() >= 2 && value.front() == '"';
    return quoted ? value.substr(1, value.size() - 2) : value;
  }
  return {};
}

// The table's lines: the head, then a row each, by host and part. Rows are parsed only where they
// differ.
struct Table {
  std::string_view head;
  std::vector<std::string> order;
  std::map<std::string, std::string_view, std::less<>> rows;
};

Result<Cells> cells_of(std::string_view json) {
  auto parsed = parse_data_file(json);
  if (!parsed) return ledger::failure(parsed);
  Cells cells;
  flatten(*parsed, "", cells);
  return cells;
}

std::string_view take_line(std::string_view& text) {
  const std::size_t end = std::min(text.find('\n'), text.size());
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return line;
}

Result<Table> read(std::string_view json, std::string_view which) {
  const auto wrong = [&](std::string_view what) {
    return ledger::fail(ledger::ErrorKind::reject, fmt::format("{}: {}", which, what));
  };
  Table table{.head = take_line(json)};
  constexpr std::string_view opening = ",\"rows\":[";
  if (!table.head.ends_with(opening) ||
      table.head.find("\"format\":\"yunjian/utilization-table/v1\"") == std::string_view::npos) {
    return wrong("not a utilization table");
  }
  table.head.remove_suffix(opening.size());
  while (!json.empty()) {
    std::string_view line = take_line(json);
    if (line == "]}" && json.empty()) return table;
    if (line.ends_with(',')) line.remove_suffix(1);
    const auto cells = cells_of(line);
    if (!cells) return wrong(fmt::format("row {}: {}", table.order.size(), cells.error().message));
    const std::string part = text_of(*cells, "part");
    std::string key = text_of(*cells, "host") + (part == "1" ? "" : " part " + part);
    if (!table.rows.emplace(key, line).second) return wrong(key + " stands in it twice");
    table.order.push_back(std::move(key));
  }
  return wrong("it is cut off");
}

class Comparison {
 public:
  void cells(const std::string& host, const Cells& first, const Cells& second) {
    std::map<std::string_view, std::string_view> theirs;
    for (const auto& [path, value] : second) theirs[path] = value;
    for (const auto& [path, value] : first) {
      const auto other = theirs.find(path);
      if (other == theirs.end()) {
        add({host, path, value, ""});
      } else if (other->second != value) {
        add({host, path, value, std::string(other->second)});
      }
      theirs.erase(path);
    }
    for (const auto& [path, value] : second) {
      if (theirs.contains(path)) add({host, path, "", value});
    }
  }
  void add(CellDifference difference) {
    if (found.size() < cell_differences_max) found.push_back(std::move(difference));
  }
  std::vector<CellDifference> found;
};

}  // namespace

Result<std::vector<CellDifference>> table_differences(std::string_view first,
                                                      std::string_view second) {
  if (first == second) return std::vector<CellDifference>();
  auto one = read(first, "the first table");
  if (!one) return ledger::failure(one);
  auto other = read(second, "the second table");
  if (!other) return ledger::failure(other);
  Comparison comparison;
  const auto compare = [&](const std::string& host, std::string_view a,
                           std::string_view b) -> Result<void> {
    if (a == b) return {};
    auto cells = cells_of(a);
    if (!cells) return ledger::failure(cells);
    auto others = cells_of(b);
    if (!others) return ledger::failure(others);
    comparison.cells(host, *cells, *others);
    return {};
  };
  for (const std::string& key : one->order) {
    const auto found = other->rows.find(key);
    if (found == other->rows.end()) {
      comparison.add({key, "row", "there", ""});
    } else if (auto good = compare(key, one->rows.at(key), found->second); !good) {
      return ledger::failure(good);
    }
  }
  for (const std::string& key : other->order) {
    if (!one->rows.contains(key)) comparison.add({key, "row", "", "there"});
  }
  const auto closed = [](std::string_view head) { return std::string(head) + "}"; };
  auto heads = compare("", closed(one->head), closed(other->head));
  if (!heads) return ledger::failure(heads);
  if (comparison.found.empty()) {
    comparison.add({"", "form", "the same cells", "in another order or other white space"});
  }
  return std::move(comparison.found);
}

std::string cell_of(const Words& words) { return words.zh + " / " + words.en; }

std::string describe(const CellDifference& difference) {
  const auto or_absent = [](const std::string& value) { return value.empty() ? "-" : value; };
  return fmt::format("{} {}: {} -> {}", difference.host.empty() ? "table" : difference.host,
                     difference.cell, or_absent(difference.first), or_absent(difference.second));
}

}  // namespace yunjian::rules
