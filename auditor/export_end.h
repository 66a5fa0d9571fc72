#pragma once

#include <optional>
#include <string>

#include "auditor/export.h"

namespace yunjian::auditor {

// The last batch that the roster's lines name for this incarnation; nothing: no such line, or no
// batch yet.
std::optional<std::uint64_t> rostered_batch(const FullRoster& roster, const std::string& stream);

// Adds to an open stream what shows its end, as far as there is something. Errors as export_stream.
struct SignedLog {
  const ledger::Verifier& log;
  const ledger::TreeHead& tree;
};
ledger::Result<void> add_end(ProofSource& source, const SignedLog& of, const ExportPlan& plan,
                             ExportedStream& stream);

// What an open stream's end shows, once its batches were checked.
struct ShownEnd {
  std::optional<Finding> finding;     // with kind, zh, en
  std::optional<ledger::Time> until;  // the log held no further batch of it then; max: ever
};
ShownEnd check_end(const StreamEnd& end, const StreamCheck& stream, const ledger::Verifier& log,
                   const ledger::TreeHead& tree);

}  // namespace yunjian::auditor
