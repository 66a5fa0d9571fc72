#include "agent/sources/journal.h"

#ifdef HAVE_SYSTEMD

#include <fmt/format.h>
#include <fnmatch.h>
#include <systemd/sd-journal.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/sources/gap_record.h"
#include "agent/sources/journal_entry.h"
#include "agent/sources/journal_files.h"
#include "ledger/base/bytes.h"
#include "ledger/record.h"

namespace yunjian::agent {
namespace {

constexpr auto open_interval = std::chrono::seconds(10);
constexpr std::size_t detail_bytes_max = 1024;

struct CloseJournal {
  void operator()(sd_journal* journal) const { sd_journal_close(journal); }
};
using JournalHandle = std::unique_ptr<sd_journal, CloseJournal>;

// Where reading stands: behind an entry, or at one of which `parts` records are handed over.
struct JournalPlace {
  std::string cursor;  // empty: nothing was read yet
  bool inside = false;
  std::size_t parts = 0;
};

// "journal/v1 behind CURSOR" or "journal/v1 inside PARTS CURSOR".
std::string format_place(const JournalPlace& place) {
  if (place.cursor.empty()) return {};
  if (!place.inside) return "journal/v1 behind " + place.cursor;
  return fmt::format("journal/v1 inside {} {}", place.parts, place.cursor);
}

std::optional<JournalPlace> parse_journal_place(std::string_view text) {
  constexpr std::string_view behind = "journal/v1 behind ";
  constexpr std::string_view inside = "journal/v1 inside ";
  JournalPlace place;
  if (text.starts_with(behind)) {
    place.cursor = text.substr(behind.size());
  } else if (text.starts_with(inside)) {
    text.remove_prefix(inside.size());
    const auto blank = text.find(' ');
    const auto parts = ledger::parse_decimal(text.substr(0, blank));
    if (!parts || blank == std::string_view::npos) return std::nullopt;
    place.inside = true;
    place.parts = *parts;
    place.cursor = text.substr(blank + 1);
  }
  if (place.cursor.empty()) return std::nullopt;
  return place;
}

class Journal : public Source {
 public:
  explicit Journal(JournalOptions options) : options_(std::move(options)) {}

  std::string_view name() const override { return "journal"; }
  void restore(std::string_view position) override;
  std::string position() const override { return format_place(place_); }
  bool poll(ledger::Time now, RecordSink& sink) override;
  int wake_descriptor() const override { return wake_descriptor_; }

 private:
  enum class Step { next, end, full };

  bool open(ledger::Time now);
  JournalHandle open_handle() const;
  void look_for_damage();
  bool is_damaged(const std::string& path) const;
  bool tell_damaged(ledger::Time now, RecordSink& sink);
  int seek();
  Step step(ledger::Time now, RecordSink& sink);
  bool find_place_again(ledger::Time now, RecordSink& sink);
  Step hand_over(ledger::Time now, RecordSink& sink);
  bool is_wanted() const;
  bool tell_loss(ledger::Time now, RecordSink& sink);
  bool hand_over_pieces(RecordSink& sink);
  int load_entry();
  Step give_up(ledger::Time now, RecordSink& sink);
  std::string current_cursor() const;
  void remember_place();

