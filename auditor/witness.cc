#include "auditor/witness.h"

#include <fmt/format.h>

#include "auditor/tile_reader.h"
#include "ledger/split_view.h"

namespace yunjian::auditor {

using ledger::ErrorKind;
using ledger::Result;
using ledger::Time;
using ledger::TreeHead;

namespace {

constexpr std::string_view form = "yunjian/witness-state/v1";

std::string age(Time since, Time now) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(now - since).count();
  return fmt::format("{} s", seconds);
}

}  // namespace

std::string Witness::path() const {
  const auto hash = ledger::sha256(log_.name());
  return ledger::join_path(options_.state,
                           ledger::to_hex(ledger::as_view(hash)).substr(0, 16) + ".witness");
}

Result<Witness> Witness::open(ledger::FileSystem& files, const ledger::Verifier& log,
                              const OwnKey& key, Options options) {
  Witness witness(files, log, key, std::move(options));
  if (auto made = files.make_directory(witness.options_.state, 0700); !made) {
    return ledger::failure(made, "cannot keep the state");
  }
  auto there = files.exists(witness.path());
  if (!there) return ledger::failure(there);
  if (!*there) return witness;
  auto text = files.read_file(witness.path());
  if (!text) return ledger::failure(text);
  // "<form> <time> <vkey>\n<note>"
  const std::string_view kept = *text;
  const std::size_t line = std::min(kept.find('\n'), kept.size());
  const auto grew = ledger::parse_time(kept.substr(std::min(form.size() + 1, line), 27));
  const auto checkpoint =
      ledger::open_checkpoint(kept.substr(std::min(line + 1, kept.size())), log);
  if (!grew || !checkpoint ||
      kept.substr(0, line) !=
          fmt::format("{} {} {}", form, ledger::format_time(*grew), log.vkey())) {
    return ledger::fail(ErrorKind::corrupt,
                        witness.path() +
                            " is damaged or of another key: restore it from a copy; a "
                            "witness that forgets may sign a second history");
  }
  witness.note_ = text->substr(line + 1);
  witness.tree_ = checkpoint->tree;
  witness.grew_ = *grew;
  return witness;
}

std::uint64_t Witness::size_seen() const {
  if (!options_.pinned_note) return tree_.size;
  const auto pinned = ledger::open_checkpoint(*options_.pinned_note, log_);
  return pinned ? std::max(pinned->tree.size, tree_.size) : tree_.size;
}

Result<void> Witness::keep() {
  const std::string head = fmt::format("{} {} {}\n", form, ledger::format_time(grew_), log_.vkey());
  return ledger::replace_file(*files_, path(), head + note_, 0600);
}

Result<Witness::Outcome> Witness::step(WitnessedLog& source, Time now) {
  auto note = source.candidate();
  if (!note) return silent(note.error(), now);
  auto checkpoint = ledger::open_checkpoint(*note, log_);
  if (!checkpoint) {
    Outcome outcome;
    outcome.alarm =
        Finding{FindingKind::tampered, "checkpoint",
                "检查点不是本日志密钥所签: " + checkpoint.error().message,
                "the checkpoint is not by the log's key: " + checkpoint.error().message};
    auto kept = keep_evidence("not-signed", *note, now);
    if (!kept) return ledger::failure(kept);
    outcome.evidence = std::move(*kept);
    return outcome;
  }
  return look(source, *note, checkpoint->tree, now);
}

// A log that does not answer is not wrong yet; one that does not for long hides something.
Result<Witness::Outcome> Witness::silent(const ledger::Error& error, Time now) {
  Outcome outcome;
  outcome.size = tree_.size;
  outcome.answer = error.message;
  const bool long_ago = tree_.size > 0 && now - grew_ > options_.stale_after;
  outcome.alarm = Finding{
      FindingKind::cannot_tell, "log",
      long_ago ? fmt::format("日志无应答,最近的检查点已是 {} 前的", age(grew_, now)) : "日志无应答",
      long_ago ? fmt::format("the log does not answer; the newest checkpoint was seen {} ago",
                             age(grew_, now))
               : "the log does not answer"};
  if (!long_ago) return outcome;
  auto kept = keep_statement(AlarmStatement::Kind::silent, note_, "", now);
  if (!kept) return ledger::failure(kept);
  outcome.evidence = std::move(*kept);
  return outcome;
}

