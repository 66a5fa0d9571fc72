#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "auditor/proof_source.h"
#include "auditor/stream_check.h"
#include "ledger/checkpoint.h"
#include "ledger/list_leaves.h"

namespace yunjian::auditor {

// A period of one host or unit, sealed as it is: yunjian/export/v1, grammar in README.md. For each
// stream all batches from the first that was sealed in the period to the first that was sealed
// behind it, so that every record of the period is in one of them; a header that links to the one
// before, and one path into the signed tree, bind all of them. A stream without a batch behind the
// period is open: what shows that the log held no more of it is a leaf of the collector's.
struct StreamEnd {
  // The newest roster over all agents, the retirement of the agent, or the enrolment of its next
  // incarnation; empty: none was there.
  std::string leaf;
  std::uint64_t index = 0;
  std::vector<ledger::Hash> path;
  std::string line;  // of a roster: the agent's, with its path to the root that the roster names
  std::uint64_t line_index = 0;
  std::vector<ledger::Hash> line_path;
};

struct ExportedStream {
  std::string enrolment;  // leaf
  std::uint64_t enrolment_index = 0;
  std::vector<ledger::Hash> enrolment_path;
  std::string previous;  // header before the first batch; empty when that is batch 0
  struct Frame {
    std::string header;
    std::string body;
  };
  std::vector<Frame> frames;
  std::uint64_t last_index = 0;  // of the last header in the log
  std::vector<ledger::Hash> last_path;
  bool open_end = false;  // the stream has no batch behind the period (yet)
  StreamEnd end;          // of an open one
};

struct Export {
  ledger::Time from{};
  ledger::Time to{};
  std::string what;  // "unit <id>" or "host <name>"
  std::string checkpoint;
  std::vector<ExportedStream> streams;
};

inline constexpr std::size_t export_bytes_max = 1U << 30;

std::string format_export(const Export& exported);
ledger::Result<Export> parse_export(std::string_view bytes);

// The newest roster over all agents in the tree, with its lines.
struct FullRoster {
  StreamEnd leaf;  // without a line
  ledger::Roster roster;
  std::string lines;
};
// Nothing: there is none, or this credential may not see its lines.
ledger::Result<std::optional<FullRoster>> newest_roster(ProofSource& source,
                                                        const ledger::Verifier& log,
                                                        const ledger::TreeHead& tree);

// Takes one stream of `batches` batches from a collector. Errors: those of `source`, corrupt (what
// is served does not fit the signed tree). Nothing when no batch lies in the period.
struct ExportPlan {
  ledger::Time from{};
  ledger::Time to{};
  std::string stream;
  ProofSource::StreamFacts facts;
  const FullRoster* roster = nullptr;  // may be null
};
ledger::Result<std::optional<ExportedStream>> export_stream(ProofSource& source,
                                                            const ledger::Verifier& log,
                                                            const ledger::TreeHead& tree,
                                                            const ExportPlan& plan);

struct ExportCheck {
  Findings findings;
  StreamCounts counts;
  std::uint64_t streams = 0;
  std::uint64_t open = 0;  // of them, without a batch behind the period
  ledger::TreeHead tree;
  std::uint64_t in_period = 0;  // records whose own time lies in the period
};
// Whether nothing is missing and nothing was changed: asks nobody. `take` gets each record of the
// period. Reject: the file is no such export or not of this log; what is wrong inside is a finding.
ledger::Result<ExportCheck> check_export(
    const Export& exported, const ledger::Verifier& log,
    const std::function<void(std::string_view stream, std::string_view line)>& take);

}  // namespace yunjian::auditor
