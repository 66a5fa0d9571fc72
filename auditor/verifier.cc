#include "auditor/verifier.h"

#include <fmt/format.h>

#include "ledger/leaves.h"

namespace yunjian::auditor {

using ledger::Hash;
using ledger::Result;

LogVerifier::LogVerifier(const ledger::Verifier& log, std::optional<ledger::TreeHead> pinned)
    : log_(log),
      pinned_(pinned),
      hasher_(log.suite().hasher()),
      frontier_(*hasher_),
      tools_(log.suite(), result_.findings) {}

LogVerifier::~LogVerifier() = default;

Result<VerifyResult> LogVerifier::run(Evidence& evidence) {
  read_checkpoint(evidence);
  if (!pinned_) {
    found({FindingKind::notice, "state", "没有先前的核验状态:不能排除日志末尾被整体移除",
           "no earlier state is pinned: that the end of the log was removed is not excluded"});
  }
  auto visited = evidence.visit(result_.tree.size, *this);
  if (!visited) return ledger::failure(visited);
  check_sizes();
  for (auto& [id, stream] : streams_) {
    stream.finish(result_.findings);
    const StreamCounts& counts = stream.counts();
    result_.counts.batches.batches += counts.batches;
    result_.counts.batches.records += counts.records;
    result_.counts.batches.bodies += counts.bodies;
    result_.counts.batches.bodies_absent += counts.bodies_absent;
    result_.counts.batches.batches_missing += counts.batches_missing;
  }
  result_.counts.streams = streams_.size();
  if (!root_holds_) result_.checkpoint.clear();
  return std::move(result_);
}

void LogVerifier::read_checkpoint(Evidence& evidence) {
  auto note = evidence.checkpoint();
  if (!note) {
    found({FindingKind::missing, "checkpoint", "没有检查点: " + note.error().message,
           "there is no checkpoint: " + note.error().message});
    return;
  }
  auto checkpoint = ledger::open_checkpoint(*note, log_);
  if (!checkpoint) {
    found({FindingKind::tampered, "checkpoint", "检查点不可信: " + checkpoint.error().message,
           "the checkpoint is not the log's: " + checkpoint.error().message});
    return;
  }
  result_.tree = checkpoint->tree;
  result_.checkpoint = std::move(*note);
  root_holds_ = checkpoint->tree == ledger::TreeHead{0, frontier_.root()};
}

void LogVerifier::leaf(std::string_view bytes, std::optional<std::string_view> body) {
  const Hash leaf_hash = hasher_->leaf(bytes);
  const std::string place = fmt::format("leaf {}", frontier_.size());
  check_roots(leaf_hash);
  ++result_.counts.leaves;
  auto name = ledger::leaf_name(bytes);
  if (!name) {
    found({FindingKind::tampered, place, "叶子不是已知格式", name.error().message});
  } else if (*name == "batch") {
    batch(bytes, place, leaf_hash, body);
  } else if (*name == "enrolment") {
    enrolment(bytes, place, leaf_hash);
  } else if (*name == "fork") {
    fork(bytes, place);
  } else {
    ++result_.counts.other_leaves;
    if (!ledger::open_note(bytes, {log_})) {
      found({FindingKind::tampered, place, "叶子没有日志密钥的有效签名",
             "the leaf is not signed by the log's key"});
    }
  }
}

// The tree grows by one leaf; where its size is one that somebody signed or saw, the roots must be
// the same.
void LogVerifier::check_roots(const Hash& leaf_hash) {
  frontier_.add_hash(leaf_hash);
  const ledger::TreeHead now{frontier_.size(), {}};
  if (pinned_ && pinned_->size == now.size && frontier_.root() != pinned_->root) {
    found({FindingKind::tampered, fmt::format("leaves 0..{}", now.size - 1),
           "与先前核验过的检查点不一致:已核验的历史被改写",
           "they are not those of the checkpoint verified before: history was rewritten"});
  }
  if (result_.tree.size != now.size) return;
  root_holds_ = frontier_.root() == result_.tree.root;
  if (root_holds_) return;
  found({FindingKind::tampered, fmt::format("leaves 0..{}", now.size - 1), "叶子的树根与检查点不符",
         "their root is not the one of the checkpoint"});
}

void LogVerifier::enrolment(std::string_view bytes, const std::string& place,
                            const Hash& leaf_hash) {
  auto note = ledger::parse_note(bytes);
  auto parsed = note ? ledger::parse_enrolment(note->text)
                     : ledger::Result<ledger::Enrolment>(ledger::failure(note));
  if (!parsed) {
    found({FindingKind::tampered, place, "登记叶子无法解读", parsed.error().message});
    return;
  }
  const auto before = streams_.find(ledger::stream_id(parsed->agent, parsed->incarnation - 1));
  std::optional<std::string_view> announced;
  if (before != streams_.end()) announced = before->second.next_key();
  auto check = ledger::verify_enrolment(bytes, log_, announced);
  if (!check) {
    found({FindingKind::tampered, place, "登记叶子签名无效: " + check.error().message,
           check.error().message});
    return;
  }
  const std::string id = ledger::stream_id(parsed->agent, parsed->incarnation);
  if (parsed->incarnation > 1 && before == streams_.end()) {
    found({FindingKind::missing, place, fmt::format("流 {} 的前一代不在日志中", id),
           fmt::format("the incarnation before stream {} is not in the log", id)});
  }
  if (before != streams_.end() && parsed->previous != before->second.head()) {
    found({FindingKind::notice, place, "登记后,前一代仍有批次入账",
           "batches of the incarnation before came in after its successor was prepared"});
  }
  ++result_.counts.enrolments;
  if (!check->endorsed) {
    ++result_.counts.unendorsed;
    found({FindingKind::notice, place,
           fmt::format("流 {}(单位 {},主机 {})的登记未经背书", id, parsed->unit, parsed->host),
           fmt::format("the enrolment of stream {} (unit {}, host {}) is unendorsed", id,
                       parsed->unit, parsed->host)});
  }
  if (!streams_.try_emplace(id, log_.suite(), log_.name(), *parsed, leaf_hash).second) {
    found({FindingKind::tampered, place, fmt::format("流 {} 被登记两次", id),
           fmt::format("stream {} is enrolled twice", id)});
  }
}

void LogVerifier::batch(std::string_view bytes, const std::string& place, const Hash& leaf_hash,
                        std::optional<std::string_view> body) {
  auto sealed = ledger::read_header(bytes, log_.suite());
  if (!sealed) {
    found({FindingKind::tampered, place, "批次头无法解读", sealed.error().message});
    return;
  }
  const std::string id = ledger::stream_id(sealed->header.agent, sealed->header.incarnation);
  const auto stream = streams_.find(id);
  if (stream == streams_.end()) {
    found({FindingKind::tampered,
           fmt::format("{} stream {} batch {}", place, id, sealed->header.batch),
           "该批次所属的流没有登记叶子", "no enrolment leaf opens the stream of this batch"});
    return;
  }
  stream->second.batch(*sealed, leaf_hash, body, tools_);
}

void LogVerifier::fork(std::string_view bytes, const std::string& place) {
  ++result_.counts.forks;
  auto note = ledger::open_note(bytes, {log_});
  auto fork =
      note ? ledger::parse_fork(note->text) : ledger::Result<ledger::Fork>(ledger::failure(note));
  if (!fork) {
    found({FindingKind::tampered, place, "分叉叶子无效", fork.error().message});
    return;
  }
  const std::string id = ledger::stream_id(fork->agent, fork->incarnation);
  found(
      {FindingKind::notice, place,
       fmt::format("流 {} 在批次 {} 处分叉:同一密钥签了两段历史", id, fork->batch),
       fmt::format("stream {} forked at batch {}: one key signed two histories", id, fork->batch)});
}

void LogVerifier::check_sizes() {
  const std::uint64_t have = frontier_.size();
  if (have < result_.tree.size) {
    found({FindingKind::missing, fmt::format("leaves {}..{}", have, result_.tree.size - 1),
           "检查点覆盖的叶子缺失", "leaves under the checkpoint are absent"});
  } else if (have > result_.tree.size && result_.tree.size > 0) {
    found({FindingKind::notice, fmt::format("leaves {}..{}", result_.tree.size, have - 1),
           "检查点之后的叶子尚未发布", "leaves behind the checkpoint were not published yet"});
  }
  if (!pinned_ || result_.tree.size >= pinned_->size) return;
  found({FindingKind::missing, fmt::format("leaves {}..{}", result_.tree.size, pinned_->size - 1),
         fmt::format("日志倒退:先前核验时有 {} 个叶子", pinned_->size),
         fmt::format("the log went back: {} leaves were verified before", pinned_->size)});
}

void LogVerifier::late_body(std::string_view stream, std::uint64_t batch, std::string_view body) {
  const auto known = streams_.find(stream);
  if (known == streams_.end()) {
    found({FindingKind::tampered, fmt::format("stream {} batch {}", stream, batch),
           "后补的正文不属于任何流", "a body that was added later belongs to no stream"});
    return;
  }
  known->second.late_body(batch, body, tools_);
}

void LogVerifier::late_lines(std::string_view stream, std::uint64_t batch, std::string_view lines) {
  const auto known = streams_.find(stream);
  if (known != streams_.end()) return known->second.late_lines(batch, lines, tools_);
  found({FindingKind::tampered, fmt::format("stream {} batch {}", stream, batch),
         "正文不属于任何流", "records belong to no stream"});
}

void LogVerifier::found(Finding finding) { result_.findings.add(std::move(finding)); }

bool LogVerifier::wants_body(std::string_view leaf) {
  auto name = ledger::leaf_name(leaf);
  if (!name || *name != "batch") return false;
  auto sealed = ledger::read_header(leaf, log_.suite());
  return sealed && sealed->header.records > 0;
}

}  // namespace yunjian::auditor
