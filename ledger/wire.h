#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ledger/ratchet.h"

namespace yunjian::ledger {

// POST /ingest/v1/batches: frames one after another, each u32be header length, header note, u32be
// body length, body.
inline constexpr std::size_t post_bytes_max = 8U << 20;
inline constexpr std::size_t post_frames_max = 256;

void append_frame(std::string& out, std::string_view header, std::string_view body);
struct FrameRef {
  std::string_view header;
  std::string_view body;
};
// Reject: a length beyond its limit, a cut frame, too many frames, none.
Result<std::vector<FrameRef>> split_frames(std::string_view post);

enum class Verdict { accepted, duplicate, fork, expected, refused };
std::string_view to_string(Verdict verdict);

// One line of the answer (NDJSON), in the order of the frames.
struct Answer {
  std::string stream;
  std::uint64_t batch = 0;
  Verdict verdict = Verdict::refused;
  std::string receipt;         // tlog-proof with accepted and duplicate
  std::uint64_t expected = 0;  // with expected
  std::string problem;         // with refused and fork: what and why, for a person
};

void append_answer(std::string& out, const Answer& answer);  // with the final \n
Result<std::vector<Answer>> parse_answers(std::string_view ndjson);

}  // namespace yunjian::ledger
