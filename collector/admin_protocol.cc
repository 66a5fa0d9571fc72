#include "collector/admin_protocol.h"

#include <rapidjson/document.h>

#include "collector/api/json.h"
#include "ledger/base/bytes.h"
#include "ledger/report_manifest.h"

namespace yunjian::collector {

using ledger::ErrorKind;
using ledger::Result;

namespace {

using Document = rapidjson::Document;

ledger::Failure malformed() {
  return ledger::fail(ErrorKind::reject, "not a message of the admin socket");
}

std::string text_of(const rapidjson::Value& value) {
  return {value.GetString(), value.GetStringLength()};
}

// Iterative, so that depth costs no stack; what is deeper than an object of texts is refused
// anyway.
bool parse_object(Document& document, std::string_view json) {
  document.Parse<rapidjson::kParseIterativeFlag | rapidjson::kParseValidateEncodingFlag>(
      json.data(), json.size());
  return !document.HasParseError() && document.IsObject();
}

std::string member(const Document& document, const char* name) {
  const auto found = document.FindMember(name);
  return found != document.MemberEnd() && found->value.IsString() ? text_of(found->value)
                                                                  : std::string();
}

Result<std::map<std::string, std::string>> member_map(const Document& document, const char* name) {
  std::map<std::string, std::string> texts;
  const auto found = document.FindMember(name);
  if (found == document.MemberEnd()) return texts;
  if (!found->value.IsObject()) return malformed();
  for (const auto& each : found->value.GetObject()) {
    if (!each.value.IsString()) return malformed();
    texts.emplace(text_of(each.name), text_of(each.value));
  }
  return texts;
}

}  // namespace

std::string format_request(const AdminRequest& request) {
  Json json;
  json.begin_object().member("command", std::string_view(request.command));
  json.key("fields").begin_object();
  for (const auto& [name, value] : request.fields) json.member(name, std::string_view(value));
  json.end_object().end_object();
  return json.take();
}

Result<AdminRequest> parse_request(std::string_view json) {
  Document document;
  if (!parse_object(document, json)) return malformed();
  auto fields = member_map(document, "fields");
  if (!fields) return ledger::failure(fields);
  return AdminRequest{.command = member(document, "command"), .fields = std::move(*fields)};
}

std::string format_answer(const Result<AdminAnswer>& answer) {
  Json json;
  json.begin_object().member("ok", answer.has_value());
  if (!answer) {
    json.member("problem", std::string_view(answer.error().message)).end_object();
    return json.take();
  }
  json.member("out", std::string_view(answer->out)).member("note", std::string_view(answer->note));
  json.key("files").begin_object();
  for (const auto& [name, bytes] : answer->files) {
    json.member(name, std::string_view(ledger::to_base64(bytes)));
  }
  json.end_object().key("copies").begin_object();
  for (const auto& [name, path] : answer->copies) json.member(name, std::string_view(path));
  json.end_object().end_object();
  return json.take();
}

Result<AdminAnswer> parse_answer(std::string_view json) {
  Document document;
  if (!parse_object(document, json)) return malformed();
  const auto ok = document.FindMember("ok");
  if (ok == document.MemberEnd() || !ok->value.IsBool()) return malformed();
  if (!ok->value.GetBool()) return ledger::fail(ErrorKind::reject, member(document, "problem"));
  auto files = member_map(document, "files");
  if (!files) return ledger::failure(files);
  AdminAnswer answer{.out = member(document, "out"), .note = member(document, "note")};
  for (const auto& [name, text] : *files) {
    auto bytes = ledger::from_base64(text);
    if (!bytes || !ledger::is_pack_path(name)) return malformed();
    answer.files.emplace(name, std::move(*bytes));
  }
  auto copies = member_map(document, "copies");
  if (!copies) return ledger::failure(copies);
  for (const auto& [name, path] : *copies) {
    if (!ledger::is_pack_path(name)) return malformed();
    answer.copies.emplace(name, path);
  }
  return answer;
}

}  // namespace yunjian::collector
