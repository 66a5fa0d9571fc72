#include <rapidjson/memorystream.h>
#include <rapidjson/reader.h>

#include <algorithm>

#include "rules/classify/field_match.h"

namespace yunjian::rules {

namespace {

constexpr std::size_t paths_max = 256;
constexpr std::size_t depth_max = 12;
constexpr std::string_view envelope = "payload.";     // of an OpenStack notification
constexpr std::string_view wrapped = "oslo.message";  // a notification as a text in a notification

// The texts and numbers of one JSON object by their path, "initiator.host.address"; what stands in
// a list is left out.
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
  bool StartArray() { return bases_.size() + ++lists_ <= depth_max; }
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
    if (lists_ > 0 || values_.size() == paths_max) return true;
    values_.push_back({paths_.size(), path_.size(), texts_.size(), text.size()});
    paths_ += path_;
    texts_ += text;
    return true;
  }
  std::string path_;
  std::vector<std::size_t> bases_;  // length of path_ at each open object
  std::size_t lists_ = 0;           // open ones
  std::string paths_, texts_;
  std::vector<Value> values_;
};

class CadfFields : public FieldReader {
 public:
  explicit CadfFields(const Flattened& flat) : flat_(flat) {}
  std::string_view type() const override { return flat_.find("action"); }
  std::string_view field(std::string_view name) const override { return flat_.find(name); }

 private:
  const Flattened& flat_;
};

// The view `text` moved from one copy of the same bytes to another.
std::string_view moved(std::string_view text, const std::string& from, const std::string& to) {
  const bool inside = text.data() >= from.data() && text.data() < from.data() + from.size();
  if (!inside) return text;
  return std::string_view(to).substr(static_cast<std::size_t>(text.data() - from.data()),
                                     text.size());
}

}  // namespace

bool is_cadf_text(std::string_view message) {
  return message.starts_with('{') && (message.find("cadf") != std::string_view::npos ||
                                      message.find("/cloud/audit/") != std::string_view::npos);
}

bool match_cadf(const FieldRules& rules, std::string_view message, Derived& derived) {
  Flattened flat;
  if (!Flattened::read(message, flat)) return false;
  if (const auto inner = flat.find(wrapped); !inner.empty()) {
    Flattened unwrapped;
    if (!Flattened::read(inner, unwrapped)) return false;
    flat = std::move(unwrapped);
  }
  if (!rules.match(CadfFields(flat), derived)) return false;
  derived.storage = std::make_unique<std::string>(flat.texts());
  for (auto* text : {&derived.user_name, &derived.user_uid, &derived.address, &derived.resource,
                     &derived.operation}) {
    *text = moved(*text, flat.texts(), *derived.storage);
  }
  return true;
}

}  // namespace yunjian::rules