Result<Witness::Outcome> Witness::look(WitnessedLog& source, const std::string& note,
                                       const TreeHead& tree, Time now) {
  if (tree.size < size_seen()) return rolled_back(source, now);
  // What other commands of this auditor verified counts too.
  if (options_.pinned_note) {
    auto other = differs(source, *options_.pinned_note, note, now);
    if (!other) return ledger::failure(other);
    if (*other) return std::move(**other);
  }
  if (tree.size > tree_.size) return grown(source, note, tree, now);
  if (tree.root != tree_.root) return split(note_, note, source, now);
  Outcome outcome;
  outcome.size = tree_.size;
  if (now - grew_ > options_.stale_after) {
    outcome.alarm =
        Finding{FindingKind::cannot_tell, "checkpoint",
                fmt::format("检查点陈旧:{} 未增长", age(grew_, now)),
                fmt::format("the checkpoint is stale: it did not grow for {}", age(grew_, now))};
    auto kept = keep_statement(AlarmStatement::Kind::stale, note_, note, now);
    if (!kept) return ledger::failure(kept);
    outcome.evidence = std::move(*kept);
  }
  if (auto done = tell(source, outcome); !done) return ledger::failure(done);
  return outcome;
}

Result<Witness::Outcome> Witness::grown(WitnessedLog& source, const std::string& note,
                                        const TreeHead& tree, Time now) {
  if (tree_.size > 0) {
    auto other = differs(source, note_, note, now);
    if (!other) return ledger::failure(other);
    if (*other) return std::move(**other);
  }
  note_ = note;
  tree_ = tree;
  grew_ = now;
  told_ = false;
  if (auto kept = keep(); !kept) return ledger::failure(kept);  // durable before it is signed
  auto parsed = ledger::parse_note(note_);
  if (!parsed) return ledger::failure(parsed);
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch());
  auto line = ledger::cosign_line(key_->identity, *key_->key, parsed->text,
                                  static_cast<std::uint64_t>(seconds.count()));
  if (!line) return ledger::failure(line);
  std::erase_if(parsed->signatures, [this](const auto& each) { return !log_.matches(each); });
  parsed->signatures.push_back(std::move(*line));
  note_ = ledger::format_note(parsed->text, parsed->signatures);
  if (auto kept = keep(); !kept) return ledger::failure(kept);
  Outcome outcome;
  outcome.cosigned = true;
  outcome.size = tree_.size;
  if (auto done = tell(source, outcome); !done) return ledger::failure(done);
  return outcome;
}

Result<void> Witness::tell(WitnessedLog& source, Outcome& outcome) {
  outcome.told = told_;
  if (told_) return {};
  auto answer = source.post(note_);
  told_ = answer.has_value();
  outcome.told = told_;
  outcome.answer = answer ? std::move(*answer) : answer.error().message;
  return {};
}

// Nothing when the tree of `note` continues that of `before`; else what to tell.
Result<std::optional<Witness::Outcome>> Witness::differs(WitnessedLog& source,
                                                         const std::string& before,
                                                         const std::string& note, Time now) {
  const auto old = ledger::open_checkpoint(before, log_);
  const auto fresh = ledger::open_checkpoint(note, log_);
  if (!old || !fresh) return ledger::fail(ErrorKind::corrupt, "a kept checkpoint is damaged");
  if (old->tree.size > fresh->tree.size) return std::optional<Outcome>();
  TileReader tiles(source, fresh->tree, log_.suite());
  auto same = tiles.continues(old->tree);
  if (same && *same) return std::optional<Outcome>();
  if (!same && same.error().kind != ErrorKind::corrupt) {
    auto outcome = silent(same.error(), now);
    if (!outcome) return ledger::failure(outcome);
    return std::optional<Outcome>(std::move(*outcome));
  }
  auto outcome = split(before, note, source, now);
  if (!outcome) return ledger::failure(outcome);
  return std::optional<Outcome>(std::move(*outcome));
}

