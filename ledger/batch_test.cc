#include "ledger/batch.h"

#include <doctest/doctest.h>
#include <zstd.h>

#include "ledger/testing/seeded_random.h"

namespace yunjian::ledger {
namespace {

BatchHeader sample_header(const PrivateKey& next) {
  BatchHeader header;
  header.agent = "5f0c9a00112233445566778899aabbcc";
  header.batch = 1234;
  header.first_record = 81234;
  header.records = 57;
  header.root = sha256("root");
  header.previous = sha256("previous");
  header.sealed = parse_time("2026-11-22T08:16:05.123456Z").value();
  header.boot_id = "0f8fad5b-d9cb-469f-a165-70867728950e";
  header.boot_ms = 4711;
  header.next_key = next.public_key();
  return header;
}

TEST_CASE("a header's text is the one of the format page, and reads back the same") {
  testing::SeededRandom random(1);
  const auto key = default_suite().generate(random).value();
  BatchHeader header = sample_header(*key);
  const std::string text = format_header(header);
  CHECK(text ==
        "yunjian/batch/v1\n"
        "agent 5f0c9a00112233445566778899aabbcc\n"
        "incarnation 1\n"
        "batch 1234\n"
        "records 81234 57\n"
        "root SBNJTRN+FjG7owHVrKtue7eqdM4RhdRWVl71HXN2d7I=\n"
        "previous " +
            to_base64(as_view(header.previous)) +
            "\n"
            "sealed 2026-11-22T08:16:05.123456Z\n"
            "boot 0f8fad5b-d9cb-469f-a165-70867728950e 4711\n"
            "flags -\n"
            "next " +
            to_base64(header.next_key) + "\n");
  header.flags = {"crash-start", "skipped=3"};
  const std::string flagged = format_header(header);
  CHECK(format_header(parse_header(flagged, default_suite()).value()) == flagged);
}

TEST_CASE("a header with any wrong line is refused and the line named") {
  testing::SeededRandom random(1);
  const auto key = default_suite().generate(random).value();
  const std::string good = format_header(sample_header(*key));
  const auto problem = [&](std::string_view from, std::string_view to) {
    std::string text = good;
    text.replace(text.find(from), from.size(), to);
    const auto header = parse_header(text, default_suite());
    return header ? std::string() : header.error().message;
  };
  CHECK(problem("batch/v1", "batch/v2").find("first line") != std::string::npos);
  CHECK(problem("5f0c9a", "5F0C9A").find("'agent'") != std::string::npos);
  CHECK(problem("incarnation 1", "incarnation 0").find("'incarnation'") != std::string::npos);
  CHECK(problem("batch 1234", "batch 01234").find("'batch'") != std::string::npos);
  CHECK(problem("81234 57", "81234  57").find("'records'") != std::string::npos);
  CHECK(problem("root SBN", "root SB").find("'root'") != std::string::npos);
  CHECK(problem("05.123456Z", "05Z").find("'sealed'") != std::string::npos);
  CHECK(problem("boot 0f8f", "boot 0F8F").find("'boot'") != std::string::npos);
  CHECK(problem("flags -", "flags clean-start ").find("'flags'") != std::string::npos);
  CHECK(problem("flags -", "flags maybe").find("'flags'") != std::string::npos);
  CHECK(problem("next ", "next AAAA").find("'next'") != std::string::npos);
  CHECK_FALSE(parse_header(good + "more 1\n", default_suite()));
  for (std::size_t size = 0; size < good.size(); ++size) {
    CHECK_FALSE(parse_header(good.substr(0, size), default_suite()));
  }
}

TEST_CASE("a header is signed by one key under the stream's name") {
  testing::SeededRandom random(5);
  const auto key = default_suite().generate(random).value();
  const auto other = default_suite().generate(random).value();
  const std::string text = format_header(sample_header(*other));
  const Verifier signer(default_suite(),
                        agent_key_name("log.example", "5f0c9a00112233445566778899aabbcc"),
                        key->public_key());
  const SignatureLine line = sign_line(signer, *key, text).value();
  const auto sealed = read_header(format_note(text, {line}), default_suite()).value();
  CHECK(header_signed_by(sealed, default_suite(), "log.example", key->public_key()));
  CHECK_FALSE(header_signed_by(sealed, default_suite(), "log.example", other->public_key()));
  CHECK_FALSE(header_signed_by(sealed, default_suite(), "other.example", key->public_key()));
  CHECK_FALSE(read_header(format_note(text, {line, line}), default_suite()));
}

TEST_CASE("a batch takes lines up to its limits and gives their root") {
  const auto hasher = default_suite().hasher();
  BatchBody body(*hasher);
  std::vector<std::string_view> lines(batch_records_max, "line");
  for (const auto line : lines) CHECK(body.add(line));
  CHECK_FALSE(body.add("one too many"));
  CHECK(body.records() == batch_records_max);
  CHECK(body.root() == lines_root(*hasher, lines));

  body.reset();
  const std::string big(batch_bytes_max - 10, 'x');
  CHECK(body.add(big));
  CHECK(body.add("123456789"));  // with its \n exactly at the limit
  CHECK_FALSE(body.add(""));
  body.reset();
  CHECK(body.records() == 0);
  CHECK(body.root() == hasher->plain(""));
}

TEST_CASE("a body comes back, and a hostile one is stopped") {
  BodyEncoder encoder;
  BodyDecoder decoder;
  std::string body;
  std::string lines;
  const std::string text = "a\nb\nc";
  REQUIRE(encoder.encode(text, body));
  REQUIRE(decoder.decode(body, lines));
  CHECK(lines == text);
  CHECK(split_lines(lines, 3).value() == std::vector<std::string_view>{"a", "b", "c"});
  CHECK_FALSE(split_lines(lines, 2));
  CHECK_FALSE(split_lines(lines, ~std::uint64_t{0}));
  CHECK(split_lines("", 0).value().empty());
  CHECK_FALSE(split_lines("a", 0));
  CHECK_FALSE(split_lines("a\n", 1));
  CHECK(split_lines("a\n", 2).value() == std::vector<std::string_view>{"a", ""});
  CHECK(split_lines("a\nb\nc", 2).error().message == "the body holds 3 lines, the header says 2");

  for (std::size_t i = 0; i < body.size() * 8; ++i) {
    std::string flipped = body;
    flipped[i / 8] = static_cast<char>(flipped[i / 8] ^ (1 << (i % 8)));
    // Some header bits mean nothing to a decoder; a different text must never come out.
    const bool decoded = decoder.decode(flipped, lines).has_value();
    CHECK(lines == (decoded ? text : ""));
  }
  for (std::size_t size = 1; size < body.size(); ++size) {
    CHECK_FALSE(decoder.decode(body.substr(0, size), lines));
  }
  CHECK_FALSE(decoder.decode(body + "x", lines));
  CHECK_FALSE(decoder.decode(body + body, lines));

  REQUIRE(encoder.encode(std::string(body_decoded_bytes_max, 'x'), body));
  CHECK(decoder.decode(body, lines));
  REQUIRE(encoder.encode(std::string(body_decoded_bytes_max + 1, 'x'), body));
  CHECK_FALSE(decoder.decode(body, lines));
}

TEST_CASE("a bomb that does not tell its size is stopped at the limit") {
  const std::string zeros(64U << 20, '\0');
  std::string bomb(ZSTD_compressBound(zeros.size()), '\0');
  ZSTD_CCtx* context = ZSTD_createCCtx();
  ZSTD_CCtx_setParameter(context, ZSTD_c_contentSizeFlag, 0);
  bomb.resize(ZSTD_compress2(context, bomb.data(), bomb.size(), zeros.data(), zeros.size()));
  ZSTD_freeCCtx(context);
  BodyDecoder decoder;
  std::string lines;
  CHECK_FALSE(decoder.decode(bomb, lines));
  CHECK(lines.empty());
}

TEST_CASE("stream ids are an agent id and an incarnation") {
  const std::string agent = "5f0c9a00112233445566778899aabbcc";
  CHECK(parse_stream_id(stream_id(agent, 12)).value().incarnation == 12);
  for (const std::string_view bad :
       {"", ".", "5f.1", "5f0c9a00112233445566778899aabbcc", "5f0c9a00112233445566778899aabbcc.0",
        "5f0c9a00112233445566778899aabbcc.01", "5F0c9a00112233445566778899aabbcc.1"}) {
    CHECK_FALSE(parse_stream_id(bad));
  }
}

}  // namespace
}  // namespace yunjian::ledger
