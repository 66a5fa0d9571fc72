#include <doctest/doctest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "ledger/checkpoint.h"
#include "ledger/leaves.h"
#include "ledger/list_leaves.h"
#include "ledger/record.h"
#include "ledger/statement_leaves.h"
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

std::string list_blocks(const PrivateKey& log) {
  const auto hasher = default_suite().hasher();
  const Time time = parse_time("2026-11-23T03:00:00.000000Z").value();
  std::string lines;
  append_roster_line(lines, {agent, 1, 0, false});
  append_roster_line(lines, {"f00102030405060708090a0b0c0d0e0f", 2, std::nullopt, true});
  const std::string roster = format_roster({time, 2, true, list_head(lines, *hasher).value()});
  std::string out = block("lines of a roster", lines);
  out += block("roster leaf", format_note(roster, {line_by(log, origin, roster)}));
  lines.clear();
  append_purge_line(lines, {stream_id(agent, 1), 0, 0});
  const std::string purge =
      format_purge({time, 2, "2026-11-22", list_head(lines, *hasher).value()});
  out += block("lines of a purge", lines);
  out += block("purge leaf", format_note(purge, {line_by(log, origin, purge)}));
  return out;
}

std::string statement_blocks(const PrivateKey& log, const Hash& enrolment, const Hash& header) {
  const Time time = parse_time("2026-11-23T03:00:00.000000Z").value();
  const auto authority = key_of('\x04');
  const std::string retirement = format_retirement({agent, 1, 1, header, time});
  const std::string endorsement = format_endorsement({std::string(origin), 0, enrolment, time});
  const std::string report = format_report({"2026-11", 2, sha256("manifest"), time});
  std::string out =
      block("retirement leaf", format_note(retirement, {line_by(log, origin, retirement)}));
  const Verifier named(default_suite(), "authority.example.gov.cn", authority->public_key());
  out += block("vkey of the authority", named.vkey());
  out += block("endorsement leaf",
               format_note(endorsement, {line_by(*authority, named.name(), endorsement),
                                         line_by(log, origin, endorsement)}));
  out += block("report leaf", format_note(report, {line_by(log, origin, report)}));
  return out;
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
  out += list_blocks(*log_key);
  out += statement_blocks(*log_key, leaves[0], leaves[1]);
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
