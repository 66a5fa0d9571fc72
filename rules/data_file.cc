#include "rules/data_file.h"

#include <fmt/format.h>
#include <rapidjson/error/en.h>
#include <rapidjson/memorystream.h>
#include <rapidjson/reader.h>

#include <algorithm>
#include <set>

#include "ledger/base/bytes.h"

namespace yunjian::rules {

using ledger::ErrorKind;
using ledger::fail;
using ledger::Result;

namespace {

using Stream = rapidjson::EncodedInputStream<rapidjson::UTF8<>, rapidjson::MemoryStream>;

// Builds the tree from RapidJSON's events; refuses a key that comes twice, which a DOM would hide.
class Builder {
 public:
  // `stream` stands behind what an event tells of.
  Builder(std::string_view json, const Stream& stream) : json_(json), stream_(stream) {}

  bool Null() { return put(placed({})); }
  bool Bool(bool value) {
    return put(placed({.kind = DataNode::Kind::boolean, .text = value ? "true" : "false"}));
  }
  bool RawNumber(const char* text, rapidjson::SizeType length, bool) {
    return put(placed({.kind = DataNode::Kind::number, .text = {text, length}}));
  }
  bool String(const char* text, rapidjson::SizeType length, bool) {
    return put(placed({.kind = DataNode::Kind::text, .text = {text, length}}));
  }
  bool StartObject() { return open(DataNode::Kind::object); }
  bool StartArray() { return open(DataNode::Kind::list); }
  bool EndObject(rapidjson::SizeType) { return close(); }
  bool EndArray(rapidjson::SizeType) { return close(); }
  bool Key(const char* text, rapidjson::SizeType length, bool) {
    std::string key(text, length);
    if (!keys_.back().insert(key).second) {
      return refuse(fmt::format("the key \"{}\" stands twice", key));
    }
    open_.back().members.emplace_back(std::move(key), DataNode{});
    return true;
  }
  // Numbers come through RawNumber only.
  bool Int(int) { return false; }
  bool Uint(unsigned) { return false; }
  bool Int64(std::int64_t) { return false; }
  bool Uint64(std::uint64_t) { return false; }
  bool Double(double) { return false; }

  DataNode root;
  std::string refusal;

 private:
  bool open(DataNode::Kind kind) {
    if (open_.size() == data_file_depth_max) return refuse("nested too deeply");
    open_.push_back(placed({.kind = kind}));
    keys_.emplace_back();
    ++open_.back().column;  // the bracket is still to be read
    return true;
  }
  DataNode placed(DataNode node) {
    const std::size_t end = std::min<std::size_t>(stream_.Tell(), json_.size());
    for (; seen_ < end; ++seen_) {
      const auto c = static_cast<unsigned char>(json_[seen_]);
      if (c == '\n') {
        ++line_;
        column_ = 0;
      } else if ((c & 0xc0U) != 0x80U) {
        ++column_;
      }
    }
    node.line = line_;
    node.column = column_;
    return node;
  }
  bool close() {
    DataNode done = std::move(open_.back());
    open_.pop_back();
    keys_.pop_back();
    return put(std::move(done));
  }
  bool put(DataNode node) {
    if (++values_ > data_file_values_max) {
      return refuse(fmt::format("more than {} values", data_file_values_max));
    }
    if (open_.empty()) {
      root = std::move(node);
    } else if (open_.back().kind == DataNode::Kind::list) {
      open_.back().items.push_back(std::move(node));
    } else {
      open_.back().members.back().second = std::move(node);
    }
    return true;
  }
  bool refuse(std::string why) {
    refusal = std::move(why);
    return false;
  }

  std::string_view json_;
  const Stream& stream_;
  std::size_t seen_ = 0;
  std::size_t line_ = 1;
  std::size_t column_ = 0;
  std::size_t values_ = 0;
  std::vector<DataNode> open_;
  std::vector<std::set<std::string>> keys_;  // of each of open_
};

std::string place(std::string_view json, std::size_t offset) {
  const std::string_view before = json.substr(0, std::min(offset, json.size()));
  const auto line = 1 + std::count(before.begin(), before.end(), '\n');
  const std::size_t start = before.rfind('\n');
  const std::size_t column =
      start == std::string_view::npos ? before.size() + 1 : before.size() - start;
  return fmt::format("line {}, column {}", line, column);
}

// Whole hundredths of a plain decimal; nothing for signs, exponents or a third decimal.
std::optional<std::uint64_t> parse_hundredths(std::string_view digits) {
  const std::size_t dot = digits.find('.');
  std::string whole(digits.substr(0, dot));
  std::string rest = dot == std::string_view::npos ? "" : std::string(digits.substr(dot + 1));
  if (rest.size() > 2 || whole.size() > 15) return std::nullopt;
  rest.resize(2, '0');
  whole += rest;
  std::uint64_t value = 0;
  for (const char c : whole) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + static_cast<std::uint64_t>(c - '0');
  }
  return value;
}

}  // namespace

Result<DataNode> parse_data_file(std::string_view json, std::size_t bytes_max) {
  if (json.size() > bytes_max) {
    return fail(ErrorKind::reject, fmt::format("longer than {} bytes", bytes_max));
  }
  constexpr unsigned flags = rapidjson::kParseNumbersAsStringsFlag |
                             rapidjson::kParseValidateEncodingFlag | rapidjson::kParseIterativeFlag;
  rapidjson::MemoryStream memory(json.data(), json.size());
  Stream stream(memory);
  rapidjson::Reader reader;
  Builder builder(json, stream);
  const rapidjson::ParseResult parsed = reader.Parse<flags>(stream, builder);
  if (parsed) return std::move(builder.root);
  return fail(ErrorKind::reject,
              fmt::format("{}: {}", place(json, parsed.Offset()),
                          builder.refusal.empty() ? rapidjson::GetParseError_En(parsed.Code())
                                                  : builder.refusal));
}

