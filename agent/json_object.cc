#include "agent/json_object.h"

#include <rapidjson/document.h>
#include <rapidjson/prettywriter.h>

namespace yunjian::agent {

using ledger::ErrorKind;
using ledger::fail;
using ledger::Result;

struct JsonObject::Impl {
  rapidjson::Document document;

  const rapidjson::Value* find(const char* name) const {
    const auto member = document.FindMember(name);
    return member == document.MemberEnd() ? nullptr : &member->value;
  }
};

namespace {

std::string to_text(const rapidjson::Value& value) {
  return std::string(value.GetString(), value.GetStringLength());
}

using Writer = rapidjson::PrettyWriter<rapidjson::StringBuffer>;

void write_text(Writer& writer, const std::string& text) {
  writer.String(text.data(), static_cast<rapidjson::SizeType>(text.size()));
}

void write_value(Writer& writer, const JsonValue& value) {
  if (const auto* text = std::get_if<std::string>(&value)) {
    write_text(writer, *text);
  } else if (const auto* number = std::get_if<std::uint64_t>(&value)) {
    writer.Uint64(*number);
  } else {
    writer.StartArray();
    for (const std::string& item : std::get<std::vector<std::string>>(value))
      write_text(writer, item);
    writer.EndArray();
  }
}

}  // namespace

JsonObject::JsonObject(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
JsonObject::JsonObject(JsonObject&&) noexcept = default;
JsonObject& JsonObject::operator=(JsonObject&&) noexcept = default;
JsonObject::~JsonObject() = default;

Result<JsonObject> JsonObject::parse(std::string_view text) {
  auto impl = std::make_unique<Impl>();
  impl->document.Parse<rapidjson::kParseIterativeFlag>(text.data(), text.size());
  if (impl->document.HasParseError() || !impl->document.IsObject()) {
    return fail(ErrorKind::reject, "not a JSON object");
  }
  return JsonObject(std::move(impl));
}

std::string JsonObject::text(const char* name) const {
  const auto* value = impl_->find(name);
  return value != nullptr && value->IsString() ? to_text(*value) : std::string();
}

std::uint64_t JsonObject::number(const char* name) const {
  const auto* value = impl_->find(name);
  return value != nullptr && value->IsUint64() ? value->GetUint64() : 0;
}

std::vector<std::string> JsonObject::texts(const char* name) const {
  std::vector<std::string> items;
  const auto* value = impl_->find(name);
  if (value == nullptr || !value->IsArray()) return items;
  for (const auto& item : value->GetArray()) {
    if (item.IsString()) items.push_back(to_text(item));
  }
  return items;
}

std::string format_json(const std::vector<std::pair<std::string, JsonValue>>& members) {
  rapidjson::StringBuffer buffer;
  Writer writer(buffer);
  writer.SetIndent(' ', 2);
  writer.StartObject();
  for (const auto& [name, value] : members) {
    writer.Key(name.data(), static_cast<rapidjson::SizeType>(name.size()));
    write_value(writer, value);
  }
  writer.EndObject();
  return std::string(buffer.GetString(), buffer.GetSize()) + "\n";
}

}  // namespace yunjian::agent
