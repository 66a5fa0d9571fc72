#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "collector/verify/gap_scan.h"
#include "ledger/archive/wal_entry.h"
#include "ledger/batch.h"
#include "ledger/suite.h"
#include "ledger/wire.h"

namespace yunjian::collector {

// What was answered since the start, for metrics.
struct VerifyCounters {
  std::uint64_t accepted = 0;  // hollow ones included
  std::uint64_t hollow = 0;
  std::uint64_t duplicate = 0;
  std::uint64_t filled = 0;  // duplicates that brought a missing body
  std::uint64_t expected = 0;
  std::uint64_t fork = 0;              // answers; the same refused header may come again
  std::uint64_t refused_header = 0;    // no batch header
  std::uint64_t refused_agent = 0;     // the certificate is another agent's
  std::uint64_t refused_stream = 0;    // not enrolled here
  std::uint64_t refused_key = 0;       // bad signature
  std::uint64_t refused_sequence = 0;  // records do not continue the stream
  std::uint64_t refused_body = 0;      // undecodable, or not the root's
  std::uint64_t records = 0;           // that came with accepted and filled batches
  std::uint64_t body_bytes = 0;        // of their bodies, as they came
  std::uint64_t line_bytes = 0;        // the same, decoded

  VerifyCounters& operator+=(const VerifyCounters& more);
};

// What one thread needs to examine frames; costly to make, used again and again.
struct Workspace {
  explicit Workspace(const ledger::Suite& suite) : hasher(suite.hasher()) {}
  std::unique_ptr<ledger::Hasher> hasher;
  ledger::BodyDecoder decoder;
  std::string lines;
};

enum class BodyFinding { absent, good, bad };

// What a frame says by itself, without any state. The views point into the post.
struct ExaminedFrame {
  std::string_view header_bytes;
  std::string_view body_bytes;
  // Set when the frame is refused already; the rest is then not filled in beyond stream and batch.
  std::string refused;
  std::uint64_t VerifyCounters::*cause = nullptr;

  std::string stream;
  ledger::SealedHeader sealed;
  ledger::Hash leaf_hash{};
  BodyFinding body = BodyFinding::absent;  // good without records when there are none to bring
  std::string body_problem;
  ledger::BodySpan span;
  std::uint64_t line_bytes = 0;
  std::uint64_t decoded_bytes = 0;  // that were worked out, whatever came of them
  std::vector<GapSeen> gaps;        // without stream and batch

  const ledger::BatchHeader& header() const { return sealed.header; }
};

ExaminedFrame examine_frame(const ledger::FrameRef& frame, std::string_view peer,
                            const ledger::Suite& suite, Workspace& space);

}  // namespace yunjian::collector
