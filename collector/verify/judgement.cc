#include "collector/verify/judgement.h"

#include <fmt/format.h>

#include "ledger/leaves.h"

namespace yunjian::collector {

using ledger::Hash;
using ledger::Result;
using ledger::Verdict;

Result<void> Judgement::judge(const ExaminedFrame& frame) {
  Stream& stream = stream_of(frame.stream);
  const std::uint64_t number = frame.header().batch;
  if (!stream.state.begun) {
    refuse_for(frame, "the stream is of a lost log and its first batch here is not linked yet",
               &VerifyCounters::refused_sequence);
    return {};
  }
  if (number > stream.state.next_batch) {
    expect(stream, frame);
    return {};
  }
  if (number == stream.state.next_batch) return judge_next(stream, frame);
  return judge_earlier(stream, frame);
}

Result<void> Judgement::judge_beginning(const ExaminedFrame& frame) {
  Stream& stream = stream_of(frame.stream);
  if (stream.state.begun) return judge(frame);
  if (frame.body == BodyFinding::bad) {
    refuse_for(frame, frame.body_problem + ": send the batch again", &VerifyCounters::refused_body);
    return {};
  }
  accept(stream, frame);
  return {};
}

void Judgement::refuse(const ExaminedFrame& frame) {
  refuse_for(frame, frame.refused, frame.cause);
}

// The key is right only when the one who sealed the batch before announced it.
Result<void> Judgement::judge_next(Stream& stream, const ExaminedFrame& frame) {
  const ledger::BatchHeader& header = frame.header();
  if (stream.state.closed) {
    refuse_for(frame, "the enrolment of the next incarnation names the batch before as the last",
               &VerifyCounters::refused_sequence);
    return {};
  }
  if (!is_signed(stream, frame, stream.state.next_key)) {
    refuse_for(frame, "the signature is not by the key that the batch before announced",
               &VerifyCounters::refused_key);
    return {};
  }
  if (header.previous != stream.state.head) return keep_fork(stream, frame, std::nullopt);
  if (header.first_record != stream.state.next_record ||
      header.records > ledger::batch_records_max) {
    refuse_for(frame,
               fmt::format("the batch says records {} {}: it must begin at {} and hold at most {}",
                           header.first_record, header.records, stream.state.next_record,
                           ledger::batch_records_max),
               &VerifyCounters::refused_sequence);
    return {};
  }
  if (frame.body == BodyFinding::bad) {
    refuse_for(frame, frame.body_problem + ": send the batch again", &VerifyCounters::refused_body);
    return {};
  }
  accept(stream, frame);
  return {};
}

Result<void> Judgement::judge_earlier(Stream& stream, const ExaminedFrame& frame) {
  const std::uint64_t number = frame.header().batch;
  if (number < stream.state.first_batch) {
    refuse_for(frame, fmt::format("the stream begins here with batch {}", stream.state.first_batch),
               &VerifyCounters::refused_sequence);
    return {};
  }
  auto known = known_batch(stream, frame);
  if (!known) return failure(known);
  if (known->leaf_hash == frame.leaf_hash) {
    repeat(stream, frame, *known);
    return {};
  }
  // Whose key signed the first batch of an inherited stream, the batch before told, which is lost.
  const bool telling = number == 0 || number > stream.state.first_batch;
  auto key = telling ? key_for(stream, frame) : Result<std::string>(std::string());
  if (!key) return failure(key);
  if (telling && is_signed(stream, frame, *key)) return keep_fork(stream, frame, known->leaf_hash);
  refuse_for(frame, "the signature is not by the key of that batch number",
             &VerifyCounters::refused_key);
  return {};
}

void Judgement::accept(Stream& stream, const ExaminedFrame& frame) {
  const ledger::BatchHeader& header = frame.header();
  BatchEntry entry;
  entry.unit = stream.state.unit;
  entry.host = stream.state.host;
  entry.header = frame.header_bytes;
  entry.body = frame.body_bytes;
  entry.hollow = frame.body == BodyFinding::absent;
  entry.span = frame.span;
  Known known;
  known.leaf_hash = frame.leaf_hash;
  known.key = stream.state.next_key;
  known.hollow = entry.hollow;
  known.entry = entries_.size();
  add(frame, Verdict::accepted).entry = known.entry;
  ++counters_.accepted;
  if (entry.hollow) {
    ++counters_.hollow;
  } else {
    count_body(frame);
  }
  entries_.emplace_back(std::move(entry));
  stream.accepted.emplace(header.batch, std::move(known));
  if (!stream.state.begun) stream.state.first_batch = header.batch;
  stream.state.begun = true;
  stream.state.head = frame.leaf_hash;
  stream.state.next_key = header.next_key;
  stream.state.next_batch = header.batch + 1;
  stream.state.next_record = header.first_record + header.records;
}

// A batch that this very post brought hollow is not filled by it: sent again, it will be.
void Judgement::repeat(Stream& stream, const ExaminedFrame& frame, const Known& known) {
  Outcome& outcome = add(frame, Verdict::duplicate);
  outcome.leaf = known.leaf;
  outcome.entry = known.entry;
  ++counters_.duplicate;
  const bool fills = known.hollow && known.leaf && frame.body == BodyFinding::good;
  if (!fills || !stream.filled.insert(frame.header().batch).second) return;
  ++counters_.filled;
  count_body(frame);
  entries_.emplace_back(
      BodyFill{frame.stream, frame.header().batch, std::string(frame.body_bytes), frame.span});
}

Result<void> Judgement::keep_fork(Stream& stream, const ExaminedFrame& frame,
                                  std::optional<Hash> accepted) {
  ++counters_.fork;
  add(frame, Verdict::fork).answer.problem =
      "this stream's key signed two histories; the evidence is kept. Stop the agent, find out who "
      "else holds its state, and enrol it anew with a token made for it";
  if (log_.has_fork(frame.stream, frame.leaf_hash) || stream.state.forks >= fork_leaves_max ||
      !stream.forks.insert(frame.leaf_hash).second) {
    return {};
  }
  ledger::Fork fork;
  fork.agent = frame.header().agent;
  fork.incarnation = frame.header().incarnation;
  fork.batch = frame.header().batch;
  fork.accepted = accepted;
  fork.refused = frame.header_bytes;
  fork.seen = now_;
  const bool keeps_body = !frame.body_bytes.empty() && stream.state.fork_bodies < fork_bodies_max;
  if (keeps_body) fork.body = log_.suite().hasher()->plain(frame.body_bytes);
  const std::string text = ledger::format_fork(fork);
  auto line = log_.sign(text);
  if (!line) return failure(line, "signing a fork leaf");
  entries_.emplace_back(LeafEntry{ledger::format_note(text, {*line})});
  ++stream.state.forks;
  if (!keeps_body) return {};
  entries_.emplace_back(
      ForkBody{frame.stream, fork.batch, frame.leaf_hash, std::string(frame.body_bytes)});
  ++stream.state.fork_bodies;
  return {};
}

void Judgement::expect(const Stream& stream, const ExaminedFrame& frame) {
  ++counters_.expected;
  add(frame, Verdict::expected).answer.expected = stream.state.next_batch;
}

void Judgement::refuse_for(const ExaminedFrame& frame, std::string problem,
                           std::uint64_t VerifyCounters::*cause) {
  ++(counters_.*cause);
  add(frame, Verdict::refused).answer.problem = std::move(problem);
}

Judgement::Outcome& Judgement::add(const ExaminedFrame& frame, Verdict verdict) {
  Outcome outcome;
  outcome.answer.stream = frame.stream;
  outcome.answer.batch = frame.header().batch;
  outcome.answer.verdict = verdict;
  outcomes_.push_back(std::move(outcome));
  return outcomes_.back();
}

void Judgement::count_body(const ExaminedFrame& frame) {
  counters_.records += frame.header().records;
  counters_.body_bytes += frame.body_bytes.size();
  counters_.line_bytes += frame.line_bytes;
}

Judgement::Stream& Judgement::stream_of(const std::string& id) {
  if (const auto it = streams_.find(id); it != streams_.end()) return it->second;
  auto state = log_.stream(id);
  ledger::require(state.has_value(), "only frames of enrolled streams are judged");
  Stream stream;
  stream.state = std::move(*state);
  return streams_.emplace(id, std::move(stream)).first->second;
}

Result<Judgement::Known> Judgement::known_batch(Stream& stream, const ExaminedFrame& frame) const {
  const auto it = stream.accepted.find(frame.header().batch);
  if (it != stream.accepted.end()) return it->second;
  auto found = log_.batch_row(frame.stream, frame.header().batch);
  if (!found) return failure(found);
  const std::optional<BatchRow>& row = *found;
  ledger::require(row.has_value(), "the log has every batch below the next one of a stream");
  auto hash = log_.leaf_hash(row->leaf);
  if (!hash) return failure(hash);
  Known known;
  known.leaf_hash = *hash;
  known.leaf = row->leaf;
  known.hollow = row->hollow;
  return known;
}

// The key that may sign `frame`'s number: announced by the batch before, or by the enrolment.
Result<std::string> Judgement::key_for(const Stream& stream, const ExaminedFrame& frame) const {
  const std::uint64_t number = frame.header().batch;
  if (const auto it = stream.accepted.find(number); it != stream.accepted.end()) {
    return it->second.key;
  }
  if (number == 0) return stream.state.first_key;
  auto found = log_.batch_row(frame.stream, number - 1);
  if (!found) return failure(found);
  const std::optional<BatchRow>& row = *found;
  ledger::require(row.has_value(), "the log has every batch below the next one of a stream");
  auto leaf = log_.leaf(row->leaf);
  if (!leaf) return leaf;
  auto before = ledger::read_header(*leaf, log_.suite());
  if (!before) return failure(before);
  return before->header.next_key;
}

bool Judgement::is_signed(const Stream& stream, const ExaminedFrame& frame,
                          std::string_view key) const {
  const auto dead = stream.state.inherited ? log_.predecessor() : std::nullopt;
  return ledger::header_signed_by(frame.sealed, log_.suite(),
                                  dead ? dead->name() : log_.verifier().name(), key);
}

Result<std::vector<ledger::Answer>> Judgement::finish(const Committed& committed) {
  std::vector<std::uint64_t> leaves;
  for (Outcome& outcome : outcomes_) {
    if (outcome.entry) outcome.leaf = committed.leaves.at(*outcome.entry);
    if (outcome.leaf) leaves.push_back(*outcome.leaf);
  }
  auto receipts = log_.receipts(leaves);
  if (!receipts) return failure(receipts);
  std::vector<ledger::Answer> answers;
  std::size_t next = 0;
  for (Outcome& outcome : outcomes_) {
    if (outcome.leaf) outcome.answer.receipt = std::move((*receipts)[next++]);
    answers.push_back(std::move(outcome.answer));
  }
  return answers;
}

}  // namespace yunjian::collector
