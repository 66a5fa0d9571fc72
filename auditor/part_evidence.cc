#include "auditor/part_evidence.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <algorithm>
#include <map>

#include "ledger/base/bytes.h"

namespace yunjian::auditor {

using ledger::ErrorKind;
using ledger::PartReader;
using ledger::Result;

namespace {

constexpr std::size_t checksum_bytes = 8;

Finding damage(std::string place, const std::string& what) {
  return {FindingKind::tampered, std::move(place), "该处字节被改动: " + what,
          "bytes were changed here: " + what};
}

std::string place_of(const ledger::PartManifest::Part& named) {
  return fmt::format("parts/{} (leaves {}..{})", ledger::part_name(named.number), named.first_leaf,
                     named.leaf_end == 0 ? 0 : named.leaf_end - 1);
}

}  // namespace

Result<bool> PartEvidence::open(EvidenceVisitor& visitor) {
  auto manifest = ledger::read_manifest(*files_, directory_);
  const bool unreadable = !manifest && (manifest.error().kind == ErrorKind::corrupt ||
                                        manifest.error().kind == ErrorKind::reject);
  if (unreadable) {
    visitor.found(damage("parts/manifest", manifest.error().message));
    return false;
  }
  if (!manifest) return ledger::failure(manifest);
  manifest_ = std::move(*manifest);
  if (auto checked = check_names(visitor); !checked) return ledger::failure(checked);
  if (manifest_.first_segment > 0) check_streams(visitor);
  return true;
}

// The manifest says which files count; others would be evidence that nobody looks at.
Result<void> PartEvidence::check_names(EvidenceVisitor& visitor) {
  const std::string directory = ledger::parts_directory(directory_);
  auto there = files_->exists(directory);
  if (!there) return ledger::failure(there);
  if (!*there) return {};
  auto names = files_->list(directory);
  if (!names) return ledger::failure(names);
  const bool any = std::ranges::any_of(
      *names, [](const std::string& name) { return ledger::part_number(name).has_value(); });
  if (any && std::ranges::find(*names, "manifest") == names->end()) {
    visitor.found({FindingKind::missing, "parts/manifest", "分区清单缺失",
                   "the manifest of the parts is absent"});
  }
  for (const std::string& name : *names) {
    const auto number = ledger::part_number(name);
    const bool is_named = number && std::ranges::any_of(manifest_.parts, [&](const auto& part) {
                            return part.number == *number;
                          });
    if (is_named || name == "manifest" || name.starts_with("streams.") || is_unfinished(name)) {
      continue;
    }
    visitor.found({FindingKind::notice, "parts/" + name, "清单未列出该文件",
                   "the manifest does not name this file"});
  }
  return {};
}

// Derived, and nothing of the log depends on it; but no byte is left unread.
void PartEvidence::check_streams(EvidenceVisitor& visitor) {
  const std::string place = fmt::format("parts/streams.{}", manifest_.streams);
  auto bytes = files_->read_file(ledger::join_path(directory_, place));
  if (!bytes) {
    visitor.found(
        {FindingKind::missing, place, "流状态文件缺失", "the file of the streams is absent"});
    return;
  }
  const std::string_view covered =
      std::string_view(*bytes).substr(0, bytes->size() - std::min(bytes->size(), checksum_bytes));
  if (bytes->size() < checksum_bytes || ledger::get_u64be(bytes->data() + covered.size()) !=
                                            XXH3_64bits(covered.data(), covered.size())) {
    visitor.found(damage(place, "another checksum"));
  }
}

bool PartEvidence::visit(EvidenceVisitor& visitor, const TakeLeaf& take) {
  return std::ranges::all_of(manifest_.parts, [&](const ledger::PartManifest::Part& named) {
    return visit_part(named, visitor, take);
  });
}

bool PartEvidence::visit_part(const ledger::PartManifest::Part& named, EvidenceVisitor& visitor,
                              const TakeLeaf& take) {
  const std::string place = place_of(named);
  const std::string directory = ledger::parts_directory(directory_);
  auto there = files_->exists(ledger::join_path(directory, ledger::part_name(named.number)));
  if (there && !*there) {
    visitor.found({FindingKind::missing, place, "该文件缺失", "the file is absent"});
    return false;
  }
  auto part = PartReader::open(*files_, directory, named.number);
  if (!part) {
    visitor.found(damage(place, part.error().message));
    return false;
  }
  if (auto whole = (*part)->check(*files_); !whole) {
    visitor.found(damage(place, whole.error().message));
  }
  if ((*part)->footer().first_leaf != named.first_leaf ||
      (*part)->footer().leaf_end != named.leaf_end) {
    visitor.found(damage(place, "it holds other leaves than the manifest says"));
    return false;
  }
  if (!give_leaves(**part, visitor, take)) return false;
  give_bodies(*part, visitor);
  return true;
}

bool PartEvidence::give_leaves(const PartReader& part, EvidenceVisitor& visitor,
                               const TakeLeaf& take) {
  const ledger::PartFooter& footer = part.footer();
  // By index: the footer may claim more leaves than the part holds.
  std::map<std::uint64_t, std::string> leaves;
  const auto place = [&](std::uint64_t leaf) {
    return fmt::format("parts/{} (leaf {})", ledger::part_name(part.number()), leaf);
  };
  const auto keep = [&](std::uint64_t leaf, const std::string& bytes) {
    if (leaf >= footer.first_leaf && leaf < footer.leaf_end) leaves.insert_or_assign(leaf, bytes);
  };
  for (std::uint64_t block = 0; block < footer.header_blocks.size(); ++block) {
    auto headers = part.headers(block);
    if (!headers) {
      visitor.found(damage("parts/" + ledger::part_name(part.number()), headers.error().message));
      return false;
    }
    const auto& rows = (*headers)->block.rows();
    for (std::size_t i = 0; i < rows.size(); ++i) {
      if (!rows[i].fill) keep(rows[i].leaf, (*headers)->notes[i]);
    }
  }
  for (std::size_t group = 0; group < footer.leaves.size(); ++group) {
    auto some = part.leaves(group);
    if (!some) {
      visitor.found(damage("parts/" + ledger::part_name(part.number()), some.error().message));
      return false;
    }
    for (const ledger::PartLeaf& leaf : *some) keep(leaf.index, leaf.leaf);
  }
  std::uint64_t next = footer.first_leaf;
  for (auto leaf = leaves.begin(); leaf != leaves.end() && leaf->first == next; ++next) {
    take(leaf->second);
    leaf = leaves.erase(leaf);
  }
  if (next == footer.leaf_end) return true;
  visitor.found({FindingKind::missing, place(next), "叶子缺失", "the leaf is absent"});
  return false;
}

void PartEvidence::give_bodies(const std::shared_ptr<const PartReader>& part,
                               EvidenceVisitor& visitor) {
  ledger::PartCursor cursor(part);
  for (;;) {
    auto more = cursor.next();
    if (!more) {
      visitor.found(damage("parts/" + ledger::part_name(part->number()), more.error().message));
      return;
    }
    if (!*more) return;
    const ledger::PartRow& row = cursor.row();
    if (row.hollow) continue;
    std::size_t bytes = 0;
    for (const ledger::PartLine& line : cursor.lines()) bytes += line.line.size() + 1;
    std::string lines;
    lines.reserve(bytes);
    for (const ledger::PartLine& line : cursor.lines()) {
      if (&line != &cursor.lines().front()) lines.push_back('\n');
      lines += line.line;
    }
    visitor.late_lines(row.stream, row.batch, std::move(lines));
  }
}

}  // namespace yunjian::auditor
