#include "collector/verify/examine.h"

#include <fmt/format.h>

#include "collector/store/line_glance.h"

namespace yunjian::collector {
namespace {

void find_bad(ExaminedFrame& frame, std::string_view problem) {
  frame.body = BodyFinding::bad;
  frame.body_problem = problem;
}

void examine_without_records(ExaminedFrame& frame, Workspace& space) {
  if (!frame.body_bytes.empty()) return find_bad(frame, "a body came with a batch of no records");
  if (frame.header().root != ledger::merkle_root(*space.hasher, {})) {
    return find_bad(frame, "the root of a batch of no records is not that of an empty tree");
  }
  frame.body = BodyFinding::good;
}

void examine_body(ExaminedFrame& frame, Workspace& space) {
  const ledger::BatchHeader& header = frame.header();
  if (header.records == 0) return examine_without_records(frame, space);
  if (frame.body_bytes.empty()) return;
  if (auto decoded = space.decoder.decode(frame.body_bytes, space.lines); !decoded) {
    frame.decoded_bytes = ledger::body_decoded_bytes_max;  // at most; the decoder does not say
    return find_bad(frame, decoded.error().message);
  }
  frame.decoded_bytes = space.lines.size();
  const auto lines = ledger::split_lines(space.lines, header.records);
  if (!lines) return find_bad(frame, lines.error().message);
  if (ledger::lines_root(*space.hasher, *lines) != header.root) {
    return find_bad(frame, "the body's records do not give the header's root");
  }
  frame.body = BodyFinding::good;
  frame.span = span_of(*lines);
  frame.line_bytes = space.lines.size();
  frame.gaps = find_gaps(*lines);
}

}  // namespace

VerifyCounters& VerifyCounters::operator+=(const VerifyCounters& more) {
  accepted += more.accepted;
  hollow += more.hollow;
  duplicate += more.duplicate;
  filled += more.filled;
  expected += more.expected;
  fork += more.fork;
  refused_header += more.refused_header;
  refused_agent += more.refused_agent;
  refused_stream += more.refused_stream;
  refused_key += more.refused_key;
  refused_sequence += more.refused_sequence;
  refused_body += more.refused_body;
  records += more.records;
  body_bytes += more.body_bytes;
  line_bytes += more.line_bytes;
  return *this;
}

ExaminedFrame examine_frame(const ledger::FrameRef& frame, std::string_view peer,
                            const ledger::Suite& suite, Workspace& space) {
  ExaminedFrame out;
  out.header_bytes = frame.header;
  out.body_bytes = frame.body;
  auto sealed = ledger::read_header(frame.header, suite);
  if (!sealed) {
    out.refused = "this is no batch header: " + sealed.error().message;
    out.cause = &VerifyCounters::refused_header;
    return out;
  }
  out.sealed = std::move(*sealed);
  out.stream = ledger::stream_id(out.header().agent, out.header().incarnation);
  if (out.header().agent != peer) {
    out.refused = fmt::format(
        "the client certificate is not that of agent {}: post with the "
        "certificate of the agent that sealed the batch",
        out.header().agent);
    out.cause = &VerifyCounters::refused_agent;
    return out;
  }
  out.leaf_hash = space.hasher->leaf(frame.header);
  examine_body(out, space);
  return out;
}

}  // namespace yunjian::collector
