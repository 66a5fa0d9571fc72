// Retention: bodies of days that are over for long enough go; what proves the rest stays.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "collector/store/evidence_log_impl.h"
#include "ledger/list_leaves.h"

namespace yunjian::collector {

using ledger::ErrorKind;
using ledger::fail;
using ledger::PartRow;
using ledger::Result;

namespace {

constexpr unsigned file_mode = 0640;
constexpr unsigned directory_mode = 0750;
constexpr std::size_t day_chars = 10;  // yyyy-mm-dd

std::string day_text(std::uint64_t day) {
  const ledger::Time begin{std::chrono::days(day)};
  return ledger::format_time(begin).substr(0, day_chars);
}

bool has_body(const PartRow& row) { return row.records > 0 && !row.hollow; }

// The lines of a purge leaf: batches that follow each other in one line.
class PurgeList {
 public:
  void add(const PartRow& row) {
    ++batches_;
    auto& ranges = streams_[row.stream];
    if (!ranges.empty() && ranges.back().second + 1 == row.batch) {
      ranges.back().second = row.batch;
    } else {
      ranges.emplace_back(row.batch, row.batch);
    }
  }
  std::uint64_t batches() const { return batches_; }
  std::string lines() const {
    std::vector<std::string> all;
    for (const auto& [stream, ranges] : streams_) {
      for (const auto& [from, to] : ranges) {
        all.emplace_back();
        ledger::append_purge_line(all.back(), {stream, from, to});
      }
    }
    std::ranges::sort(all);
    std::string joined;
    for (const std::string& line : all) joined += line;
    return joined;
  }

 private:
  std::map<std::string, std::vector<std::pair<std::uint64_t, std::uint64_t>>> streams_;
  std::uint64_t batches_ = 0;
};

Result<PurgeList> list_of(const std::vector<PartPtr>& parts,
                          const std::function<bool(const PartRow&)>& drops) {
  PurgeList list;
  for (const PartPtr& part : parts) {
    for (std::uint64_t block = 0; block < part->footer().header_blocks.size(); ++block) {
      auto headers = part->headers(block);
      if (!headers) return failure(headers);
      for (const PartRow& row : (*headers)->block.rows()) {
        if (has_body(row) && drops(row)) list.add(row);
      }
    }
  }
  return list;
}

Result<void> write_list(ledger::FileSystem& files, const std::string& data,
                        const ledger::ListHead& head, const std::string& lines) {
  const std::string directory = ledger::join_path(data, "lists");
  if (auto made = files.make_directory(directory, directory_mode); !made) return made;
  if (auto synced = files.sync_directory(data); !synced) return synced;
  return ledger::replace_file(
      files, ledger::join_path(directory, ledger::list_file_name(head.root)), lines, file_mode);
}

}  // namespace

// The parts of the oldest day that is due and was not looked at under this mark.
std::vector<PartPtr> EvidenceLog::Impl::parts_to_purge(const Retention& retention) const {
  std::uint64_t today = day_of(clock.wall());
  std::uint64_t leaves = ~std::uint64_t{0};
  if (retention.witnessed) {
    today = std::min(today, day_of(retention.witnessed->at));
    leaves = retention.witnessed->size;
  }
  const auto keep = static_cast<std::uint64_t>(retention.keep.count());
  std::vector<PartPtr> of_day;
  bool due = false;
  for (const PartPtr& part : part_set()->parts()) {
    const ledger::PartFooter& footer = part->footer();
    if (!of_day.empty() && of_day.back()->footer().day != footer.day) {
      if (due) return of_day;
      of_day.clear();
    }
    if (footer.day + keep >= today) break;
    if (footer.leaf_end > leaves) return {};  // a day goes as a whole
    const bool has_records = std::ranges::any_of(
        footer.lanes, [](const ledger::LaneTotals& lane) { return lane.rows > 0; });
    due |= has_records && footer.purged != retention.mark;
    of_day.push_back(part);  // also one without records: parts are joined without holes
  }
  return due ? of_day : std::vector<PartPtr>();
}

Result<std::optional<EvidenceLog::Purged>> EvidenceLog::purge_step(const Retention& retention) {
  if (retention.keep.count() == 0) return std::optional<Purged>();
  if (impl_->filing_stopped) return filing_stopped_error();
  if (retention.keep < retention_min) {
    return fail(ErrorKind::reject,
                fmt::format("records are kept for at least {} days", retention_min.count()));
  }
  const std::vector<PartPtr> due = impl_->parts_to_purge(retention);
  if (due.empty()) return std::optional<Purged>();
  const std::uint64_t day = due.front()->footer().day;
  const auto drops = [&](const PartRow& row) {
    return has_body(row) && (!retention.held || !retention.held(row.unit, row.host, day));
  };
  auto list = list_of(due, drops);
  if (!list) return failure(list);
  Purged purged{day_text(day), list->batches(), no_leaf};
  if (purged.batches > 0) {
    const std::string lines = list->lines();
    const auto hasher = impl_->hashers.take();
    auto head = ledger::list_head(lines, *hasher);
    if (!head) return failure(head);
    auto written = write_list(impl_->files, impl_->options.directory, *head, lines);
    if (!written) return failure(written, "writing the list of a purge");
    const std::string text = ledger::format_purge({impl_->clock.wall(), size(), purged.day, *head});
    auto line = sign(text);
    if (!line) return failure(line);
    std::vector<Entry> entries;
    if (retention.act) entries.emplace_back(OwnRecord{retention.act(purged)});
    entries.emplace_back(LeafEntry{ledger::format_note(text, {*line})});
    auto committed = commit(std::move(entries));
    if (!committed) return failure(committed);
    purged.leaf = committed->leaves.back();
  }
  // A stop from here on: the day is due again and gets a second leaf and act, of what is left.
  PartsToMerge how;
  how.drops = drops;
  how.purged = retention.mark;
  if (auto replaced = impl_->replace(due, std::move(how)); !replaced) return failure(replaced);
  return std::optional<Purged>(purged);
}

}  // namespace yunjian::collector
