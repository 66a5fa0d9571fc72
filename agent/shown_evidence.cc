#include "agent/shown_evidence.h"

#include <fmt/format.h>

#include <algorithm>

#include "agent/own_record.h"
#include "ledger/split_view.h"

namespace yunjian::agent {
namespace {

using ledger::failure;
using ledger::Result;

// Nought when the note is none; it was opened with the log's key before.
std::uint64_t size_of(const std::string& note) {
  const auto parsed = ledger::parse_note(note);
  if (!parsed) return 0;
  const auto checkpoint = ledger::parse_checkpoint(parsed->text);
  return checkpoint ? checkpoint->tree.size : 0;
}

std::string hash_part(std::string_view bytes) {
  return ledger::to_hex(ledger::as_view(ledger::sha256(bytes))).substr(0, 8);
}

}  // namespace

Result<ShownEvidence::Kept> ShownEvidence::keep(const Contradiction& contradiction,
                                                ledger::Time now) {
  const auto& [before, after] = contradiction;
  const bool split = size_of(before) == size_of(after);
  const std::string bytes =
      split ? ledger::format_split_view({before, after, {}}) : before + "\n" + after;
  const std::string tail =
      fmt::format("-{}-{}", split ? "split-view" : "roll-back", hash_part(bytes));
  if (auto made = files_->make_directory(directory_, 0700); !made) return failure(made);
  auto names = files_->list(directory_);
  if (!names) return failure(names);
  const auto known = [&](const std::string& name) { return name.ends_with(tail); };
  if (names->size() >= alarm_files_max || std::any_of(names->begin(), names->end(), known)) {
    return Kept{};
  }
  Kept kept;
  kept.path = ledger::join_path(directory_, ledger::format_time(now).substr(0, 10) + tail);
  if (auto written = replace_file(*files_, kept.path, bytes, 0644); !written) {
    return failure(written);
  }
  for (const std::string& note : {before, after}) {
    kept.records.push_back(
        own_record(now, "checkpoint", {{"cause", "contradiction"}, {"checkpoint", note}}));
  }
  return kept;
}

}  // namespace yunjian::agent