// Two notes by one key that are not of one history. What the log's tiles do not prove is kept all
// the same: the notes are signed.
Result<Witness::Outcome> Witness::split(const std::string& before, const std::string& note,
                                        WitnessedLog& source, Time now) {
  const auto fresh = ledger::open_checkpoint(note, log_);
  TileReader tiles(source, fresh->tree, log_.suite());
  auto view = ledger::prove_split_view(log_, before, note, tiles.subtrees());
  const bool proven = view.has_value();
  auto kept = keep_evidence(proven ? "split-view" : "not-consistent",
                            proven ? ledger::format_split_view(*view) : before + "\n" + note, now);
  if (!kept) return ledger::failure(kept);
  Outcome outcome;
  outcome.size = tree_.size;
  outcome.evidence = std::move(*kept);
  outcome.alarm =
      proven
          ? Finding{FindingKind::tampered, "checkpoint",
                    "分叉视图:同一密钥签了两段历史,证据文件可独立核验",
                    "split view: one key signed two histories; the evidence file proves it"}
          : Finding{FindingKind::tampered, "checkpoint", "新检查点不接续先前的检查点,且其切片不符",
                    "the new checkpoint does not continue the kept one, and the tiles served "
                    "are not its own"};
  return outcome;
}

// The candidate may be a minute old: the newest checkpoint decides.
Result<Witness::Outcome> Witness::rolled_back(WitnessedLog& source, Time now) {
  auto note = source.checkpoint();
  if (!note) return silent(note.error(), now);
  auto newest = ledger::open_checkpoint(*note, log_);
  Outcome outcome;
  outcome.size = tree_.size;
  const std::uint64_t seen = size_seen();
  if (newest && newest->tree.size >= seen) {
    outcome.answer = "the log will offer a newer checkpoint soon";
    return outcome;
  }
  const std::string& before = seen == tree_.size ? note_ : *options_.pinned_note;
  auto kept = newest ? keep_statement(AlarmStatement::Kind::roll_back, before, *note, now)
                     : keep_evidence("not-signed", *note, now);
  if (!kept) return ledger::failure(kept);
  outcome.evidence = std::move(*kept);
  const std::uint64_t size = newest ? newest->tree.size : 0;
  outcome.alarm = Finding{
      FindingKind::missing, fmt::format("leaves {}..{}", size, seen - 1),
      fmt::format("日志倒退:此前已有 {} 个叶子,现仅 {} 个", seen, size),
      fmt::format("the log went back: {} leaves were there before, it shows {}", seen, size)};
  return outcome;
}

// One file a day for as long as the same note is the newest; its `seen` is that of the last look.
Result<std::string> Witness::keep_statement(AlarmStatement::Kind kind, const std::string& before,
                                            const std::string& shown, Time now) {
  auto note = sign_alarm({.kind = kind,
                          .origin = log_.name(),
                          .since = std::min(grew_, now),
                          .seen = now,
                          .kept = before,
                          .shown = shown},
                         *key_);
  if (!note) return ledger::failure(note);
  return keep_file(to_string(kind), *note, before, now);
}

// One file for the same evidence, however often it is seen.
Result<std::string> Witness::keep_evidence(std::string_view kind, const std::string& bytes,
                                           Time now) {
  return keep_file(kind, bytes, bytes, now);
}

Result<std::string> Witness::keep_file(std::string_view kind, const std::string& bytes,
                                       const std::string& about, Time now) {
  const std::string directory = ledger::join_path(options_.state, "alarms");
  if (auto made = files_->make_directory(directory, 0700); !made) return ledger::failure(made);
  const std::string hash = ledger::to_hex(ledger::as_view(ledger::sha256(about))).substr(0, 8);
  const std::string name =
      fmt::format("{}-{}-{}", ledger::format_time(now).substr(0, 10), kind, hash);
  std::string path = ledger::join_path(directory, name);
  if (auto kept = ledger::replace_file(*files_, path, bytes, 0600); !kept) {
    return ledger::failure(kept);
  }
  return path;
}

}  // namespace yunjian::auditor
