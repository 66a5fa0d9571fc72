#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "ledger/base/clock.h"
#include "ledger/merkle.h"
#include "ledger/note.h"

namespace yunjian::ledger {

inline constexpr std::uint32_t batch_records_max = 4096;
inline constexpr std::uint32_t batch_bytes_max = 1U << 20;  // of joined record lines at the agent
inline constexpr std::uint32_t body_decoded_bytes_max = 4U << 20;  // a receiver stops here
inline constexpr std::uint32_t body_encoded_bytes_max = 4U << 20;
inline constexpr std::uint32_t header_bytes_max = 4096;
inline constexpr int body_window_log_max = 23;  // 8 MiB

// 16 random bytes as 32 lower-case hex digits.
bool is_agent_id(std::string_view id);
// "<agent>.<incarnation>"
std::string stream_id(std::string_view agent, std::uint64_t incarnation);
struct StreamName {
  std::string agent;
  std::uint64_t incarnation;
};
Result<StreamName> parse_stream_id(std::string_view id);
// Name of the keys that sign an agent's batches: "<origin>/agent/<agent>".
std::string agent_key_name(std::string_view origin, std::string_view agent);

// The text of a batch header, field for field (grammar in ledger/README.md).
struct BatchHeader {
  std::string agent;
  std::uint64_t incarnation = 1;
  std::uint64_t batch = 0;
  std::uint64_t first_record = 0;
  std::uint64_t records = 0;
  Hash root{};
  Hash previous{};  // leaf hash of the header before; for batch 0 of the enrolment leaf
  Time sealed{};
  std::string boot_id;
  std::uint64_t boot_ms = 0;
  std::vector<std::string> flags;  // "clean-start", "crash-start", "skipped=n"
  std::string next_key;            // raw public key
};

std::string format_header(const BatchHeader& header);
// Of a note's text; reject names the line that is wrong.
Result<BatchHeader> parse_header(std::string_view text, const Suite& suite);
// Parses note and text; exactly one signature line, not verified here.
struct SealedHeader {
  BatchHeader header;
  Note note;
};
Result<SealedHeader> read_header(std::string_view note_bytes, const Suite& suite);
// Whether the one signature line is by `raw_public_key` under the stream's key name.
bool header_signed_by(const SealedHeader& sealed, const Suite& suite, std::string_view origin,
                      std::string_view raw_public_key);

// Gathers record lines of one batch: lines joined by \n, tree kept as they come. Reused from batch
// to batch, no allocation per record. One thread.
class BatchBody {
 public:
  explicit BatchBody(Hasher& hasher) : tree_(hasher) {}
  // False when the line does not fit into this batch any more (records or bytes): seal first.
  bool add(std::string_view line);
  std::uint64_t records() const { return tree_.size(); }
  const std::string& lines() const { return lines_; }
  Hash root() const { return tree_.root(); }
  void reset();

 private:
  std::string lines_;
  MerkleFrontier tree_;
};

// zstd frame with content checksum and size; contexts reused. One thread.
class BodyEncoder {
 public:
  explicit BodyEncoder(int level = 1);
  ~BodyEncoder();
  BodyEncoder(const BodyEncoder&) = delete;
  BodyEncoder& operator=(const BodyEncoder&) = delete;
  Result<void> encode(std::string_view lines,
                      std::string& out);  // replaces `out`; empty lines give an empty body

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

class BodyDecoder {
 public:
  BodyDecoder();
  ~BodyDecoder();
  BodyDecoder(const BodyDecoder&) = delete;
  BodyDecoder& operator=(const BodyDecoder&) = delete;
  // One zstd frame, nothing behind it, window and size within the limits. Reject otherwise.
  Result<void> decode(std::string_view body, std::string& out);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Splits joined lines at \n; `records` must match ("" with records 0, or exactly `records` lines).
// Reject otherwise.
Result<std::vector<std::string_view>> split_lines(std::string_view joined, std::uint64_t records);
Hash lines_root(Hasher& hasher, const std::vector<std::string_view>& lines);

}  // namespace yunjian::ledger
