#include "auditor/verifier.h"

#include <fmt/format.h>

#include "auditor/tile_reader.h"
#include "auditor/words.h"
#include "ledger/leaves.h"
#include "ledger/statement_leaves.h"

namespace yunjian::auditor {

using ledger::ErrorKind;
using ledger::Hash;
using ledger::Result;

namespace {

using SteadyClock = std::chrono::steady_clock;
constexpr std::chrono::seconds save_interval{30};
constexpr std::uint64_t progress_every = 1024;  // leaves

// The lines of a header that the log's own view needs, without the cost of a full parse. The
// header is parsed and verified by whoever checks its stream.
struct Glance {
  std::string_view agent;
  std::uint64_t incarnation = 0;
  std::uint64_t batch = 0;
};
std::optional<Glance> glance(std::string_view header) {
  std::string_view rest = header.substr(std::min(header.find('\n'), header.size() - 1) + 1);
  std::array<std::string_view, 3> values;
  constexpr std::array<std::string_view, 3> names = {"agent ", "incarnation ", "batch "};
  for (std::size_t i = 0; i < names.size(); ++i) {
    const std::size_t end = rest.find('\n');
    if (end == std::string_view::npos || !rest.starts_with(names[i])) return std::nullopt;
    values[i] = rest.substr(names[i].size(), end - names[i].size());
    rest.remove_prefix(end + 1);
  }
  const auto incarnation = ledger::parse_decimal(values[1]);
  const auto batch = ledger::parse_decimal(values[2]);
  if (!incarnation || !batch) return std::nullopt;
  return Glance{values[0], *incarnation, *batch};
}

}  // namespace

LogVerifier::LogVerifier(const ledger::Verifier& log, std::optional<ledger::TreeHead> pinned,
                         VerifySettings settings)
    : log_(log),
      pinned_(pinned),
      settings_(std::move(settings)),
      hasher_(log.suite().hasher()),
      frontier_(*hasher_),
      book_(log, settings_.authorities, result_.findings),
      workers_(log, settings_.threads) {}

LogVerifier::~LogVerifier() = default;

Result<VerifyResult> LogVerifier::run(Evidence& evidence) {
  evidence_ = &evidence;
  const auto start = SteadyClock::now();
  read_checkpoint(evidence);
  read_witnessed(evidence);
  read_history(evidence);
  notes_took_ = SteadyClock::now() - start;
  if (!pinned_) {
    found({FindingKind::notice, "state", "没有先前的核验状态:不能排除日志末尾被整体移除",
           "no earlier state is pinned: that the end of the log was removed is not excluded"});
  }
  resume(evidence);
  saved_at_ = SteadyClock::now();
  auto visited = evidence.visit(result_.tree.size, *this);
  workers_.drain();
  if (!visited) {
    if (evidence.gives_whole_leaves()) save();
    return ledger::failure(visited);
  }
  check_sizes();
  save();
  gather();
  check_shown(evidence);
  result_.findings.sort();
  fill_levels();
  if (!root_holds_) result_.checkpoint.clear();
  return std::move(result_);
}

void LogVerifier::read_checkpoint(Evidence& evidence) {
  auto note = evidence.checkpoint();
  if (!note) {
    // A collector that does not answer now may have all of it.
    const bool later = note.error().kind == ledger::ErrorKind::retry;
    found({later ? FindingKind::cannot_tell : FindingKind::missing, "checkpoint",
           "没有检查点: " + note.error().message,
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

void LogVerifier::read_witnessed(Evidence& evidence) {
  if (settings_.witnesses.empty()) return;
  auto note = evidence.witnessed();
  if (!note) {
    found({FindingKind::missing, "witnessed", "没有经见证的检查点: " + note.error().message,
           "there is no witnessed checkpoint: " + note.error().message});
    return;
  }
  auto checkpoint = ledger::open_checkpoint(*note, log_);
  std::vector<std::size_t> good;
  auto opened = ledger::open_note(*note, settings_.witnesses, &good);
  if (!checkpoint || (!opened && opened.error().kind != ErrorKind::reject)) {
    found({FindingKind::tampered, "witnessed", "经见证的检查点不可信",
           "the witnessed checkpoint is not the log's"});
    return;
  }
  result_.counts.cosignatures = good.size();
  if (good.size() < settings_.quorum) {
    found({FindingKind::missing, "witnessed",
           fmt::format("见证签名不足:{} 个,须 {} 个", good.size(), settings_.quorum),
           fmt::format("{} of the witnesses that were given signed it, {} are asked for",
                       good.size(), settings_.quorum)});
  }
  witnessed_ = checkpoint->tree;
  if (witnessed_->size <= result_.tree.size || result_.tree.size == 0) return;
  found({FindingKind::missing,
         fmt::format("leaves {}..{}", result_.tree.size, witnessed_->size - 1),
         "日志倒退到已见证的检查点之前", "the log went back behind its witnessed checkpoint"});
}

// What the log signed on earlier days must be the beginning of what it is now.
void LogVerifier::read_history(Evidence& evidence) {
  for (Evidence::KeptNote& kept : evidence.history()) {
    auto checkpoint = ledger::open_checkpoint(kept.note, log_);
    if (!checkpoint) {
      found({FindingKind::tampered, kept.place, "所存的检查点不是本日志的",
             "the kept checkpoint is not the log's: " + checkpoint.error().message});
      continue;
    }
    ++result_.counts.checkpoints_kept;
    const std::uint64_t size = checkpoint->tree.size;
    if (size > result_.tree.size && result_.tree.size > 0) {
      found({FindingKind::missing, fmt::format("leaves {}..{}", result_.tree.size, size - 1),
             "日志倒退到其所存检查点 " + kept.place + " 之前",
             "the log went back behind the checkpoint kept in " + kept.place});
    }
    history_.emplace(size, KeptRoot{checkpoint->tree.root, std::move(kept.place)});
  }
}

void LogVerifier::resume(Evidence& evidence) {
  if (!settings_.resume || settings_.resume->size > result_.tree.size) return;
  const SavedCheck& saved = *settings_.resume;
  // What is pinned must lie ahead, or have been compared when these leaves were gone through.
  const bool compared = !pinned_ || pinned_->size >= saved.size || saved.compared == pinned_;
  if (!compared || !evidence.begin_at(saved.size)) return;
  auto resumed = ledger::MerkleFrontier::resume(*hasher_, saved.size, saved.peaks);
  ledger::require(resumed.has_value(), "a progress file that has its checksum has its peaks");
  frontier_ = std::move(*resumed);
  if (pinned_ && pinned_->size == saved.size && frontier_.root() != pinned_->root) return;
  bool good = book_.load(saved.book);
  if (good && !book_.successor().empty()) {
    auto text = ledger::from_base64(book_.successor());
    const auto parsed =
        text ? ledger::parse_successor(*text) : Result<ledger::Successor>(ledger::failure(text));
    if (parsed) succeed(*parsed);
    good = parsed.has_value();
  }
  std::string_view streams = saved.streams;
  while (good && !streams.empty()) {
    const std::size_t end = std::min(streams.find("\n\n"), streams.size() - 1);
    const std::string_view text = streams.substr(0, end + 1);
    const std::size_t agent = text.find(' ') + 1;
    good = workers_.table_of(text.substr(agent, 32)).load_stream(text).has_value();
    streams.remove_prefix(std::min(end + 2, streams.size()));
  }
  Words counts(saved.counts);
  for (std::uint64_t* count : {&result_.counts.leaves, &result_.counts.enrolments,
                               &result_.counts.forks, &result_.counts.other_leaves}) {
    *count = counts.number();
  }
  ledger::require(good && counts.good(), "a progress file that has its checksum can be read");
  leaf_ = saved.size;
  result_.resumed_at = saved.size;
  root_holds_ = saved.size == result_.tree.size && frontier_.root() == result_.tree.root;
}

// Kept only while all is well: what was found wrong must be found again by the next run.
void LogVerifier::save() {
  if (!settings_.save) return;
  workers_.drain();
  using enum FindingKind;
  std::uint64_t wrong = result_.findings.count(tampered) + result_.findings.count(missing);
  SavedCheck saved{.size = frontier_.size(),
                   .peaks = frontier_.peaks(),
                   .compared = {},
                   .book = book_.save(),
                   .streams = {},
                   .counts = {}};
  if (pinned_ && pinned_->size <= saved.size) saved.compared = pinned_;
  std::uint64_t enrolments = result_.counts.enrolments;
  for (const auto& table : workers_.tables()) {
    wrong += table->tools().findings.count(tampered) + table->tools().findings.count(missing);
    saved.streams += table->save();
    enrolments += table->enrolments();
  }
  saved.counts = fmt::format("{} {} {} {}", result_.counts.leaves, enrolments, result_.counts.forks,
                             result_.counts.other_leaves);
  if (wrong == 0 && frontier_.size() <= result_.tree.size) settings_.save(saved);
  saved_at_ = SteadyClock::now();
}

void LogVerifier::leaf(std::string_view bytes, std::optional<std::string_view> body) {
  const auto start = SteadyClock::now();
  const Hash leaf_hash = hasher_->leaf(bytes);
  leaf_ = frontier_.size();
  check_roots(leaf_hash);
  log_took_ += SteadyClock::now() - start;
  ++result_.counts.leaves;
  take_leaf(bytes, leaf_hash, body);
  if (frontier_.size() % progress_every != 0) return;
  if (settings_.progress) settings_.progress(frontier_.size(), result_.tree.size);
  if (!settings_.save || !evidence_->gives_whole_leaves()) return;
  if (SteadyClock::now() - saved_at_ >= save_interval) save();
}

void LogVerifier::take_leaf(std::string_view bytes, const Hash& leaf_hash,
                            std::optional<std::string_view> body) {
  const auto wrong = [&](std::string zh, std::string en) {
    found({FindingKind::tampered, fmt::format("leaf {}", leaf_), std::move(zh), std::move(en),
           leaf_});
  };
  auto name = ledger::leaf_name(bytes);
  if (!name) return wrong("叶子不是已知格式", name.error().message);
  if (*name == "batch") return batch(bytes, leaf_hash, body);
  if (*name == "enrolment") return enrolment(bytes, leaf_hash);
  ++result_.counts.other_leaves;
  auto note = ledger::open_note(bytes, {log_});
  if (!note) return wrong("叶子没有日志密钥的有效签名", "the leaf is not signed by the log's key");
  if (*name == "endorsement") return book_.endorsement(leaf_, bytes);
  signed_leaf(*name, note->text);
}

void LogVerifier::signed_leaf(std::string_view name, std::string_view text) {
  if (name == "fork") return fork(text);
  if (name == "roster") return roster(text);
  if (name == "purge") return purge(text);
  if (name == "retirement") return book_.retirement(leaf_, text);
  if (name == "successor") return successor(text);
  if (name != "report") return;
  const auto report = ledger::parse_report(text);
  if (report) return book_.signed_at(leaf_, report->sealed);
  found({FindingKind::tampered, fmt::format("leaf {}", leaf_), "月报叶子无法解读",
         "the report leaf cannot be read", leaf_});
}

// The tree grows by one leaf; where its size is one that somebody signed or saw, the roots must be
// the same.
void LogVerifier::check_roots(const Hash& leaf_hash) {
  frontier_.add_hash(leaf_hash);
  const std::uint64_t size = frontier_.size();
  const std::string place = fmt::format("leaves 0..{}", size - 1);
  if (pinned_ && pinned_->size == size && frontier_.root() != pinned_->root) {
    found({FindingKind::tampered, place, "与先前核验过的检查点不一致:已核验的历史被改写",
           "they are not those of the checkpoint verified before: history was rewritten", leaf_});
  }
  if (witnessed_ && witnessed_->size == size && frontier_.root() != witnessed_->root) {
    found({FindingKind::tampered, place, "与经见证的检查点不一致:同一密钥签了两段历史",
           "they are not those of the witnessed checkpoint: one key signed two histories", leaf_});
  }
  for (auto [kept, end] = history_.equal_range(size); kept != end; ++kept) {
    if (kept->second.root == frontier_.root()) continue;
    found({FindingKind::tampered, place, "与所存检查点 " + kept->second.place + " 不符:历史被改写",
           "they are not those of the checkpoint kept in " + kept->second.place +
               ": history was rewritten",
           leaf_});
  }
  if (result_.tree.size != size) return;
  root_holds_ = frontier_.root() == result_.tree.root;
  if (root_holds_) return;
  found({FindingKind::tampered, place, "叶子的树根与检查点不符",
         "their root is not the one of the checkpoint", leaf_});
}

void LogVerifier::enrolment(std::string_view bytes, const Hash& leaf_hash) {
  auto note = ledger::parse_note(bytes);
  auto parsed =
      note ? ledger::parse_enrolment(note->text) : Result<ledger::Enrolment>(ledger::failure(note));
  if (!parsed) {
    found({FindingKind::tampered, fmt::format("leaf {}", leaf_), "登记叶子无法解读",
           parsed.error().message, leaf_});
    return;
  }
  book_.enrolled(leaf_, leaf_hash, *parsed);
  StreamTask task{.kind = StreamTask::Kind::enrolment,
                  .leaf = leaf_,
                  .leaf_hash = leaf_hash,
                  .bytes = std::string(bytes),
                  .body = {},
                  .from = 0,
                  .to = 0,
                  .time = {}};
  workers_.give(parsed->agent, std::move(task));
}

void LogVerifier::batch(std::string_view bytes, const Hash& leaf_hash,
                        std::optional<std::string_view> body) {
  const auto seen = glance(bytes);
  if (!seen) {
    found({FindingKind::tampered, fmt::format("leaf {}", leaf_), "批次头无法解读",
           "the batch header cannot be read", leaf_});
    return;
  }
  const ledger::Time before = book_.log_time();
  if (seen->agent == book_.own_agent()) {
    if (auto sealed = ledger::read_header(bytes, log_.suite())) {
      book_.own_sealed(leaf_, sealed->header);
    }
  } else {
    book_.sealed(leaf_, {std::string(seen->agent), seen->incarnation, seen->batch, leaf_hash});
  }
  StreamTask task{.kind = StreamTask::Kind::batch,
                  .leaf = leaf_,
                  .leaf_hash = leaf_hash,
                  .bytes = std::string(bytes),
                  .body = {},
                  .from = 0,
                  .to = 0,
                  .time = before};
  if (body) task.body = std::string(*body);
  workers_.give(seen->agent, std::move(task));
}

void LogVerifier::fork(std::string_view text) {
  ++result_.counts.forks;
  const std::string place = fmt::format("leaf {}", leaf_);
  auto fork = ledger::parse_fork(text);
  if (!fork) {
    found({FindingKind::tampered, place, "分叉叶子无效", fork.error().message, leaf_});
    return;
  }
  book_.signed_at(leaf_, fork->seen);
  const std::string id = ledger::stream_id(fork->agent, fork->incarnation);
  found({FindingKind::notice, place,
         fmt::format("流 {} 在批次 {} 处分叉:同一密钥签了两段历史", id, fork->batch),
         fmt::format("stream {} forked at batch {}: one key signed two histories", id, fork->batch),
         leaf_});
}

void LogVerifier::roster(std::string_view text) {
  auto roster = ledger::parse_roster(text);
  if (!roster) {
    found({FindingKind::tampered, fmt::format("leaf {}", leaf_), "名册叶子无法解读",
           roster.error().message, leaf_});
    return;
  }
  if (const auto lines = list(roster->list)) book_.roster(leaf_, *roster, *lines);
}

void LogVerifier::successor(std::string_view text) {
  auto parsed = ledger::parse_successor(text);
  const std::string place = fmt::format("leaf {}", leaf_);
  if (!parsed || leaf_ != 1 || parsed->origin != log_.name()) {
    found({FindingKind::tampered, place, "接续叶子无效或不在第 1 位",
           parsed ? "the successor leaf is of another log or not leaf 1" : parsed.error().message,
           leaf_});
    return;
  }
  book_.succeed(ledger::to_base64(text));
  succeed(*parsed);
}

// Everything about the dead log is of the key that the successor leaf names.
void LogVerifier::succeed(const ledger::Successor& successor) {
  const auto dead = ledger::Verifier::from_vkey(successor.previous);
  ledger::require(dead.has_value(), "the successor leaf was parsed");
  successor_ = successor;
  const auto known = settings_.dead_log ? settings_.dead_log(*dead) : Result<DeadLog>(DeadLog());
  if (known) dead_log_ = *known;
  workers_.succeed(*dead, &dead_log_);
  const auto named = ledger::open_checkpoint(successor.checkpoint, *dead);
  found({FindingKind::notice, "leaf 1",
         fmt::format("本日志接续已失的日志 {}(其检查点有 {} 个叶子)", dead->name(),
                     named ? named->tree.size : 0),
         fmt::format("this log goes on for the dead log {} (whose checkpoint has {} leaves)",
                     dead->name(), named ? named->tree.size : 0),
         1});
  if (known) return;
  const bool tampered = known.error().kind == ErrorKind::reject;
  found({tampered ? FindingKind::tampered : FindingKind::cannot_tell, "leaf 1",
         "原日志不符: " + known.error().message, known.error().message, 1});
}

void LogVerifier::purge(std::string_view text) {
  constexpr std::chrono::days kept_at_least{366};
  const std::string place = fmt::format("leaf {}", leaf_);
  auto purge = ledger::parse_purge(text);
  if (!purge) {
    found({FindingKind::tampered, place, "清除叶子无法解读", purge.error().message, leaf_});
    return;
  }
  book_.signed_at(leaf_, purge->time);
  const auto day = ledger::parse_rfc3339(purge->day);
  if (!day || purge->time - *day < kept_at_least) {
    found({FindingKind::tampered, place, "未满 366 天即清除 " + purge->day,
           "day " + purge->day + " was purged before 366 days had passed", leaf_});
  }
  const auto lines = list(purge->list);
  if (!lines || !day) return;
  // Of the day are batches that were committed on it: the log's own time before them was no later.
  const ledger::Time until = *day + std::chrono::days(1) + log_time_back_max;
  std::string_view rest = *lines;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    const auto line = ledger::parse_purge_line(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (!line) {
      found({FindingKind::tampered, place, "清除名单有无法解读的行", line.error().message, leaf_});
      continue;
    }
    StreamTask task{.kind = StreamTask::Kind::purge,
                    .leaf = leaf_,
                    .leaf_hash = {},
                    .bytes = line->stream,
                    .body = {},
                    .from = line->from,
                    .to = line->to,
                    .time = until};
    workers_.give(line->stream.substr(0, line->stream.find('.')), std::move(task));
  }
  found({FindingKind::notice, place, fmt::format("{} 收到的正文已依保留期清除", purge->day),
         fmt::format("bodies received on {} were purged by retention", purge->day), leaf_});
}

// The lines that the leaf at hand names, when they are there and have its root.
std::optional<std::string> LogVerifier::list(const ledger::ListHead& head) {
  const std::string place = fmt::format("leaf {}", leaf_);
  auto lines = evidence_->list(leaf_, head);
  if (!lines) {
    const bool absent = lines.error().kind == ErrorKind::reject;
    found({absent ? FindingKind::missing : FindingKind::cannot_tell, place,
           "该叶子所指的名单缺失: " + lines.error().message,
           "the list that it names is absent: " + lines.error().message, leaf_});
    return std::nullopt;
  }
  const auto found_head = ledger::list_head(*lines, *hasher_);
  if (found_head && *found_head == head) return std::move(*lines);
  found({FindingKind::tampered, place, "名单与叶子所签的树根不符",
         "the list is not the one that was signed", leaf_});
  return std::nullopt;
}

void LogVerifier::late_body(std::string_view stream, std::uint64_t batch, std::string_view body) {
  StreamTask task{.kind = StreamTask::Kind::late_body,
                  .leaf = frontier_.size(),
                  .leaf_hash = {},
                  .bytes = std::string(stream),
                  .body = std::string(body),
                  .from = batch,
                  .to = 0,
                  .time = {}};
  workers_.give(stream.substr(0, stream.find('.')), std::move(task));
}

void LogVerifier::late_lines(std::string_view stream, std::uint64_t batch, std::string lines) {
  StreamTask task{.kind = StreamTask::Kind::late_lines,
                  .leaf = frontier_.size(),
                  .leaf_hash = {},
                  .bytes = std::string(stream),
                  .body = std::move(lines),
                  .from = batch,
                  .to = 0,
                  .time = {}};
  workers_.give(stream.substr(0, stream.find('.')), std::move(task));
}

void LogVerifier::found(Finding finding) {
  if (finding.order == 0) finding.order = frontier_.size();
  result_.findings.add(std::move(finding));
}

bool LogVerifier::wants_body(std::string_view leaf) {
  auto name = ledger::leaf_name(leaf);
  if (!name || *name != "batch") return false;
  auto sealed = ledger::read_header(leaf, log_.suite());
  return sealed && sealed->header.records > 0;
}

}  // namespace yunjian::auditor
