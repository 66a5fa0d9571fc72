#include <doctest/doctest.h>

#include "auditor/search_command.h"

namespace yunjian::auditor {
namespace {

TEST_CASE("a found record is one line that cannot command the terminal") {
  FoundRecord record{"5f.1", 7, "web-01", "tax", "", ""};
  record.line =
      R"({"time":"2026-11-22T08:16:03.000001Z","kind":"event","message":"用户\u001B[2J\n登录"})";
  CHECK(format_found(record) ==
        "2026-11-22T08:16:03.000001Z web-01 tax 5f.1/7 用户\\x1B[2J\\x0A登录\n");
  record.line = "not\tJSON \xc2\x9b";
  CHECK(format_found(record) == "- web-01 tax 5f.1/7 not\\x09JSON \\xC2\\x9B\n");
}

TEST_CASE("a refusal is told in the collector's words, and whether to ask again") {
  const HttpAnswer wrong{
      400,
      R"({"type":"urn:yunjian:problem:q","title":"Not understood","detail":"at 3: what is this"})"};
  const auto refused = problem_of("/v1/search", wrong);
  CHECK(refused.kind == ledger::ErrorKind::reject);
  CHECK(refused.message ==
        "GET /v1/search was answered with 400: Not understood: at 3: what is this");
  CHECK(problem_of("/x", {404, ""}).kind == ledger::ErrorKind::reject);
  CHECK(problem_of("/x", {401, ""}).kind == ledger::ErrorKind::retry);
  CHECK(problem_of("/x", {503, "<html>"}).kind == ledger::ErrorKind::retry);
  CHECK(problem_of("/x", {429, ""}).kind == ledger::ErrorKind::retry);
}

TEST_CASE("what is asked for survives the way into a URL") {
  CHECK(with_parameters("/v1/search", {{"q", "a+b & \"用\""}, {"from", ""}, {"limit", "5"}}) ==
        "/v1/search?q=a%2Bb%20%26%20%22%E7%94%A8%22&limit=5");
  CHECK(with_parameters("/v1/streams", {{"cursor", ""}}) == "/v1/streams");
}

}  // namespace
}  // namespace yunjian::auditor
