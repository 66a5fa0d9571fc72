// What a copy of the evidence is made from while the log goes on.
#include "collector/store/evidence_log_impl.h"

namespace yunjian::collector {

using ledger::Result;

// What is not committed yet is not in it: the last segment is taken up to the last commit.
Result<EvidenceLog::Capture> EvidenceLog::hold_files() {
  Capture capture;
  const std::shared_lock unmoved(impl_->filing_mutex);
  {
    const std::lock_guard lock(impl_->hold_mutex);
    impl_->hold.until = impl_->clock.boot() + hold_max;
  }
  const ledger::PartManifest& manifest = impl_->manifest;
  if (manifest.first_segment > 0) {
    capture.manifest = ledger::format_manifest(manifest);
    for (const auto& part : manifest.parts) {
      capture.files.push_back("parts/" + ledger::part_name(part.number));
    }
    capture.files.push_back(streams_path("", manifest.streams));
  }
  const std::shared_lock lock(impl_->state_mutex);
  const auto path_of = [](std::uint64_t segment) { return "wal/" + ledger::segment_name(segment); };
  for (std::uint64_t at = manifest.first_segment; at < impl_->wal_end.segment; ++at) {
    capture.files.push_back(path_of(at));
  }
  capture.last_segment = path_of(impl_->wal_end.segment);
  capture.last_segment_bytes = impl_->wal_end.offset;
  capture.leaves = impl_->published.tree.size;
  return capture;
}

bool EvidenceLog::release_files() {
  const std::lock_guard lock(impl_->hold_mutex);
  const bool held = impl_->hold.until && impl_->clock.boot() < *impl_->hold.until;
  impl_->hold.until.reset();
  return held;
}

// A stop before they are removed leaves files that no manifest names: the next start removes them.
Result<void> EvidenceLog::Impl::let_go(std::vector<std::string> paths) {
  {
    const std::lock_guard lock(hold_mutex);
    for (std::string& path : paths) hold.waiting.push_back(std::move(path));
  }
  return remove_released();
}

Result<void> EvidenceLog::Impl::remove_released() {
  std::vector<std::string> paths;
  {
    const std::lock_guard lock(hold_mutex);
    if (hold.until && clock.boot() < *hold.until) return {};
    hold.until.reset();
    paths.swap(hold.waiting);
  }
  std::set<std::string> directories;
  for (const std::string& path : paths) {
    if (auto removed = files.remove(path); !removed)
      return failure(removed, "removing what is filed");
    directories.insert(ledger::parent_directory(path));
  }
  for (const std::string& directory : directories) {
    if (auto synced = files.sync_directory(directory); !synced) return synced;
  }
  return {};
}

}  // namespace yunjian::collector
