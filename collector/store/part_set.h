#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "ledger/archive/part_manifest.h"
#include "ledger/archive/part_reader.h"

namespace yunjian::collector {

using PartPtr = std::shared_ptr<const ledger::PartReader>;

// The parts that the manifest names, in the order of their leaves. Immutable: whoever holds a set
// can read all of it, whatever is merged meanwhile. Any thread.
class PartSet {
 public:
  PartSet() = default;
  explicit PartSet(std::vector<PartPtr> parts) : parts_(std::move(parts)) {}
  static ledger::Result<std::shared_ptr<const PartSet>> open(
      ledger::FileSystem& files, const std::string& data, const ledger::PartManifest& manifest,
      std::shared_ptr<ledger::PartCache> cache);

  const std::vector<PartPtr>& parts() const { return parts_; }
  std::uint64_t leaves() const { return parts_.empty() ? 0 : parts_.back()->footer().leaf_end; }

  using Found = ledger::PartReader::Found;
  struct Batch {
    Found found;
    PartPtr part;               // that holds the header
    std::optional<Found> late;  // its body, when that came later
    PartPtr late_part;
    bool hollow() const { return found.row.hollow && !late; }
  };
  ledger::Result<std::optional<Batch>> find_batch(std::string_view stream,
                                                  std::uint64_t batch) const;
  ledger::Result<std::optional<Batch>> find_record(std::string_view stream,
                                                   std::uint64_t record) const;
  // Reject: hollow.
  static ledger::Result<std::vector<std::string>> lines(const Batch& batch);
  ledger::Result<std::string> leaf(std::uint64_t index) const;

 private:
  ledger::Result<std::optional<Batch>> with_late_body(PartPtr part, Found found) const;

  std::vector<PartPtr> parts_;
};

}  // namespace yunjian::collector