void DataProblem::add(std::string_view path, std::string_view what) {
  if (!first_) first_ = fmt::format("{}: {}", path.empty() ? "the file" : path, what);
}

Result<void> DataProblem::result(std::string_view name) const {
  if (first_) return fail(ErrorKind::reject, fmt::format("{}: {}", name, *first_));
  return {};
}

DataObject::DataObject(const DataNode& node, std::string path, DataProblem& problem)
    : node_(&node), path_(std::move(path)), problem_(&problem) {
  if (node.kind != DataNode::Kind::object) problem.add(path_, "must be an object");
}

bool DataObject::has(std::string_view key) const {
  return std::any_of(node_->members.begin(), node_->members.end(),
                     [&](const auto& member) { return member.first == key; });
}

std::string DataObject::text(std::string_view key) {
  const DataNode* value = take(key, DataNode::Kind::text, "a text");
  if (!value) return {};
  if (value->text.empty()) wrong(key, "must not be empty");
  return value->text;
}

bool DataObject::boolean(std::string_view key) {
  const DataNode* value = take(key, DataNode::Kind::boolean, "true or false");
  return value && value->text == "true";
}

std::uint64_t DataObject::integer(std::string_view key, std::uint64_t max) {
  const DataNode* value = take(key, DataNode::Kind::number, "a whole number");
  if (!value) return 0;
  const auto number = ledger::parse_decimal(value->text);
  if (number && *number <= max) return *number;
  wrong(key, fmt::format("must be a whole number from 0 to {}, not {}", max, value->text));
  return 0;
}

std::uint64_t DataObject::hundredths(std::string_view key, std::uint64_t max_hundredths) {
  const DataNode* value = take(key, DataNode::Kind::number, "a number");
  if (!value) return 0;
  const auto number = parse_hundredths(value->text);
  if (number && *number <= max_hundredths) return *number;
  wrong(key, fmt::format("must be a number from 0 to {} with at most two decimals, not {}",
                         max_hundredths / 100, value->text));
  return 0;
}

DataObject DataObject::object(std::string_view key) {
  static const DataNode empty{.kind = DataNode::Kind::object};
  const DataNode* value = take(key, DataNode::Kind::object, "an object");
  return DataObject(value ? *value : empty, path_of(key), *problem_);
}

std::vector<DataObject> DataObject::objects(std::string_view key) {
  std::vector<DataObject> found;
  const DataNode* value = take(key, DataNode::Kind::list, "a list of objects");
  if (!value) return found;
  for (std::size_t i = 0; i < value->items.size(); ++i) {
    found.emplace_back(value->items[i], fmt::format("{}[{}]", path_of(key), i), *problem_);
  }
  return found;
}

std::vector<std::vector<DataObject>> DataObject::object_lists(std::string_view key) {
  std::vector<std::vector<DataObject>> found;
  const DataNode* value = take(key, DataNode::Kind::list, "a list of lists of objects");
  if (!value) return found;
  for (std::size_t i = 0; i < value->items.size(); ++i) {
    const std::string path = fmt::format("{}[{}]", path_of(key), i);
    const DataNode& list = value->items[i];
    if (list.kind != DataNode::Kind::list) problem_->add(path, "must be a list of objects");
    std::vector<DataObject>& objects = found.emplace_back();
    for (std::size_t k = 0; k < list.items.size(); ++k) {
      objects.emplace_back(list.items[k], fmt::format("{}[{}]", path, k), *problem_);
    }
  }
  return found;
}

std::vector<std::string> DataObject::texts(std::string_view key) {
  std::vector<std::string> found;
  const DataNode* value = take(key, DataNode::Kind::list, "a list of texts");
  if (!value) return found;
  for (const DataNode& item : value->items) {
    if (item.kind != DataNode::Kind::text || item.text.empty()) {
      wrong(key, "must hold texts only, none of them empty");
    }
    found.push_back(item.text);
  }
  return found;
}

std::vector<std::string> DataObject::keys() const {
  std::vector<std::string> found;
  found.reserve(node_->members.size());
  for (const auto& member : node_->members) found.push_back(member.first);
  return found;
}

void DataObject::wrong(std::string_view key, std::string_view what) {
  problem_->add(path_of(key), what);
}

void DataObject::finish() {
  for (const auto& member : node_->members) {
    if (!read_.contains(member.first)) wrong(member.first, "is not a key of this format");
  }
}

const DataNode* DataObject::take(std::string_view key, DataNode::Kind kind,
                                 std::string_view wanted) {
  read_.emplace(key);
  for (const auto& member : node_->members) {
    if (member.first != key) continue;
    if (member.second.kind == kind) return &member.second;
    wrong(key, fmt::format("must be {}", wanted));
    return nullptr;
  }
  wrong(key, fmt::format("is missing; it must be {}", wanted));
  return nullptr;
}

std::string DataObject::path_of(std::string_view key) const {
  return path_.empty() ? std::string(key) : fmt::format("{}.{}", path_, key);
}

}  // namespace yunjian::rules
