#pragma once

#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "ledger/base/clock.h"

namespace yunjian::collector {

// Writes JSON in the order of the calls. A time that was never set is null.
class Json {
 public:
  Json() : writer_(buffer_) {}

  Json& begin_object() { return writer_.StartObject(), *this; }
  Json& end_object() { return writer_.EndObject(), *this; }
  Json& begin_array() { return writer_.StartArray(), *this; }
  Json& end_array() { return writer_.EndArray(), *this; }
  Json& key(std::string_view name) { return string(name); }
  Json& string(std::string_view text) {
    return writer_.String(text.data(), static_cast<rapidjson::SizeType>(text.size())), *this;
  }
  Json& number(std::uint64_t value) { return writer_.Uint64(value), *this; }

  Json& member(std::string_view name, std::string_view text) { return key(name).string(text); }
  Json& member(std::string_view name, const char* text) {
    return key(name).string(std::string_view(text));
  }
  Json& member(std::string_view name, std::uint64_t number) {
    key(name);
    return writer_.Uint64(number), *this;
  }
  Json& member(std::string_view name, bool value) {
    key(name);
    return writer_.Bool(value), *this;
  }
  Json& member(std::string_view name, ledger::Time time) {
    if (time == ledger::Time{}) return null_member(name);
    return member(name, std::string_view(ledger::format_time(time)));
  }
  // `digits` is a number as JSON writes it.
  Json& number_member(std::string_view name, std::string_view digits) {
    key(name);
    return writer_.RawValue(digits.data(), digits.size(), rapidjson::kNumberType), *this;
  }
  // `json` is one whole value.
  Json& raw_member(std::string_view name, std::string_view json) {
    key(name);
    return writer_.RawValue(json.data(), json.size(), rapidjson::kObjectType), *this;
  }
  Json& null_member(std::string_view name) {
    key(name);
    return writer_.Null(), *this;
  }

  // Ends a line of NDJSON; the next value may begin.
  void end_line() {
    buffer_.Put('\n');
    writer_.Reset(buffer_);
  }
  // What was written so far; the next value may begin.
  std::string take_lines() {
    std::string lines = take();
    buffer_.Clear();
    writer_.Reset(buffer_);
    return lines;
  }
  std::size_t size() const { return buffer_.GetSize(); }
  std::string take() const { return {buffer_.GetString(), buffer_.GetSize()}; }

 private:
  rapidjson::StringBuffer buffer_;
  rapidjson::Writer<rapidjson::StringBuffer> writer_;
};

}  // namespace yunjian::collector
