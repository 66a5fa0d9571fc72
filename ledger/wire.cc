#include "ledger/wire.h"

#include <rapidjson/document.h>

#include <array>

#include "ledger/base/bytes.h"
#include "ledger/record.h"

namespace yunjian::ledger {
namespace {

constexpr std::array<std::pair<Verdict, std::string_view>, 5> verdicts = {{
    {Verdict::accepted, "accepted"},
    {Verdict::duplicate, "duplicate"},
    {Verdict::fork, "fork"},
    {Verdict::expected, "expected"},
    {Verdict::refused, "refused"},
}};

Failure bad_answer(std::string_view why) {
  return fail(ErrorKind::reject, "the collector's answer is not understood: " + std::string(why));
}

// Takes u32be length and so many bytes off the front; false when they are not all there.
bool take_block(std::string_view& rest, std::string_view& block) {
  if (rest.size() < 4) return false;
  const std::uint32_t size = get_u32be(rest.data());
  if (rest.size() - 4 < size) return false;
  block = rest.substr(4, size);
  rest.remove_prefix(4 + std::size_t{size});
  return true;
}

std::string text_member(const rapidjson::Value& object, const char* name) {
  const auto member = object.FindMember(name);
  if (member == object.MemberEnd() || !member->value.IsString()) return {};
  return {member->value.GetString(), member->value.GetStringLength()};
}

bool number_member(const rapidjson::Value& object, const char* name, std::uint64_t& out) {
  const auto member = object.FindMember(name);
  if (member == object.MemberEnd() || !member->value.IsUint64()) return false;
  out = member->value.GetUint64();
  return true;
}

Result<Answer> parse_answer(std::string_view line) {
  rapidjson::Document document;
  // Iterative, so that a hostile nesting depth cannot exhaust the stack; flat is checked below.
  document.Parse<rapidjson::kParseIterativeFlag>(line.data(), line.size());
  if (document.HasParseError() || !document.IsObject()) return bad_answer("a line is not JSON");
  Answer answer;
  answer.stream = text_member(document, "stream");
  if (!number_member(document, "batch", answer.batch)) return bad_answer("no batch number");
  const std::string result = text_member(document, "result");
  bool known = false;
  for (const auto& [verdict, name] : verdicts) {
    if (name != result) continue;
    answer.verdict = verdict;
    known = true;
  }
  if (!known) return bad_answer("the result '" + result.substr(0, 40) + "' is unknown");
  answer.receipt = text_member(document, "receipt");
  answer.problem = text_member(document, "problem");
  if (answer.verdict == Verdict::expected &&
      !number_member(document, "expected", answer.expected)) {
    return bad_answer("no expected batch number");
  }
  return answer;
}

}  // namespace

void append_frame(std::string& out, std::string_view header, std::string_view body) {
  put_u32be(out, static_cast<std::uint32_t>(header.size()));
  out += header;
  put_u32be(out, static_cast<std::uint32_t>(body.size()));
  out += body;
}

Result<std::vector<FrameRef>> split_frames(std::string_view post) {
  std::vector<FrameRef> frames;
  while (!post.empty()) {
    const std::string at = "frame " + std::to_string(frames.size());
    FrameRef frame;
    if (!take_block(post, frame.header) || !take_block(post, frame.body)) {
      return fail(ErrorKind::reject, at + " is cut off");
    }
    if (frame.header.empty() || frame.header.size() > header_bytes_max) {
      return fail(ErrorKind::reject, at + ": a header has 1 to 4096 bytes");
    }
    if (frame.body.size() > body_encoded_bytes_max) {
      return fail(ErrorKind::reject, at + ": a body has at most 4 MiB");
    }
    if (frames.size() == post_frames_max) {
      return fail(ErrorKind::reject, "more than 256 frames in one post");
    }
    frames.push_back(frame);
  }
  if (frames.empty()) return fail(ErrorKind::reject, "the post holds no frame");
  return frames;
}

std::string_view to_string(Verdict verdict) {
  for (const auto& [known, name] : verdicts) {
    if (known == verdict) return name;
  }
  require(false, "every verdict has a name");
  return {};
}

void append_answer(std::string& out, const Answer& answer) {
  const auto text = [&out](std::string_view key, std::string_view value) {
    out += ",\"";
    out += key;
    out += "\":";
    append_json_string(out, value);
  };
  out += "{\"stream\":";
  append_json_string(out, answer.stream);
  out += ",\"batch\":" + std::to_string(answer.batch);
  text("result", to_string(answer.verdict));
  if (!answer.receipt.empty()) text("receipt", answer.receipt);
  if (answer.verdict == Verdict::expected) {
    out += ",\"expected\":" + std::to_string(answer.expected);
  }
  if (!answer.problem.empty()) text("problem", answer.problem);
  out += "}\n";
}

Result<std::vector<Answer>> parse_answers(std::string_view ndjson) {
  std::vector<Answer> answers;
  while (!ndjson.empty()) {
    const std::size_t end = ndjson.find('\n');
    if (end == std::string_view::npos) return bad_answer("the last line does not end");
    if (answers.size() == post_frames_max) return bad_answer("more than 256 lines");
    auto answer = parse_answer(ndjson.substr(0, end));
    if (!answer) return failure(answer);
    answers.push_back(std::move(*answer));
    ndjson.remove_prefix(end + 1);
  }
  return answers;
}

}  // namespace yunjian::ledger
