#include "agent/ship/answers.h"

#include <fmt/format.h>

#include "ledger/record.h"

namespace yunjian::agent {

using ledger::ErrorKind;
using ledger::fail;
using ledger::failure;
using ledger::Result;

namespace {

constexpr std::size_t problem_bytes_max = 500;
constexpr std::string_view successor_type = "urn:yunjian:problem:successor";
constexpr std::string_view another_log =
    "the collector's log contradicts the checkpoint this agent was given before; nothing is freed "
    "from the "
    "spool: tell the authority, and keep this host's state directory";

bool refuses_the_agent(long status) { return status == 401 || status == 403; }

std::string explain_status(const PostAnswer& answer, std::string_view detail) {
  std::string_view advice = "it is tried again";
  if (refuses_the_agent(answer.status)) {
    advice = "the collector does not take this agent's certificate; enrol again with a new token";
  } else if (answer.status == 429 || answer.status == 503) {
    advice = "the collector asks to wait";
  }
  if (detail.empty()) detail = answer.body;
  return fmt::format("HTTP {}: {}: {}", answer.status, advice, detail.substr(0, problem_bytes_max));
}

}  // namespace

Result<void> ReceiptBook::restore(std::string_view checkpoint_note) {
  auto checkpoint = open_checkpoint(checkpoint_note, log_);
  if (!checkpoint) return failure(checkpoint);
  newest_ = checkpoint->tree;
  note_ = checkpoint_note;
  return {};
}

Result<void> ReceiptBook::check(std::string_view receipt, const ledger::Hash& leaf) {
  auto checkpoint = verify_receipt(receipt, log_, leaf);
  if (!checkpoint) return failure(checkpoint, "the receipt does not verify");
  return compare(checkpoint->tree, ledger::parse_tlog_proof(receipt)->checkpoint, false);
}

Result<void> ReceiptBook::check_witnessed(std::string_view receipt, const ledger::Hash& leaf) {
  auto checkpoint = verify_receipt(receipt, log_, leaf);
  if (!checkpoint) return failure(checkpoint, "the witnessed receipt does not verify");
  std::string note = ledger::parse_tlog_proof(receipt)->checkpoint;
  std::size_t cosigned = 0;
  for (const ledger::Verifier& witness : witnesses_.keys) {
    if (ledger::open_note(note, {witness})) ++cosigned;
  }
  if (cosigned < witnesses_.quorum) {
    return fail(ErrorKind::reject,
                fmt::format("the receipt is cosigned by {} of the witnesses in [witness] keys, {} "
                            "are needed",
                            cosigned, witnesses_.quorum));
  }
  return compare(checkpoint->tree, std::move(note), true);
}

Result<void> ReceiptBook::compare(const ledger::TreeHead& tree, std::string note,
                                  bool may_be_older) {
  const bool back = tree.size < newest_.size && !may_be_older;
  if (back || (tree.size == newest_.size && tree != newest_)) {
    contradiction_ = Contradiction{.before = note_, .after = std::move(note)};
    return fail(ErrorKind::reject, std::string(another_log));
  }
  if (tree.size > newest_.size) {
    newest_ = tree;
    note_ = std::move(note);
  }
  return {};
}

AnswerReading read_answer(std::span<const Post::Place> frames, std::string_view stream,
                          const PostAnswer& answer, ReceiptBook& receipts) {
  AnswerReading reading;
  reading.retry_after = answer.retry_after;
  if (answer.status != 200) {
    const auto problem = ledger::parse_record(answer.body);
    reading.problem =
        explain_status(answer, problem ? (*problem)->find("detail").value_or("") : "");
    reading.refused = refuses_the_agent(answer.status);
    if (problem && (*problem)->find("type") == successor_type) reading.successor = answer.body;
    return reading;
  }
  const auto lines = ledger::parse_answers(answer.body);
  if (!lines) {
    reading.problem = "the collector's answer is not understood: " + lines.error().message;
    return reading;
  }
  for (std::size_t i = 0; i < frames.size(); ++i) {
    if (i >= lines->size()) {
      reading.problem = "the collector answered fewer frames than were sent";
      return reading;
    }
    const ledger::Answer& line = (*lines)[i];
    if (line.stream != stream || line.batch != frames[i].batch) {
      reading.problem = fmt::format("the collector answered for batch {} of {} instead of {}",
                                    line.batch, line.stream, frames[i].batch);
      return reading;
    }
    using enum ledger::Verdict;
    if (line.verdict == accepted || line.verdict == duplicate) {
      const auto good = receipts.check(line.receipt, frames[i].leaf);
      if (!good) {
        reading.problem = good.error().message;
        return reading;
      }
      reading.receipted = i + 1;
      continue;
    }
    reading.problem =
        fmt::format("batch {}: {}: {}", line.batch, to_string(line.verdict), line.problem);
    reading.forked = line.verdict == fork;
    reading.frame_refused = line.verdict == refused;
    if (line.verdict == expected) {
      // Anything else would only be asked for again and again.
      if (line.expected < line.batch) reading.go_back = line.expected;
      reading.problem =
          fmt::format("the collector expects batch {} instead of {}", line.expected, line.batch);
    }
    return reading;
  }
  return reading;
}

}  // namespace yunjian::agent
