#include "collector/api/json_body.h"

#include <fmt/format.h>
#include <rapidjson/reader.h>

#include <algorithm>

#include "ledger/base/bytes.h"

namespace yunjian::collector {

// What the parser tells, one call for each value; false ends it.
class JsonBodyReader : public rapidjson::BaseReaderHandler<rapidjson::UTF8<>, JsonBodyReader> {
 public:
  using Value = JsonBody::Value;

  bool Default() { return wrong("a value of a kind that is not used here"); }
  bool Null() {
    if (!begin_value() || in_list_) return wrong("null in a list");
    return true;
  }
  bool Bool(bool value) {
    return put({.kind = Value::Kind::boolean, .text = value ? "true" : "false"});
  }
  bool Uint(unsigned value) { return Uint64(value); }
  bool Uint64(std::uint64_t value) {
    return put({.kind = Value::Kind::number, .text = std::to_string(value)});
  }
  bool Int(int) { return Default(); }
  bool Int64(std::int64_t) { return Default(); }
  bool Double(double) { return Default(); }
  bool String(const char* text, rapidjson::SizeType size, bool) {
    if (!in_list_) return put({.text = std::string(text, size)});
    std::vector<std::string>& list = members_[key_].list;
    if (list.size() == json_list_max) return wrong("a list that is too long");
    list.emplace_back(text, size);
    return true;
  }
  bool Key(const char* text, rapidjson::SizeType size, bool) {
    key_.assign(text, size);
    if (members_.contains(key_) || nulls_.contains(key_))
      return wrong("a member that stands twice");
    return true;
  }
  bool StartObject() {
    if (++depth_ > 1) return wrong("an object inside the object");
    return true;
  }
  bool EndObject(rapidjson::SizeType) { return true; }
  bool StartArray() {
    if (++depth_ > 2 || depth_ == 1) return wrong("a list where none belongs");
    in_list_ = true;
    members_[key_] = {.kind = Value::Kind::list};
    return true;
  }
  bool EndArray(rapidjson::SizeType) {
    --depth_;
    in_list_ = false;
    return true;
  }

  const std::string& trouble() const { return trouble_; }
  const std::string& key() const { return key_; }
  std::map<std::string, Value, std::less<>>& members() { return members_; }
  const std::map<std::string, bool, std::less<>>& nulls() const { return nulls_; }

 private:
  bool begin_value() {
    if (depth_ == 0) return false;
    nulls_[key_] = true;
    return true;
  }
  bool put(Value value) {
    if (depth_ == 0 || in_list_) return wrong("a value where none belongs");
    members_[key_] = std::move(value);
    return true;
  }
  bool wrong(std::string_view what) {
    if (trouble_.empty()) trouble_ = what;
    return false;
  }

  int depth_ = 0;
  bool in_list_ = false;
  std::string key_;
  std::string trouble_;
  std::map<std::string, Value, std::less<>> members_;
  std::map<std::string, bool, std::less<>> nulls_;
};

namespace {

// Brackets outside of texts that are open at once, at most.
std::size_t depth_of(std::string_view json) {
  std::size_t depth = 0;
  std::size_t deepest = 0;
  bool in_text = false;
  for (std::size_t i = 0; i < json.size(); ++i) {
    const char c = json[i];
    if (in_text) {
      if (c == '\\') ++i;
      in_text = c != '"';
    } else if (c == '"') {
      in_text = true;
    } else if (c == '{' || c == '[') {
      deepest = std::max(deepest, ++depth);
    } else if ((c == '}' || c == ']') && depth > 0) {
      --depth;
    }
  }
  return deepest;
}

Refusal wrong_member(std::string_view name, std::string_view what) {
  return bad_request(fmt::format("Member '{}' of the body: {}.", name, what));
}

}  // namespace

Outcome<JsonBody> JsonBody::read(std::string_view body,
                                 std::initializer_list<std::string_view> known) {
  if (depth_of(body) > json_depth_max) {
    return bad_request(fmt::format("The body is nested deeper than {} levels.", json_depth_max));
  }
  JsonBodyReader reader;
  rapidjson::MemoryStream stream(body.data(), body.size());
  rapidjson::Reader parser;
  const auto parsed =
      parser.Parse<rapidjson::kParseIterativeFlag | rapidjson::kParseValidateEncodingFlag>(stream,
                                                                                           reader);
  if (!parsed) {
    if (!reader.trouble().empty()) return wrong_member(reader.key(), reader.trouble());
    return bad_request(
        fmt::format("The body is not a JSON object: a mistake at byte {}.", parsed.Offset()));
  }
  const auto check = [&](const std::string& name) {
    return std::find(known.begin(), known.end(), name) != known.end();
  };
  for (const auto& [name, value] : reader.members()) {
    if (!check(name)) {
      return wrong_member(name, fmt::format("not known here; known: {}", fmt::join(known, ", ")));
    }
  }
  for (const auto& [name, value] : reader.nulls()) {
    if (!check(name)) return wrong_member(name, "not known here");
  }
  JsonBody read;
  read.members_ = std::move(reader.members());
  return read;
}

const JsonBody::Value* JsonBody::find(std::string_view name) const {
  const auto found = members_.find(name);
  return found == members_.end() ? nullptr : &found->second;
}

Outcome<std::string> JsonBody::text(std::string_view name) const {
  const Value* value = find(name);
  if (value == nullptr) return std::string();
  if (value->kind != Value::Kind::text) return wrong_member(name, "not a text");
  return value->text;
}

Outcome<std::string> JsonBody::needed_text(std::string_view name) const {
  auto found = text(name);
  if (found && found->empty()) return wrong_member(name, "needed, a text");
  return found;
}

Outcome<std::optional<std::uint64_t>> JsonBody::number(std::string_view name) const {
  const Value* value = find(name);
  if (value == nullptr) return std::optional<std::uint64_t>();
  if (value->kind != Value::Kind::number) return wrong_member(name, "not a whole number");
  const auto number = ledger::parse_decimal(value->text);
  if (!number) return wrong_member(name, "too large");
  return std::optional<std::uint64_t>(*number);
}

Outcome<std::vector<std::string>> JsonBody::list(std::string_view name) const {
  const Value* value = find(name);
  if (value == nullptr) return std::vector<std::string>();
  if (value->kind != Value::Kind::list) return wrong_member(name, "not a list of texts");
  return value->list;
}

Outcome<std::optional<ledger::Time>> JsonBody::time(std::string_view name) const {
  auto found = text(name);
  if (!found) return handed_on(found);
  if (found->empty()) return std::optional<ledger::Time>();
  auto time = ledger::parse_rfc3339(*found);
  if (time) return std::optional<ledger::Time>(*time);
  return wrong_member(name, fmt::format("'{}' is not a time such as 2026-11-22T08:00:00Z", *found));
}

}  // namespace yunjian::collector
