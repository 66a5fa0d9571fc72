#include "collector/store/part_set.h"

#include <fmt/format.h>

#include <algorithm>

namespace yunjian::collector {

using ledger::ErrorKind;
using ledger::fail;
using ledger::PartReader;
using ledger::Result;

Result<std::shared_ptr<const PartSet>> PartSet::open(ledger::FileSystem& files,
                                                     const std::string& data,
                                                     const ledger::PartManifest& manifest,
                                                     std::shared_ptr<ledger::PartCache> cache) {
  std::vector<PartPtr> parts;
  for (const auto& named : manifest.parts) {
    auto part = PartReader::open(files, ledger::parts_directory(data), named.number, cache);
    if (!part) return failure(part, "a part that the manifest names (mend it: `verify --repair`)");
    const ledger::PartFooter& footer = (*part)->footer();
    if (footer.first_leaf != named.first_leaf || footer.leaf_end != named.leaf_end ||
        footer.day != named.day) {
      return fail(ErrorKind::corrupt,
                  fmt::format("part {} is not the one that the manifest names: restore it from "
                              "backup",
                              ledger::part_name(named.number)));
    }
    parts.push_back(std::move(*part));
  }
  return std::shared_ptr<const PartSet>(std::make_shared<PartSet>(std::move(parts)));
}

// Newest first: most questions are about what came last.
Result<std::optional<PartSet::Batch>> PartSet::find_batch(std::string_view stream,
                                                          std::uint64_t batch) const {
  for (auto part = parts_.rbegin(); part != parts_.rend(); ++part) {
    auto found = (*part)->find_batch(stream, batch, false);
    if (!found) return failure(found);
    if (*found) return with_late_body(*part, std::move(**found));
  }
  return std::optional<Batch>();
}

Result<std::optional<PartSet::Batch>> PartSet::find_record(std::string_view stream,
                                                           std::uint64_t record) const {
  for (auto part = parts_.rbegin(); part != parts_.rend(); ++part) {
    auto found = (*part)->find_record(stream, record);
    if (!found) return failure(found);
    if (*found) return with_late_body(*part, std::move(**found));
  }
  return std::optional<Batch>();
}

Result<std::optional<PartSet::Batch>> PartSet::with_late_body(PartPtr part, Found found) const {
  Batch batch{std::move(found), std::move(part), std::nullopt, nullptr};
  if (!batch.found.row.hollow) return std::optional<Batch>(std::move(batch));
  for (auto at = parts_.rbegin(); at != parts_.rend(); ++at) {
    auto late = (*at)->find_batch(batch.found.row.stream, batch.found.row.batch, true);
    if (!late) return failure(late);
    if (*late) {
      batch.late = std::move(**late);
      batch.late_part = *at;
      break;
    }
    if (*at == batch.part) break;  // a late body never lies before its header
  }
  return std::optional<Batch>(std::move(batch));
}

Result<std::vector<std::string>> PartSet::lines(const Batch& batch) {
  if (batch.late) return batch.late_part->lines(batch.late->row);
  if (batch.found.row.hollow) return fail(ErrorKind::reject, "the batch came without its body");
  return batch.part->lines(batch.found.row);
}

Result<std::string> PartSet::leaf(std::uint64_t index) const {
  const auto behind = std::ranges::upper_bound(
      parts_, index, {}, [](const PartPtr& part) { return part->footer().leaf_end; });
  if (behind == parts_.end()) {
    return fail(ErrorKind::corrupt, fmt::format("leaf {} is in no part", index));
  }
  return (*behind)->leaf(index);
}

}  // namespace yunjian::collector
