#include <rapidjson/memorystream.h>
#include <rapidjson/reader.h>

#include <algorithm>
#include <array>
#include <utility>

#include "rules/classify/field_match.h"

namespace yunjian::rules {

namespace {

constexpr std::size_t paths_max = 256;
constexpr std::size_t depth_max = 12;
constexpr std::string_view envelope = "payload.";     // of an OpenStack notification
constexpr std::string_view wrapped = "oslo.message";  // a notification as a text in a notification

// The texts and numbers of one JSON object by their path, "initiator.host.address". Of a list only
// the first text is kept, as "sourceIPs.0".
class Flattened : public rapidjson::BaseReaderHandler<rapidjson::UTF8<>, Flattened> {
 public:
  static bool read(std::string_view json, Flattened& flat) {
    rapidjson::MemoryStream stream(json.data(), json.size());
    rapidjson::Reader reader;
    constexpr unsigned flags =
        rapidjson::kParseNumbersAsStringsFlag | rapidjson::kParseIterativeFlag;
    return static_cast<bool>(reader.Parse<flags>(stream, flat));
  }

  std::string_view find(std::string_view path) const {
    for (const auto& value : values_) {
      std::string_view name = std::string_view(paths_).substr(value.path_at, value.path_size);
      if (name.starts_with(envelope)) name.remove_prefix(envelope.size());
      if (name == path) return std::string_view(texts_).substr(value.text_at, value.text_size);
    }
    return {};
  }
  const std::string& texts() const { return texts_; }
  // What follows from others, under a path of its own; before the first find() only.
  void add(std::string_view path, std::string_view text) {
    values_.push_back({paths_.size(), path.size(), texts_.size(), text.size()});
    paths_ += path;
    texts_ += text;
  }

  bool Default() { return true; }
  bool StartObject() {
    bases_.push_back(path_.size());
    return bases_.size() + lists_ <= depth_max;
  }
  bool EndObject(rapidjson::SizeType) {
    path_.resize(bases_.back());
    bases_.pop_back();
    return true;
  }
  bool StartArray() {
    if (lists_ == 0) list_base_ = bases_.size();
    first_of_list_ = lists_ == 0;
    return bases_.size() + ++lists_ <= depth_max;
  }
  bool EndArray(rapidjson::SizeType) { return lists_-- > 0; }
  bool Key(const char* text, rapidjson::SizeType size, bool) {
    path_.resize(bases_.back());
    if (!path_.empty()) path_ += '.';
    path_.append(text, size);
    return true;
  }
  bool String(const char* text, rapidjson::SizeType size, bool) { return keep({text, size}); }
  bool RawNumber(const char* text, rapidjson::SizeType size, bool) { return keep({text, size}); }

 private:
  struct Value {
    std::size_t path_at, path_size, text_at, text_size;
  };

  bool keep(std::string_view text) {
    if (values_.size() == paths_max) return true;
    if (lists_ == 0) {
      add(path_, text);
    } else if (lists_ == 1 && bases_.size() == list_base_ && std::exchange(first_of_list_, false)) {
      add(path_ + ".0", text);
    }
    return true;
  }
  std::string path_;
  std::vector<std::size_t> bases_;  // length of path_ at each open object
  std::size_t lists_ = 0;           // open ones
  std::size_t list_base_ = 0;       // objects that were open when the outermost of them began
  bool first_of_list_ = false;
  std::string paths_, texts_;
  std::vector<Value> values_;
};

class JsonFields : public FieldReader {
 public:
  JsonFields(const Flattened& flat, std::string_view type_path)
      : flat_(flat), type_path_(type_path) {}
  std::string_view type() const override { return flat_.find(type_path_); }
  std::string_view field(std::string_view name) const override { return flat_.find(name); }

 private:
  const Flattened& flat_;
  std::string_view type_path_;
};

// "compute.instance.delete.end" is the verb "delete" with the outcome success.
void add_verb(Flattened& flat) {
  constexpr std::string_view type = "event_type";
  struct Phase {
    std::string_view name, outcome;
  };
  constexpr std::array<Phase, 4> phases = {
      {{".start", ""}, {".end", "success"}, {".error", "failure"}, {".progress", ""}}};
  std::string operation(flat.find(type));
  for (const auto& [name, outcome] : phases) {
    if (!operation.ends_with(name)) continue;
    operation.resize(operation.size() - name.size());
    flat.add("outcome", outcome);
    break;
  }
  const std::size_t dot = operation.rfind('.');
  flat.add("operation", operation);
  flat.add("verb", dot == std::string::npos ? operation : operation.substr(dot + 1));
}

// "pods/exec of kube-system/web-1", as far as it is said.
void add_object(Flattened& flat) {
  std::string object(flat.find("objectRef.resource"));
  if (object.empty()) return;
  if (const auto below = flat.find("objectRef.subresource"); !below.empty())
    object.append("/").append(below);
  const auto space = flat.find("objectRef.namespace");
  const auto name = flat.find("objectRef.name");
  if (!space.empty() || !name.empty()) object += ' ';
  object += space;
  if (!space.empty() && !name.empty()) object += '/';
  object += name;
  flat.add("object", object);
}

// The view `text` moved from one copy of the same bytes to another.
std::string_view moved(std::string_view text, const std::string& from, const std::string& to) {
  const bool inside = text.data() >= from.data() && text.data() < from.data() + from.size();
  if (!inside) return text;
  return std::string_view(to).substr(static_cast<std::size_t>(text.data() - from.data()),
                                     text.size());
}

bool match_flat(const FieldRules& rules, const JsonFields& fields, const Flattened& flat,
                Derived& derived) {
  if (!rules.match(fields, derived)) return false;
  derived.storage = std::make_unique<std::string>(flat.texts());
  for (auto* text : {&derived.user_name, &derived.user_uid, &derived.address, &derived.resource,
                     &derived.operation}) {
    *text = moved(*text, flat.texts(), *derived.storage);
  }
  return true;
}

bool holds(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

}  // namespace

bool match_platform(const PlatformRules& rules, std::string_view message, Derived& derived) {
  const bool cadf = holds(message, "cadf") || holds(message, "/cloud/audit/");
  const bool kubernetes = !cadf && holds(message, "audit.k8s.io/");
  if (!cadf && !kubernetes && !holds(message, "event_type")) return false;
  Flattened flat;
  if (!Flattened::read(message, flat)) return false;
  if (const auto inner = flat.find(wrapped); !inner.empty()) {
    Flattened unwrapped;
    if (!Flattened::read(inner, unwrapped)) return false;
    flat = std::move(unwrapped);
  }
  if (cadf && match_flat(rules.cadf, {flat, "action"}, flat, derived)) return true;
  if (kubernetes) {
    add_object(flat);
    return match_flat(rules.kubernetes, {flat, "verb"}, flat, derived);
  }
  if (flat.find("event_type").empty()) return false;
  add_verb(flat);
  return match_flat(rules.openstack, {flat, "verb"}, flat, derived);
}

}  // namespace yunjian::rules
