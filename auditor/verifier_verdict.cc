// What can be said only when all leaves were seen.
#include <fmt/format.h>

#include "auditor/tile_reader.h"
#include "auditor/verifier.h"

namespace yunjian::auditor {

using ledger::ErrorKind;

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

// Brings together what the threads found.
void LogVerifier::gather() {
  book_.finish();
  for (const auto& table : workers_.tables()) {
    table->finish();
    result_.counts.enrolments += table->enrolments();
    result_.counts.streams += table->streams();
    result_.counts.batches.add(table->counts());
    table->add_ends(result_.ends);
    shown_.merge(std::move(table->tools().shown));
    streams_took_.headers += table->tools().time.headers;
    streams_took_.bodies += table->tools().time.bodies;
    streams_took_.hours += table->tools().time.hours;
    for (const StreamTable::Enrolled& each : table->unendorsed()) {
      if (book_.is_endorsed(each.leaf)) continue;
      ++result_.counts.unendorsed;
      found({FindingKind::notice, fmt::format("leaf {}", each.leaf),
             fmt::format("流 {}(单位 {},主机 {})的登记未经背书", each.stream, each.unit, each.host),
             fmt::format("the enrolment of stream {} (unit {}, host {}) is unendorsed", each.stream,
                         each.unit, each.host),
             each.leaf});
    }
    result_.findings.merge(table->tools().findings);
  }
  result_.counts.book = book_.counts();
}

// Two histories that the log's key signed meet here, when one was shown to an agent.
void LogVerifier::check_shown(Evidence& evidence) {
  if (!root_holds_ || result_.tree.size == 0) return;
  TileReader tiles(evidence, result_.tree, log_.suite());
  check_witnessed_before(tiles);
  for (const auto& [text, where] : shown_.notes()) check_shown_one(tiles, where);
  if (shown_.dropped() == 0) return;
  found({FindingKind::notice, "checkpoints",
         fmt::format("另有 {} 份代理所记检查点未比对", shown_.dropped()),
         fmt::format("{} more checkpoints that agents were given were not compared",
                     shown_.dropped())});
}

// What a witness signed lies among leaves that an earlier run went through: it was not met.
void LogVerifier::check_witnessed_before(TileReader& tiles) {
  if (!witnessed_ || witnessed_->size == 0 || witnessed_->size > result_.resumed_at) return;
  const std::string place = fmt::format("leaves 0..{}", witnessed_->size - 1);
  auto same = tiles.continues(*witnessed_);
  if (!same) {
    found({FindingKind::cannot_tell, place, "无法比对经见证的检查点: " + same.error().message,
           "the witnessed checkpoint cannot be compared: " + same.error().message});
  } else if (!*same) {
    found({FindingKind::tampered, place, "与经见证的检查点不一致:同一密钥签了两段历史",
           "they are not those of the witnessed checkpoint: one key signed two histories"});
  }
}

void LogVerifier::check_shown_one(TileReader& tiles, const ShownCheckpoints::Where& where) {
  const auto tell = [&](FindingKind kind, std::string zh, std::string en) {
    found({kind, where.place, std::move(zh), std::move(en), where.leaf});
  };
  const auto shown = ledger::open_checkpoint(where.note, log_);
  if (!shown && check_shown_dead(where)) return;
  if (!shown) {
    return tell(FindingKind::notice, "代理所记的检查点不是本日志的: " + shown.error().message,
                "a checkpoint in it is not this log's: " + shown.error().message);
  }
  ++result_.counts.checkpoints_shown;
  // It was given out before the batch that tells of it came in.
  if (shown->tree.size > where.leaf) {
    return tell(FindingKind::tampered,
                fmt::format("主机 {} 曾收到 {} 个叶子的检查点,而本日志当时只有 {} 个:两段历史",
                            where.host, shown->tree.size, where.leaf),
                fmt::format("host {} was given a checkpoint of {} leaves when this log had {}: two "
                            "histories",
                            where.host, shown->tree.size, where.leaf));
  }
  auto same = tiles.continues(shown->tree);
  if (!same) {
    const bool absent = same.error().kind == ErrorKind::reject;
    return tell(absent ? FindingKind::missing : FindingKind::cannot_tell,
                "无法比对代理所记的检查点: " + same.error().message,
                "a checkpoint in it cannot be compared: " + same.error().message);
  }
  if (*same) return;
  tell(FindingKind::tampered,
       fmt::format("主机 {} 收到的 {} 个叶子的检查点不是本日志的:同一密钥签了两段历史", where.host,
                   shown->tree.size),
       fmt::format("host {} was given another tree of {} leaves: one key signed two histories",
                   where.host, shown->tree.size));
}

// Of the dead log: what its agents were given may be more than the successor leaf names. True: it
// was a checkpoint of that log.
bool LogVerifier::check_shown_dead(const ShownCheckpoints::Where& where) {
  if (!successor_) return false;
  const auto dead = ledger::Verifier::from_vkey(successor_->previous);
  const auto named = ledger::open_checkpoint(successor_->checkpoint, *dead);
  const auto shown = ledger::open_checkpoint(where.note, *dead);
  if (!shown || !named) return false;
  ++result_.counts.checkpoints_shown;
  if (shown->tree.size > named->tree.size) {
    found({FindingKind::lost, where.place,
           fmt::format("主机 {} 曾收到原日志 {} 个叶子的检查点,接续叶子只称 {} 个", where.host,
                       shown->tree.size, named->tree.size),
           fmt::format("host {} was given a checkpoint of {} leaves of the dead log, the successor "
                       "leaf names one of {}",
                       where.host, shown->tree.size, named->tree.size),
           where.leaf});
  } else if (shown->tree.size == named->tree.size && shown->tree != named->tree) {
    found({FindingKind::tampered, where.place, "原日志的同一密钥签了两段历史",
           "one key of the dead log signed two histories", where.leaf});
  }
  return true;
}

void LogVerifier::fill_levels() {
  const VerifyCounts& counts = result_.counts;
  const StreamCounts& streams = counts.batches;
  const auto add = [this](Level level) { result_.levels.push_back(std::move(level)); };
  Level notes{
      "notes", "签名与见证", "notes and cosignatures", 1 + counts.cosignatures, notes_took_, "",
      ""};
  if (settings_.witnesses.empty()) {
    notes.note_zh = "未给见证公钥,见证未核";
    notes.note_en = "no witness keys were given: cosignatures not checked";
  }
  add(std::move(notes));
  add({"log", "日志一致", "log consistency", counts.leaves, log_took_,
       pinned_ ? fmt::format("与先前 {} 个叶子的状态一致性已比对", pinned_->size) : "无先前状态",
       pinned_ ? fmt::format("compared with {} leaves verified before", pinned_->size)
               : "no earlier state"});
  add({"streams", "流:链、密钥、名册、背书", "streams: chain, keys, rosters, endorsements",
       streams.batches, streams_took_.headers,
       fmt::format("{} 份名册,{} 份代理所记检查点", counts.book.rosters, counts.checkpoints_shown),
       fmt::format("{} rosters, {} checkpoints that agents were given", counts.book.rosters,
                   counts.checkpoints_shown)});
  add({"bodies", "正文", "bodies", streams.records_read, streams_took_.bodies,
       fmt::format("{} 个批次", streams.bodies), fmt::format("{} batches", streams.bodies)});
  add({"hours", "小时与分钟", "hours against minutes", streams.hours.checked, streams_took_.hours,
       fmt::format("{} 小时未核(分钟不全)", streams.hours.not_checked),
       fmt::format("{} hours not checked: their minutes are not all here",
                   streams.hours.not_checked)});
}

}  // namespace yunjian::auditor
