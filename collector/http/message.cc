#include "collector/http/message.h"

#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

namespace yunjian::collector {
namespace {

using Writer = rapidjson::Writer<rapidjson::StringBuffer>;

void write_text(Writer& writer, std::string_view text) {
  writer.String(text.data(), static_cast<rapidjson::SizeType>(text.size()));
}

void write_member(Writer& writer, std::string_view name, std::string_view value) {
  write_text(writer, name);
  write_text(writer, value);
}

}  // namespace

std::optional<std::string> Request::parameter(std::string_view name) const {
  const auto found = query.lower_bound(std::string(name));
  if (found == query.end() || found->first != name) return std::nullopt;
  return found->second;
}

std::string_view Request::header(std::string_view lower_case_name) const {
  const auto found = headers.find(lower_case_name);
  return found == headers.end() ? std::string_view() : std::string_view(found->second);
}

Response problem_response(const Problem& problem) {
  rapidjson::StringBuffer buffer;
  Writer writer(buffer);
  writer.StartObject();
  write_member(writer, "type",
               problem.slug.empty() ? "about:blank" : "urn:yunjian:problem:" + problem.slug);
  write_member(writer, "title", problem.title);
  write_text(writer, "status");
  writer.Int(problem.status);
  write_member(writer, "detail", problem.detail);
  write_text(writer, "retry");
  writer.Bool(problem.retry);
  writer.EndObject();

  Response response;
  response.status = problem.status;
  response.content_type = "application/problem+json";
  response.body.assign(buffer.GetString(), buffer.GetSize());
  if (problem.retry && problem.retry_after_s > 0) {
    response.headers.emplace_back("Retry-After", std::to_string(problem.retry_after_s));
  }
  return response;
}

}  // namespace yunjian::collector
