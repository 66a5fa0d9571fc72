#include "auditor/stream_table.h"

#include <fmt/format.h>

#include "ledger/leaves.h"

namespace yunjian::auditor {

using ledger::Result;

void StreamTable::take(const StreamTask& task) {
  tools_.leaf = task.leaf;
  tools_.log_time = task.time;
  switch (task.kind) {
    case StreamTask::Kind::enrolment:
      return enrolment(task);
    case StreamTask::Kind::batch:
      return batch(task);
    case StreamTask::Kind::late_body:
    case StreamTask::Kind::late_lines:
      return late_body(task);
    case StreamTask::Kind::purge:
      return purge(task);
  }
}

void StreamTable::enrolment(const StreamTask& task) {
  const std::string place = fmt::format("leaf {}", task.leaf);
  auto note = ledger::parse_note(task.bytes);
  auto parsed =
      note ? ledger::parse_enrolment(note->text) : Result<ledger::Enrolment>(ledger::failure(note));
  if (!parsed) {
    tools_.found(FindingKind::tampered, place, "登记叶子无法解读", parsed.error().message);
    return;
  }
  if (dead_ && parsed->origin == dead_->name()) return inherited(task, *parsed);
  const auto before = streams_.find(ledger::stream_id(parsed->agent, parsed->incarnation - 1));
  std::optional<std::string_view> announced;
  if (before != streams_.end()) announced = before->second.next_key();
  auto check = ledger::verify_enrolment(task.bytes, log_, announced);
  if (!check) {
    tools_.found(FindingKind::tampered, place, "登记叶子签名无效: " + check.error().message,
                 check.error().message);
    return;
  }
  const std::string id = ledger::stream_id(parsed->agent, parsed->incarnation);
  StreamCheck* const earlier = before != streams_.end() ? &before->second : nullptr;
  check_before(task, *parsed, earlier);
  ++enrolments_;
  // Whether the dead log's key endorses it is told when the header comes that announced that key.
  const bool later = earlier != nullptr && earlier->next() && !earlier->reached_end();
  if (!check->endorsed && !later) {
    unendorsed_.push_back({task.leaf, task.leaf_hash, id, parsed->unit, parsed->host});
  }
  if (!streams_.try_emplace(id, log_.suite(), log_.name(), *parsed, task.leaf_hash).second) {
    tools_.found(FindingKind::tampered, place, fmt::format("流 {} 被登记两次", id),
                 fmt::format("stream {} is enrolled twice", id));
  }
}

// What the log says of the incarnation before, if it holds one.
void StreamTable::check_before(const StreamTask& task, const ledger::Enrolment& enrolment,
                               StreamCheck* before) {
  const std::string place = fmt::format("leaf {}", task.leaf);
  if (before == nullptr && enrolment.incarnation > 1) {
    const std::string id = ledger::stream_id(enrolment.agent, enrolment.incarnation);
    tools_.found(FindingKind::missing, place, fmt::format("流 {} 的前一代不在日志中", id),
                 fmt::format("the incarnation before stream {} is not in the log", id));
  }
  if (before == nullptr || enrolment.previous == before->head()) return;
  if (before->is_inherited() && enrolment.previous) {
    before->ends_before({task.leaf, task.bytes, *enrolment.previous});
    return;
  }
  tools_.found(FindingKind::notice, place, "登记后,前一代仍有批次入账",
               "batches of the incarnation before came in after its successor was prepared");
}

// An enrolment of the dead log, as it was there.
void StreamTable::inherited(const StreamTask& task, const ledger::Enrolment& enrolment) {
  const std::string place = fmt::format("leaf {}", task.leaf);
  auto check = ledger::verify_enrolment(task.bytes, *dead_, std::nullopt);
  if (!check) {
    tools_.found(FindingKind::tampered, place, "登记叶子签名无效: " + check.error().message,
                 check.error().message);
    return;
  }
  const std::string id = ledger::stream_id(enrolment.agent, enrolment.incarnation);
  const auto [stream, fresh] =
      streams_.try_emplace(id, log_.suite(), log_.name(), enrolment, task.leaf_hash);
  if (!fresh) {
    tools_.found(FindingKind::tampered, place, fmt::format("流 {} 被登记两次", id),
                 fmt::format("stream {} is enrolled twice", id));
    return;
  }
  ++enrolments_;
  stream->second.inherit(dead_->name());
  tell_dead_end(stream->second);
}

void StreamTable::tell_dead_end(StreamCheck& stream) const {
  if (dead_log_ == nullptr) return;
  const auto known = dead_log_->streams.find(stream.id());
  if (known != dead_log_->streams.end()) stream.know_dead_end(known->second, dead_log_->held);
}

// The last header of an inherited stream announced the key that must endorse what follows.
void StreamTable::check_end(const StreamCheck& stream) {
  if (!stream.reached_end()) return;
  const NextEnrolment& next = *stream.next();
  const auto check = ledger::verify_enrolment(next.bytes, log_, stream.next_key());
  if (!check || check->endorsed) return;
  const ledger::Enrolment& enrolment = check->enrolment;
  unendorsed_.push_back({next.leaf, tools_.hasher->leaf(next.bytes),
                         ledger::stream_id(enrolment.agent, enrolment.incarnation), enrolment.unit,
                         enrolment.host});
}

void StreamTable::batch(const StreamTask& task) {
  const std::string place = fmt::format("leaf {}", task.leaf);
  auto sealed = ledger::read_header(task.bytes, log_.suite());
  if (!sealed) {
    tools_.found(FindingKind::tampered, place, "批次头无法解读", sealed.error().message);
    return;
  }
  const std::string id = ledger::stream_id(sealed->header.agent, sealed->header.incarnation);
  const auto stream = streams_.find(id);
  if (stream == streams_.end()) {
    tools_.found(FindingKind::tampered,
                 fmt::format("{} stream {} batch {}", place, id, sealed->header.batch),
                 "该批次所属的流没有登记叶子", "no enrolment leaf opens the stream of this batch");
    return;
  }
  stream->second.batch(*sealed, task.leaf_hash,
                       task.body ? std::optional<std::string_view>(*task.body) : std::nullopt,
                       tools_);
  check_end(stream->second);
}

void StreamTable::purge(const StreamTask& task) {
  const auto known = streams_.find(task.bytes);
  if (known != streams_.end()) return known->second.purged({task.from, task.to, task.time}, tools_);
  tools_.found(FindingKind::tampered, fmt::format("leaf {}", task.leaf),
               fmt::format("清除名单所列的流 {} 不在日志中", task.bytes),
               fmt::format("the purge names stream {}, which is not in the log", task.bytes));
}

void StreamTable::late_body(const StreamTask& task) {
  const auto known = streams_.find(task.bytes);
  if (known == streams_.end()) {
    tools_.found(FindingKind::tampered, fmt::format("stream {} batch {}", task.bytes, task.from),
                 "后补的正文不属于任何流", "a body that was added later belongs to no stream");
    return;
  }
  const std::string_view body = task.body ? std::string_view(*task.body) : std::string_view();
  if (task.kind == StreamTask::Kind::late_lines) {
    known->second.late_lines(task.from, body, tools_);
  } else {
    known->second.late_body(task.from, body, tools_);
  }
}

void StreamTable::finish() {
  for (auto& [id, stream] : streams_) stream.finish(tools_);
}

StreamCounts StreamTable::counts() const {
  StreamCounts all;
  for (const auto& [id, stream] : streams_) all.add(stream.counts());
  return all;
}

void StreamTable::add_ends(std::map<std::string, DeadEnd>& ends) const {
  for (const auto& [id, stream] : streams_) ends.insert_or_assign(id, stream.end());
}

std::string StreamTable::save() const {
  std::string out;
  for (const auto& [id, stream] : streams_) out += stream.save() + "\n";
  return out;
}

Result<void> StreamTable::load_stream(std::string_view text) {
  auto stream = StreamCheck::load(log_.suite(), log_.name(), text);
  if (!stream) return ledger::failure(stream);
  if (stream->is_inherited()) tell_dead_end(*stream);
  const std::string id = stream->id();
  streams_.emplace(id, std::move(*stream));
  return {};
}

std::map<std::string, DeadEnd> stream_ends(std::string_view saved, const ledger::Verifier& log) {
  std::map<std::string, DeadEnd> ends;
  while (!saved.empty()) {
    const std::size_t end = std::min(saved.find("\n\n"), saved.size() - 1);
    const auto stream = StreamCheck::load(log.suite(), log.name(), saved.substr(0, end + 1));
    if (stream) ends.insert_or_assign(stream->id(), stream->end());
    saved.remove_prefix(std::min(end + 2, saved.size()));
  }
  return ends;
}

}  // namespace yunjian::auditor
