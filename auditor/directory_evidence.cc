#include "auditor/directory_evidence.h"

#include <fmt/format.h>

#include "auditor/part_evidence.h"
#include "auditor/tile_check.h"
#include "ledger/archive/wal_entry.h"

namespace yunjian::auditor {

using ledger::ErrorKind;
using ledger::Result;

struct DirectoryEvidence::Pass {
  EvidenceVisitor* visitor;
  TileCheck tile_check;
  std::unique_ptr<ledger::Hasher> hasher;
  std::uint64_t published = 0;
  std::uint64_t leaves = 0;
  bool damaged =
      false;  // something before here cannot be read: numbers of later leaves are not known
  std::optional<ledger::Error> failed;  // the machine, not the evidence

  void leaf(std::string_view bytes, std::optional<std::string_view> body) {
    ++leaves;
    tile_check.add(hasher->leaf(bytes), *visitor);
    visitor->leaf(bytes, body);
  }
};

DirectoryEvidence::DirectoryEvidence(ledger::FileSystem& files, std::string directory,
                                     const ledger::Suite& suite)
    : files_(&files), directory_(std::move(directory)), suite_(&suite) {}

Result<std::string> DirectoryEvidence::checkpoint() {
  return files_->read_file(ledger::join_path(directory_, "checkpoint"));
}

Result<void> DirectoryEvidence::visit(std::uint64_t size, EvidenceVisitor& visitor) {
  Pass pass{&visitor, TileCheck(*files_, directory_, *suite_), suite_->hasher(), size};
  PartEvidence parts(*files_, directory_);
  auto opened = parts.open(visitor);
  if (!opened) return ledger::failure(opened);
  pass.damaged = !*opened || !parts.visit(visitor, [&](std::string_view leaf) {
    pass.leaf(leaf, std::nullopt);
  });
  const std::string wal = ledger::join_path(directory_, "wal");
  auto names = files_->list(wal);
  if (!names) return ledger::failure(names, "not a data directory of a collector");
  std::optional<std::uint64_t> expected;
  for (std::size_t i = 0; i < names->size() && !pass.damaged; ++i) {
    const std::string& name = (*names)[i];
    auto number = ledger::segment_number(name);
    if (!number) {
      visitor.found({FindingKind::tampered, "wal/" + name, "该文件不是日志段",
                     "the file is not a segment of the log"});
      continue;
    }
    const std::uint64_t first = parts.first_segment();
    if (*number < first) continue;  // filed already; a stop left it
    if (*number != expected.value_or(first)) {
      visitor.found({FindingKind::missing, "wal/" + ledger::segment_name(expected.value_or(first)),
                     "日志段文件缺失", "the segment is absent"});
      pass.damaged = true;
      break;
    }
    expected = *number + 1;
    segment(name, *number, i + 1 == names->size(), pass);
    if (pass.failed) return ledger::Failure(*pass.failed);
  }
  if (!pass.damaged) tiles(pass);
  lists(visitor);
  return {};
}

Result<std::string> DirectoryEvidence::list(std::uint64_t, const ledger::ListHead& head) {
  return files_->read_file(
      ledger::join_path(directory_, "lists/" + ledger::list_file_name(head.root)));
}

// A file holds as many hashes as there are; a narrower tile is its beginning.
Result<std::string> DirectoryEvidence::tile(const ledger::TileId& id) {
  const std::string name = ledger::tile_path({id.level, id.index, ledger::tile_width, id.entries});
  auto bytes = files_->read_file(ledger::join_path(directory_, name));
  if (bytes) bytes->resize(std::min<std::size_t>(bytes->size(), id.width * sizeof(ledger::Hash)));
  return bytes;
}

Result<std::string> DirectoryEvidence::witnessed() {
  return files_->read_file(ledger::join_path(directory_, "witnessed/newest"));
}

std::vector<Evidence::KeptNote> DirectoryEvidence::history() {
  constexpr std::size_t notes_max = 20'000;  // more than fifty years
  std::vector<KeptNote> kept;
  for (const std::string folder : {"checkpoints", "witnessed"}) {
    const auto names = files_->list(ledger::join_path(directory_, folder));
    if (!names) continue;  // an older collector, or no witnesses
    for (const std::string& name : *names) {
      if (kept.size() == notes_max) return kept;
      if (is_unfinished(name)) continue;
      std::string place = ledger::join_path(folder, name);
      auto note = files_->read_file(ledger::join_path(directory_, place));
      // One that cannot be read is told as one that is not signed.
      kept.push_back({std::move(place), note ? std::move(*note) : std::string()});
    }
  }
  return kept;
}

// A list is named by its root, so damage shows even when no leaf names it.
void DirectoryEvidence::lists(EvidenceVisitor& visitor) {
  const std::string directory = ledger::join_path(directory_, "lists");
  const auto names = files_->list(directory);
  if (!names) return;  // a log without rosters; a list that a leaf names is missed there
  for (const std::string& name : *names) {
    if (is_unfinished(name)) continue;
    const auto lines = files_->read_file(ledger::join_path(directory, name));
    const auto head = lines ? ledger::list_head(*lines, *suite_->hasher())
                            : Result<ledger::ListHead>(ledger::Failure(lines.error()));
    if (head && ledger::list_file_name(head->root) == name) continue;
    visitor.found({FindingKind::tampered, "lists/" + name, "名单文件与其名称所示的树根不符",
                   "the list has not the root that its name says"});
  }
}

void DirectoryEvidence::segment(const std::string& name, std::uint64_t number, bool last,
                                Pass& pass) {
  const std::string place = "wal/" + name;
  const auto visit_frame = [&](const ledger::FrameView& frame) -> Result<void> {
    auto entry = ledger::decode_wal_entry(frame.type, frame.payload);
    if (!entry) {
      pass.visitor->found({FindingKind::tampered, fmt::format("{} at {}", place, frame.offset),
                           "该处条目无法解读: " + entry.error().message,
                           "the entry cannot be read: " + entry.error().message});
      return {};
    }
    if (const auto* batch = std::get_if<ledger::WalBatch>(&*entry)) {
      pass.leaf(batch->header,
                batch->hollow ? std::nullopt : std::optional<std::string_view>(batch->body));
    } else if (const auto* leaf = std::get_if<ledger::WalLeaf>(&*entry)) {
      pass.leaf(leaf->leaf, std::nullopt);
    } else if (const auto* fill = std::get_if<ledger::WalBodyFill>(&*entry)) {
      pass.visitor->late_body(fill->stream, fill->batch, fill->body);
    }
    return {};
  };
  auto scan =
      ledger::scan_segment(*files_, ledger::join_path(directory_, place), number, visit_frame);
  if (scan) {
    end_of_segment(place, *scan, last, pass);
  } else if (scan.error().kind == ErrorKind::corrupt) {
    pass.visitor->found({FindingKind::tampered, place + " at 0",
                         "日志段头部损坏: " + scan.error().message,
                         "the head of the segment is damaged: " + scan.error().message});
    pass.damaged = true;
  } else {
    pass.failed = scan.error();
  }
}

void DirectoryEvidence::end_of_segment(const std::string& place, const ledger::SegmentScan& scan,
                                       bool last, Pass& pass) {
  if (!scan.torn) return;
  const std::string where = fmt::format("{} at {} (leaf {})", place, scan.valid_bytes, pass.leaves);
  pass.damaged = true;
  if (last && pass.leaves >= pass.published && !scan.frames_behind_damage) {
    // What a power cut leaves behind the last published leaf was promised to nobody.
    pass.visitor->found({FindingKind::notice, where, "日志末尾有未完成的写入(未曾发布)",
                         "the log ends in an unfinished write that was never published"});
    pass.damaged = false;
    return;
  }
  const bool cut = !scan.frames_behind_damage && last;
  pass.visitor->found(
      {cut ? FindingKind::missing : FindingKind::tampered, where,
       (cut ? "日志在此被截断: " : "该处字节被改动: ") + scan.problem,
       (cut ? "the log is cut off here: " : "bytes were changed here: ") + scan.problem});
}

void DirectoryEvidence::tiles(Pass& pass) { pass.tile_check.finish(pass.published, *pass.visitor); }

}  // namespace yunjian::auditor
