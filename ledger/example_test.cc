#include <doctest/doctest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "ledger/checkpoint.h"
#include "ledger/leaves.h"
#include "ledger/record.h"
#include "ledger/wire.h"

// The worked example of README.md: made here from fixed keys, compared byte for byte with the page,
// and checked once more from the page alone by tests/interop/check_example.py.
// YUNJIAN_WRITE_EXAMPLE=1 writes the page anew.
namespace yunjian::ledger {
namespace {

constexpr std::string_view begin_mark = "<!-- example begin -->\n";
constexpr std::string_view end_mark = "<!-- example end -->";
constexpr std::string_view origin = "log.example.gov.cn";
const std::string agent = "000102030405060708090a0b0c0d0e0f";

std::unique_ptr<PrivateKey> key_of(char fill) {
  return default_suite().load(std::string(32, fill)).value();
}

SignatureLine line_by(const PrivateKey& key, std::string_view name, std::string_view text) {
  return sign_line(Verifier(default_suite(), std::string(name), key.public_key()), key, text)
      .value();
}

std::string enrolment_leaf(const PrivateKey& log, const PrivateKey& first) {
  Enrolment enrolment;
  enrolment.origin = origin;
  enrolment.agent = agent;
  enrolment.unit = "water-bureau";
  enrolment.host = "web-01";
  enrolment.suite = default_suite().name();
  enrolment.first_key = first.public_key();
  enrolment.enrolled = parse_time("2026-11-22T08:00:00.000000Z").value();
  const std::string text = format_enrolment(enrolment);
  return format_note(
      text, {line_by(log, origin, text), line_by(first, agent_key_name(origin, agent), text)});
}

std::string record_line(std::string_view time, std::string_view message) {
  std::string out;
  RecordWriter writer(out, parse_time(time).value(), "event");
  writer.text("source", "file").text("log", "/var/log/auth.log").message(message).finish();
  return out;
}

std::string block(std::string_view title, std::string_view text) {
  return "`" + std::string(title) + "`\n\n```text\n" + std::string(text) +
         (text.ends_with('\n') ? "" : "\n") + "```\n\n";
}

std::string make_example() {
  const auto hasher = default_suite().hasher();
  const auto log_key = key_of('\x01');
  const auto first = key_of('\x02');
  const auto second = key_of('\x03');
  const Verifier log(default_suite(), std::string(origin), log_key->public_key());
  const std::string enrolment = enrolment_leaf(*log_key, *first);

  const std::string records =
      record_line("2026-11-22T08:16:03.000001Z", "Accepted publickey for ops from 10.1.2.3") +
      "\n" + record_line("2026-11-22T08:16:04.500000Z", "用户 \"ops\" 提交\\xFF\t申请");
  BatchHeader header;
  header.agent = agent;
  header.records = 2;
  header.root = lines_root(*hasher, split_lines(records, 2).value());
  header.previous = hasher->leaf(enrolment);
  header.sealed = parse_time("2026-11-22T08:16:05.123456Z").value();
  header.boot_id = "0f8fad5b-d9cb-469f-a165-70867728950e";
  header.boot_ms = 86400000;
  header.flags = {"clean-start"};
  header.next_key = second->public_key();
  const std::string text = format_header(header);
  const std::string note =
      format_note(text, {line_by(*first, agent_key_name(origin, agent), text)});

  const std::vector<Hash> leaves = {hasher->leaf(enrolment), hasher->leaf(note)};
  const std::string tree_text =
      format_checkpoint({std::string(origin), {2, merkle_root(*hasher, leaves)}, {}});
  const std::string checkpoint = format_note(tree_text, {line_by(*log_key, origin, tree_text)});
  const auto path = prove_inclusion(*hasher, 1, 2, subtrees_of(*hasher, leaves)).value();

  BodyEncoder encoder;
  std::string body;
  REQUIRE(encoder.encode(records, body));
  std::string frame;
  append_frame(frame, note, body);
  std::string out = "\n";
  out += block("vkey of the log", log.vkey());
  out += block("enrolment leaf", enrolment);
  out += block("leaf hash of the enrolment, hex", to_hex(as_view(leaves[0])));
  out += block("records", records);
  out += block("batch header", note);
  out += block("leaf hash of the header, hex", to_hex(as_view(leaves[1])));
  out += block("checkpoint", checkpoint);
  out += block("receipt", format_tlog_proof({"", 1, path, checkpoint}));
  out += block("frame, base64", to_base64(frame));
  return out;
}

TEST_CASE("the worked example of the README is what the code makes") {
  const std::string path = std::string(YUNJIAN_SOURCE_DIR) + "/ledger/README.md";
  std::stringstream page;
  page << std::ifstream(path).rdbuf();
  const std::string text = page.str();
  const std::size_t begin = text.find(begin_mark) + begin_mark.size();
  const std::size_t end = text.find(end_mark);
  REQUIRE(end != std::string::npos);
  REQUIRE(begin <= end);
  const std::string example = make_example();
  if (std::getenv("YUNJIAN_WRITE_EXAMPLE") != nullptr) {
    std::ofstream(path) << text.substr(0, begin) << example << text.substr(end);
    return;
  }
  CHECK(text.substr(begin, end - begin) == example);
}

}  // namespace
}  // namespace yunjian::ledger
