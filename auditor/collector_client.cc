#include "auditor/collector_client.h"

#include <fmt/format.h>
#include <rapidjson/document.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <algorithm>
#include <array>
#include <optional>

#include "ledger/posix/secrecy.h"

namespace yunjian::auditor {

using ledger::ErrorKind;
using ledger::Result;

namespace {

constexpr std::uint64_t page_max = 1000;
constexpr std::size_t streams_max = 10'000'000;
constexpr std::uint64_t pages_max = 1'000'000;  // a hostile collector must not keep us for ever

std::string text_of(const rapidjson::Value& object, const char* name) {
  const auto member = object.FindMember(name);
  if (member == object.MemberEnd() || !member->value.IsString()) return {};
  return {member->value.GetString(), member->value.GetStringLength()};
}

std::optional<std::uint64_t> number_of(const rapidjson::Value& object, const char* name) {
  const auto member = object.FindMember(name);
  if (member == object.MemberEnd() || !member->value.IsUint64()) return std::nullopt;
  return member->value.GetUint64();
}

std::string json_of(const rapidjson::Value& value) {
  rapidjson::StringBuffer buffer;
  rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
  value.Accept(writer);
  return {buffer.GetString(), buffer.GetSize()};
}

// One page of `{"items":[…],"cursor":…}`; an empty cursor when nothing is left.
struct ListPage {
  rapidjson::Document document;
  std::string cursor;
  const rapidjson::Value& items() const { return document["items"]; }
};

Result<ListPage> parse_page(const std::string& body) {
  ListPage page;
  page.document.Parse<rapidjson::kParseIterativeFlag>(body.data(), body.size());
  const auto& top = page.document;
  const bool good = !top.HasParseError() && top.IsObject() && top.HasMember("items") &&
                    top["items"].IsArray() &&
                    std::all_of(top["items"].Begin(), top["items"].End(),
                                [](const auto& i) { return i.IsObject(); });
  if (!good) return ledger::fail(ErrorKind::reject, "the collector's answer is not a list in JSON");
  page.cursor = text_of(top, "cursor");
  return page;
}

}  // namespace

ledger::Error problem_of(std::string_view path, const HttpAnswer& answer, std::string_view method) {
  std::string said;
  rapidjson::Document problem;
  problem.Parse<rapidjson::kParseIterativeFlag>(answer.body.data(), answer.body.size());
  if (!problem.HasParseError() && problem.IsObject()) {
    said = fmt::format(": {}: {}", text_of(problem, "title"), text_of(problem, "detail"));
  }
  const bool wrong =
      answer.status == 400 || answer.status == 404 || answer.status == 409 || answer.status == 422;
  return {wrong ? ErrorKind::reject : ErrorKind::retry,
          fmt::format("{} {} was answered with {}{}", method, path, answer.status, said)};
}

namespace {

void append_escaped(std::string& out, std::string_view text) {
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '_' || c == '.' || c == '~';
    out += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
}

}  // namespace

std::string with_parameters(
    std::string_view path,
    const std::vector<std::pair<std::string_view, std::string>>& parameters) {
  std::string out(path);
  char sign = '?';
  for (const auto& [name, value] : parameters) {
    if (value.empty()) continue;
    out += sign;
    out += name;
    out += '=';
    sign = '&';
    append_escaped(out, value);
  }
  return out;
}

std::string escape_path(std::string_view path) {
  std::string out;
  while (!path.empty()) {
    const std::size_t slash = std::min(path.find('/'), path.size());
    append_escaped(out, path.substr(0, slash));
    if (slash < path.size()) out += '/';
    path.remove_prefix(std::min(slash + 1, path.size()));
  }
  return out;
}

Result<HttpsClient> open_client(ledger::FileSystem& files, const LiveOptions& options) {
  const std::array<std::string, 1> secrets{options.token_file};
  if (auto secret = ledger::check_secret_files(secrets); !secret) return ledger::failure(secret);
  auto token = files.read_file(options.token_file);
  if (!token) return ledger::failure(token, "cannot read the token");
  token->resize(std::min(token->find_first_of("\r\n"), token->size()));
  return HttpsClient::open(
      {.base_url = options.collector, .ca_file = options.ca_file, .token = std::move(*token)});
}

Result<CollectorClient> CollectorClient::open(ledger::FileSystem& files,
                                              const LiveOptions& options) {
  auto client = open_client(files, options);
  if (!client) return ledger::failure(client);
  return CollectorClient(std::move(*client));
}

Result<std::string> CollectorClient::get(const std::string& path) {
  auto answer = client_.get(path);
  if (!answer) return ledger::failure(answer);
  if (answer->status == 200) return std::move(answer->body);
  return ledger::Failure(problem_of(path, *answer));
}

Result<std::string> CollectorClient::post(const std::string& path, const std::string& note) {
  auto answer = client_.post(path, note);
  if (!answer) return ledger::failure(answer);
  if (answer->status == 200) return std::move(answer->body);
  return ledger::Failure(problem_of(path, *answer, "POST"));
}

Result<std::string> CollectorClient::checkpoint() { return get("/checkpoint"); }

Result<std::string> CollectorClient::tile(const ledger::TileId& id) {
  return get("/" + ledger::tile_path(id));
}

Result<std::string> CollectorClient::list(std::uint64_t leaf) {
  return get(fmt::format("/v1/log/lists/{}", leaf));
}

Result<std::string> CollectorClient::frame(const std::string& stream, std::uint64_t batch) {
  return get(fmt::format("/v1/streams/{}/batches/{}", stream, batch));
}

Result<void> CollectorClient::visit_streams(
    const std::function<bool(const rapidjson::Value&)>& take) {
  std::string cursor;
  for (std::uint64_t pages = 0; pages < pages_max; ++pages) {
    auto body = get(with_parameters("/v1/streams", {{"cursor", cursor}}));
    if (!body) return ledger::failure(body);
    auto page = parse_page(*body);
    if (!page) return ledger::failure(page);
    for (const auto& item : page->items().GetArray()) {
      if (!take(item)) return {};
    }
    cursor = page->cursor;
    if (cursor.empty() || page->items().Empty()) break;
  }
  return {};
}

Result<ProofSource::StreamFacts> CollectorClient::stream(const std::string& id) {
  std::optional<StreamFacts> found;
  auto visited = visit_streams([&](const rapidjson::Value& item) {
    const auto batches = number_of(item, "batches");
    const auto leaf = number_of(item, "enrolment_leaf");
    if (text_of(item, "stream") == id && batches && leaf) found = StreamFacts{*batches, *leaf};
    return !found;
  });
  if (!visited) return ledger::failure(visited);
  if (found) return *found;
  return ledger::fail(ErrorKind::reject,
                      fmt::format("the collector tells this credential of no stream {}", id));
}

Result<std::vector<CollectorClient::StreamEntry>> CollectorClient::streams() {
  std::vector<StreamEntry> all;
  auto visited = visit_streams([&](const rapidjson::Value& item) {
    const auto endorsed = item.FindMember("endorsed");
    all.push_back({text_of(item, "stream"), text_of(item, "unit"), text_of(item, "host"),
                   number_of(item, "enrolment_leaf").value_or(0),
                   number_of(item, "batches").value_or(0),
                   endorsed != item.MemberEnd() && endorsed->value.IsTrue()});
    return all.size() < streams_max;
  });
  if (!visited) return ledger::failure(visited);
  return all;
}

Result<bool> CollectorClient::search(const SearchQuestion& question,
                                     const std::function<void(const FoundRecord&)>& take) {
  std::string cursor;
  std::uint64_t left = question.limit;
  for (std::uint64_t pages = 0; pages < pages_max && left > 0; ++pages) {
    auto body =
        get(with_parameters("/v1/search", {{"q", question.q},
                                           {"from", question.from},
                                           {"to", question.to},
                                           {"limit", std::to_string(std::min(left, page_max))},
                                           {"cursor", cursor}}));
    if (!body) return ledger::failure(body);
    auto page = parse_page(*body);
    if (!page) return ledger::failure(page);
    for (const auto& item : page->items().GetArray()) {
      if (left == 0) break;
      take({text_of(item, "stream"), number_of(item, "number").value_or(0), text_of(item, "host"),
            text_of(item, "unit"), text_of(item, "line"), json_of(item)});
      --left;
    }
    cursor = page->cursor;
    if (cursor.empty() || page->items().Empty()) break;
  }
  return !cursor.empty();
}

}  // namespace yunjian::auditor
