#include <fmt/format.h>

#include "collector/admin.h"
#include "collector/backup_plan.h"
#include "collector/data_directory.h"

// What is done to the files: the two ends of a `backup`, between which what is copied stays where
// it is, and the record of a repair.

namespace yunjian::collector {

using ledger::Result;

namespace {

constexpr std::string_view catalog_copy = "scratch/backup.sqlite";

Result<void> copy_catalog(const AdminContext& context) {
  if (auto made = context.files->make_directory(context.scratch, 0700); !made) return made;
  const std::string path = ledger::join_path(context.data, catalog_copy);
  auto there = context.files->exists(path);
  if (!there) return ledger::failure(there);
  if (*there) {
    if (auto removed = context.files->remove(path); !removed) return removed;
  }
  return context.catalog->copy_to(path);
}

}  // namespace

// The catalog first: what it says later than the log would be rows whose records are missing. The
// state of the own stream and the log are taken at one moment, or a start would find that one of
// them is an older copy.
Result<AdminAnswer> AdminCommands::begin_backup(const AdminRequest& request) {
  Act begun = act(request, "backup");
  begun.number("leaves", context_.log->size());
  if (auto recorded = record(begun); !recorded) return ledger::failure(recorded);
  if (auto copied = copy_catalog(context_); !copied) return ledger::failure(copied, "the catalog");
  BackupPlan plan;
  plan.catalog = catalog_copy;
  auto taken = context_.own->pause([&]() -> Result<void> {
    auto state = context_.files->read_file(DataDirectory{context_.data}.stream_state());
    if (!state) return ledger::failure(state);
    plan.contents["stream.state"] = std::move(*state);
    auto capture = context_.log->hold_files();
    if (!capture) return ledger::failure(capture);
    if (!capture->manifest.empty()) plan.contents["parts/manifest"] = std::move(capture->manifest);
    plan.files = std::move(capture->files);
    plan.last_segment = std::move(capture->last_segment);
    plan.last_segment_bytes = capture->last_segment_bytes;
    plan.leaves = capture->leaves;
    return {};
  });
  if (!taken) return ledger::failure(taken);
  return to_answer(std::move(plan));
}

Result<AdminAnswer> AdminCommands::end_backup(const AdminRequest&) {
  const bool held = context_.log->release_files();
  auto removed = context_.files->remove(ledger::join_path(context_.data, catalog_copy));
  if (!held) {
    return ledger::fail(ledger::ErrorKind::retry,
                        fmt::format("the copy took longer than {} hours, or the collector was "
                                    "started anew, and files may have gone meanwhile: run it again",
                                    hold_max.count()));
  }
  if (!removed) return ledger::failure(removed);
  return AdminAnswer{};
}

// What was done to the files while the log was not open.
Result<AdminAnswer> AdminCommands::record_repair(const AdminRequest& request) {
  Act repaired = act(request, "repair");
  for (const auto& [name, value] : request.fields) repaired.text(name, value);
  if (auto recorded = record(repaired); !recorded) return ledger::failure(recorded);
  return AdminAnswer{};
}

}  // namespace yunjian::collector