  JournalOptions options_;
  JournalHandle journal_;
  std::vector<DamagedJournal> damaged_;  // files that are left out, as of the last opening
  std::set<std::string> damage_told_;    // paths of them
  JournalPlace place_;                   // as of the end of the last poll
  bool bad_position_ = false;            // what was stored cannot be read
  bool resuming_ = false;                // place_ is restored and not yet found in the open journal
  bool at_entry_ = false;      // the journal stands at an entry that is not handed over whole
  std::size_t parts_ = 0;      // of that entry that are handed over
  std::uint64_t missing_ = 0;  // entries in front of it that the journal cannot show
  EntryNumbers numbers_;
  int failed_ = 0;         // why the next entry cannot be reached, its gap not yet taken
  unsigned failures_ = 0;  // in a row without an entry between them
  int wake_descriptor_ = -1;
  std::optional<ledger::Time> last_open_;
  ledger::Time entry_time_{};                  // by the journal's clock, of the entry last read
  std::optional<ledger::Time> previous_time_;  // of the last one that is done with
  std::optional<std::uint64_t> audit_lost_;    // since boot, as the kernel said last
  JournalEntry entry_;
  std::string line_;
};

void Journal::restore(std::string_view position) {
  if (position.empty()) return;
  if (auto place = parse_journal_place(position)) {
    place_ = std::move(*place);
  } else {
    bad_position_ = true;
  }
}

bool Journal::poll(ledger::Time now, RecordSink& sink) {
  if (bad_position_) {
    write_gap(line_, now,
              {.cause = "position-lost",
               .detail = "the journal is read again from its beginning",
               .source = "journal"});
    if (!sink.take(line_)) return true;
    bad_position_ = false;
  }
  const bool is_open = journal_ || open(now);
  if (!tell_damaged(now, sink)) return true;
  if (!is_open) return false;
  sd_journal_process(journal_.get());  // files that came and went
  Step last = Step::next;
  while (last == Step::next) last = step(now, sink);
  remember_place();
  return last == Step::full;
}

bool Journal::open(ledger::Time now) {
  const bool wait = last_open_ && now >= *last_open_ && now - *last_open_ < open_interval;
  if (wait) return false;
  last_open_ = now;
  look_for_damage();
  journal_ = open_handle();
  if (!journal_) {
    options_.start = FileStart::beginning;  // what appears from now on is new
    return false;
  }
  sd_journal_set_data_threshold(journal_.get(), 0);  // whole fields, however long
  wake_descriptor_ = sd_journal_get_fd(journal_.get());
  at_entry_ = false;
  resuming_ = !place_.cursor.empty();
  if (seek() >= 0) return true;
  journal_.reset();
  wake_descriptor_ = -1;
  return false;
}

void Journal::look_for_damage() {
  damaged_ = damaged_journals(options_);
  std::erase_if(damage_told_, [this](const std::string& path) { return !is_damaged(path); });
}

bool Journal::is_damaged(const std::string& path) const {
  return std::ranges::any_of(damaged_, [&](const auto& file) { return file.path == path; });
}

// False: the sink is full.
bool Journal::tell_damaged(ledger::Time now, RecordSink& sink) {
  for (const DamagedJournal& file : damaged_) {
    if (damage_told_.contains(file.path)) continue;
    const std::string detail = fmt::format(
        "this file of the journal cannot be opened: {}; it is left out; check with journalctl "
        "--verify --file",
        file.problem);
    const std::string path =
        ledger::is_valid_utf8(file.path) ? file.path : ledger::escape_bytes(file.path);
    write_gap(line_, now, {.cause = "corrupt", .detail = detail, .source = "journal", .log = path});
    if (!sink.take(line_)) return false;
    damage_told_.insert(file.path);
  }
  return true;
}

JournalHandle Journal::open_handle() const {
  sd_journal* opened = nullptr;
  int result = 0;
  if (!options_.files.empty()) {
    std::vector<const char*> paths;
    paths.reserve(options_.files.size() + 1);
    for (const auto& file : options_.files) {
      if (!is_damaged(file)) paths.push_back(file.c_str());
    }
    paths.push_back(nullptr);
    result = sd_journal_open_files(&opened, paths.data(), 0);
  } else if (!options_.directory.empty()) {
    result = sd_journal_open_directory(&opened, options_.directory.c_str(), 0);
  } else {
    result = sd_journal_open(&opened, SD_JOURNAL_LOCAL_ONLY);
  }
  JournalHandle handle(result < 0 ? nullptr : opened);
  if (handle && sd_journal_has_persistent_files(handle.get()) <= 0 &&
      sd_journal_has_runtime_files(handle.get()) <= 0 && options_.files.empty() &&
      options_.directory.empty())
    handle.reset();  // a host without journald
  return handle;
}

int Journal::seek() {
  sd_journal* journal = journal_.get();
  // The entry at which reading failed must not be met again, nor what lies behind it in its file.
  if (failures_ > 1) return sd_journal_seek_tail(journal);
  if (failures_ == 1) {
    resuming_ = false;
    const auto time = entry_time_.time_since_epoch().count();
    return sd_journal_seek_realtime_usec(journal, static_cast<std::uint64_t>(time) + 1);
  }
  if (resuming_) return sd_journal_seek_cursor(journal, place_.cursor.c_str());
  if (options_.start == FileStart::beginning) return sd_journal_seek_head(journal);
  const int tail = sd_journal_seek_tail(journal);
  if (tail < 0) return tail;
  const int last = sd_journal_previous(journal);
  return last != 0 ? last : sd_journal_seek_head(journal);
}

// Hands over the entry at which the journal stands, after going to the next one where that is done.
Journal::Step Journal::step(ledger::Time now, RecordSink& sink) {
  if (failed_ != 0) return give_up(now, sink);
  if (!at_entry_) {
    const int next = sd_journal_next(journal_.get());
    if (next == 0) return Step::end;
    if (next < 0) {
      failed_ = -next;
      return give_up(now, sink);
    }
    at_entry_ = true;
    parts_ = 0;
    missing_ = numbers_.note(current_cursor());
  }
  if (resuming_ && !find_place_again(now, sink)) return Step::full;
  return at_entry_ ? hand_over(now, sink) : Step::next;
}

// The journal stands at the first entry at or behind the restored place. False: the sink is full.
bool Journal::find_place_again(ledger::Time now, RecordSink& sink) {
  if (sd_journal_test_cursor(journal_.get(), place_.cursor.c_str()) > 0) {
    at_entry_ = place_.inside;
    parts_ = place_.parts;
  } else {
    const std::string cursor = current_cursor();
    const auto before = cursor_number(place_.cursor);
    const auto here = cursor_number(cursor);
    Gap gap{
        .cause = "cursor-gone",
        .detail = "the journal no longer holds the entry read last: it was vacuumed or replaced",
        .source = "journal",
        .from = cursor_time(place_.cursor),
        .to = cursor_time(cursor)};
    const bool countable =
        before && here && before->source == here->source && here->number > before->number;
    if (countable) gap.count = here->number - before->number - (place_.inside ? 0 : 1);
    if (gap.count != 0) {
      write_gap(line_, now, gap);
      if (!sink.take(line_)) return false;
    }
  }
  previous_time_ = cursor_time(place_.cursor);
  missing_ = 0;
  resuming_ = false;
  return true;
}

Journal::Step Journal::hand_over(ledger::Time now, RecordSink& sink) {
  const bool readable = load_entry() >= 0;
  if (missing_ > 0) {
    write_gap(
        line_, now,
        {.cause = "entries-missing",
         .detail = "the numbers of the journal's entries jump: a file is damaged, vacuumed or "
                   "not readable by the agent; check with journalctl --verify",
         .source = "journal",
         .count = missing_,
         .from = previous_time_,
         .to = entry_time_});
    if (!sink.take(line_)) return Step::full;
    missing_ = 0;
  }
  if (!readable) {
    write_gap(line_, now,
              {.cause = "corrupt",
               .detail = "a journal entry cannot be read; check with journalctl --verify",
               .source = "journal",
               .count = 1,
               .to = entry_time_});
    if (!sink.take(line_)) return Step::full;
  } else {
    if (is_wanted() && !hand_over_pieces(sink)) return Step::full;
    if (!tell_loss(now, sink)) return Step::full;
  }
  at_entry_ = false;
  previous_time_ = entry_time_;
  failures_ = 0;
  return Step::next;
}

bool Journal::is_wanted() const {
  const std::string unit(entry_.unit());
  if (entry_.from_audit() || (!options_.own_unit.empty() && unit == options_.own_unit))
    return false;
  if (entry_.severity() && *entry_.severity() > options_.severity_max) return false;
  const auto matches = [&](const std::string& pattern) {
    return fnmatch(pattern.c_str(), unit.c_str(), 0) == 0;
  };
  const auto& units = options_.units;
  const auto& excluded = options_.exclude_units;
  if (!units.empty() && std::none_of(units.begin(), units.end(), matches)) return false;
  return std::none_of(excluded.begin(), excluded.end(), matches);
}

// Behind the entry that says it, so that a restart in between tells it once.
bool Journal::tell_loss(ledger::Time now, RecordSink& sink) {
  auto loss = entry_.loss();
  if (!loss) return true;
  if (loss->total) {
    // A smaller count is of another boot; what the first one holds may have been told before.
    const bool another_boot = audit_lost_ && *loss->total < *audit_lost_;
    if (audit_lost_) loss->count = *loss->total - (another_boot ? 0 : *audit_lost_);
    if (loss->count == 0) return true;
  }
  const std::string_view said = entry_.message().substr(0, detail_bytes_max);
  const std::string detail =
      ledger::is_valid_utf8(said) ? std::string(said) : ledger::escape_bytes(said);
  write_gap(line_, now,
            {.cause = loss->cause,
             .detail = detail,
             .source = "journal",
             .count = loss->count,
             .to = entry_time_});
  if (!sink.take(line_)) return false;
  if (loss->total) audit_lost_ = loss->total;
  return true;
}

bool Journal::hand_over_pieces(RecordSink& sink) {
  const auto source_time = entry_.source_time_us();
  const ledger::Time time =
      source_time ? ledger::Time(std::chrono::microseconds(*source_time)) : entry_time_;
  const auto pieces = ledger::split_message(entry_.message(), entry_.overhead());
  for (; parts_ < pieces.size(); ++parts_) {
    line_.clear();
    const std::string part =
        pieces.size() > 1 ? fmt::format("{}/{}", parts_ + 1, pieces.size()) : std::string();
    entry_.write(line_, time, part, pieces[parts_]);
    if (!sink.take(line_)) return false;
  }
  return true;
}

int Journal::load_entry() {
  entry_.clear();
  std::uint64_t microseconds = 0;
  const int known = sd_journal_get_realtime_usec(journal_.get(), &microseconds);
  if (known < 0) return known;
  entry_time_ = ledger::Time(std::chrono::microseconds(microseconds));
  sd_journal_restart_data(journal_.get());
  const void* data = nullptr;
  std::size_t length = 0;
  int more = 0;
  while ((more = sd_journal_enumerate_available_data(journal_.get(), &data, &length)) > 0)
    entry_.add({static_cast<const char*>(data), length});
  return more;
}

// Reading went wrong between two entries: says so and opens the journal anew behind that place.
Journal::Step Journal::give_up(ledger::Time now, RecordSink& sink) {
  const std::string detail = fmt::format(
      "the journal cannot be read on: {}; it is opened again behind this place; check with "
      "journalctl --verify",
      std::strerror(failed_));
  write_gap(line_, now,
            {.cause = "corrupt", .detail = detail, .source = "journal", .from = previous_time_});
  if (!sink.take(line_)) return Step::full;
  remember_place();
  failed_ = 0;
  ++failures_;
  journal_.reset();
  wake_descriptor_ = -1;
  return Step::end;
}

std::string Journal::current_cursor() const {
  char* text = nullptr;
  if (sd_journal_get_cursor(journal_.get(), &text) < 0) return {};
  std::string cursor(text);
  std::free(text);
  return cursor;
}

void Journal::remember_place() {
  if (!journal_ || resuming_) return;
  std::string cursor = current_cursor();
  if (cursor.empty()) return;  // nothing read yet, or its file is gone: the older place holds
  place_ = {std::move(cursor), at_entry_, parts_};
}

}  // namespace

std::unique_ptr<Source> make_journal(JournalOptions options) {
  return std::make_unique<Journal>(std::move(options));
}

}  // namespace yunjian::agent

#else

namespace yunjian::agent {

std::unique_ptr<Source> make_journal(JournalOptions) { return nullptr; }

}  // namespace yunjian::agent

#endif
