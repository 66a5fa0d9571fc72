#include "agent/sources/file_tail.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "agent/sources/elapsed.h"
#include "agent/sources/file_copy.h"
#include "agent/sources/file_gaps.h"
#include "agent/sources/gap_record.h"
#include "agent/sources/silent_file_system.h"
#include "ledger/base/bytes.h"
#include "ledger/record.h"

namespace yunjian::agent {
namespace {

using std::chrono::seconds;

constexpr auto look_interval = seconds(1);
// The kernel tells of new names; else, and while something cannot be opened; no directory yet.
constexpr auto search_interval = seconds(60);
constexpr auto search_interval_unwatched = seconds(10);
constexpr auto search_interval_missing = seconds(1);
constexpr auto search_spacing = std::chrono::milliseconds(200);  // in a directory full of changes
constexpr std::size_t looks_at_once = 32;  // files per look_interval that should need none

FilePlace first_place(const FoundFile& found) {
  FilePlace place;
  place.path = found.path;
  place.device = found.device;
  place.inode = found.inode;
  place.born_ns = found.keeps_birth ? found.born_ns : 0;
  return place;
}

// Whether `found` is the file of the place, as far as a look from outside can tell.
bool is_file_of(const FilePlace& place, const FoundFile& found) {
  if (found.inode != place.inode) return false;
  if (place.born_ns != 0 && found.keeps_birth && found.born_ns != place.born_ns) return false;
  // Device numbers may change with a reboot; a hash that fits outweighs them.
  return found.device == place.device || place.fingerprint.length > 0;
}

}  // namespace

FileTail::FileTail(FileTailOptions options)
    : options_(std::move(options)), buffer_(read_buffer_bytes) {
  auto format = LineFormat::make(options_.multiline_start, options_.encoding);
  ledger::require(format.has_value(), "the configuration was checked");
  format_ = std::move(*format);
  name_ = "file:";
  if (!options_.name.empty()) {
    name_ += options_.name;
  } else if (!options_.patterns.empty()) {
    name_ += options_.patterns.front();
  }
}

void FileTail::restore(std::string_view position) {
  if (position.empty()) return;
  first_start_ = false;
  auto places = parse_places(position);
  if (places) {
    unresolved_ = std::move(*places);
    for (const FilePlace& place : unresolved_) {
      if (place.compressed) compressed_.restore(place.path, *place.compressed);
    }
    std::erase_if(unresolved_, [](const FilePlace& place) { return place.is_mark(); });
  } else {
    lost_position_ = places.error().message;
  }
}

std::string FileTail::position() const {
  if (first_start_ && files_.empty()) return {};
  std::string out = format_places({});
  for (const FilePlace& place : unresolved_) {
    append_place(out, place, compressed_.mark(place.path));
  }
  for (const auto& tracked : files_) {
    const FilePlace& place = tracked.file.place();
    append_place(out, place, compressed_.mark(place.path));
  }
  const auto is_followed = [this](const std::string& path) { return by_path_.contains(path); };
  for (const std::string& path : compressed_.ownerless(is_followed)) {
    append_place(out, {.path = path, .rotated = true, .copied = true}, compressed_.mark(path));
  }
  return out;
}

bool FileTail::poll(ledger::Time now, RecordSink& sink) {
  if (!resolve_places(now, sink)) return true;
  follow_events();
  const auto wait = search_now_ ? search_spacing : std::chrono::milliseconds(search_wait_);
  if (elapsed(now, last_search_, wait) && !search(now, sink)) return true;
  if (elapsed(now, last_look_, look_interval)) look_for_news(now);
  return read_all(now, sink);
}

bool FileTail::resolve_places(ledger::Time now, RecordSink& sink) {
  if (!lost_position_.empty()) {
    write_gap(line_, now,
              {.cause = "position-lost",
               .detail = lost_position_ + "; all files are read again from their beginning",
               .source = "file"});
    if (!sink.take(line_)) return false;
    lost_position_.clear();
  }
  while (!unresolved_.empty()) {
    if (!resolve(unresolved_.front(), now, sink)) return false;
    unresolved_.erase(unresolved_.begin());
    if (unresolved_.empty()) note_unread_originals();
  }
  return true;
}

// Finds the file of a restored place again: under its path, or renamed within its directory.
bool FileTail::resolve(const FilePlace& place, ledger::Time now, RecordSink& sink) {
  const auto here = look_at_file(place.path);
  if (here && is_file_of(place, *here) && attach(*here, place) == 0) return true;
  const auto beside = list_beside(place.path);
  for (const auto& found : beside) {
    if (!is_file_of(place, found)) continue;
    FilePlace moved = place;
    moved.rotated = true;
    if (attach_renamed(found, moved)) return true;
  }
  line_.clear();
  write_lost(place, beside, now);
  if (!line_.empty() && !sink.take(line_)) return false;
  compressed_.let_go(place.path, std::max(place.size, place.offset));
  return true;
}

// What is lost of a restored file that is not there any more, into line_; nothing when all of it
// was read.
void FileTail::write_lost(const FilePlace& place, const std::vector<FoundFile>& beside,
                          ledger::Time now) {
  const bool read_so_far = place.size <= place.offset;
  const auto copies =
      place.copied ? std::vector<FoundFile>() : compressed_.made_since(place.path, beside);
  if (read_so_far && !copies.empty()) {
    const CompressedLength length = length_behind(copies, place.offset);
    if (!length.is_whole) return write_compressed(line_, now, place, length.beyond);
  } else if (!place.copied && !(place.rotated && read_so_far)) {
    return write_gone(line_, now, place);
  }
  if (place.cut) write_cut(line_, now, place);
}

// Opens the file and follows it from `place` on; 0 or an errno.
//
// A file that has the inode but begins otherwise was either emptied in place or is another one that
// got the inode. Under its own path both end alike: TailedFile sees the change, says what is lost,
// and starts from the beginning.
int FileTail::attach(const FoundFile& found, FilePlace place) {
  const int descriptor = open(found.path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
  if (descriptor < 0) return errno;
  struct stat status {};
  if (fstat(descriptor, &status) != 0 || status.st_ino != found.inode ||
      (place.rotated && !begins_as(descriptor, place.fingerprint))) {
    close(descriptor);
    return ENOENT;
  }
  place.device = status.st_dev;
  const bool silent = found.is_link || place.rotated || is_silent_file(descriptor);
  const bool has_elder = std::any_of(files_.begin(), files_.end(), [&](const Tracked& elder) {
    return elder.file.place().path == place.path;
  });
  known_.emplace(place.device, place.inode);
  if (!place.rotated) by_path_[place.path] = files_.size();
  files_.push_back({.file = TailedFile(descriptor, std::move(place)),
                    .born_ns = found.born_ns,
                    .silent = silent,
                    .has_elder = has_elder});
  return 0;
}

// As attach, for a file that a rotation may be renaming at this moment.
bool FileTail::attach_renamed(FoundFile found, const FilePlace& place) {
  for (int attempt = 0; attempt < 3; ++attempt) {
    if (attach(found, place) == 0) return true;
    const auto now = list_beside(found.path);
    const auto same = std::find_if(now.begin(), now.end(), [&](const FoundFile& file) {
      return file.inode == found.inode && file.device == found.device;
    });
    if (same == now.end()) return false;
    found = *same;
  }
  return false;
}

// Nobody tells what the writer of an older file under the same path still wrote to it before it
// opened this one: that comes first.
void FileTail::look_at_elders(std::size_t index) {
  if (!files_[index].has_elder) return;
  const std::string& path = files_[index].file.place().path;
  for (std::size_t i = 0; i < index; ++i) {
    if (files_[i].file.place().path == path) files_[i].dirty = true;
  }
}

void FileTail::follow_events() {
  const auto changes = watch_.drain([this](const std::string& path) {
    const auto file = by_path_.find(path);
    if (file != by_path_.end()) files_[file->second].dirty = true;
  });
  if (changes.names || changes.overflow) search_now_ = true;
  if (changes.overflow) {
    for (auto& tracked : files_) tracked.dirty = true;
  }
}

// Events tell nearly everything; this finds the rest, a bounded number of files at a time.
void FileTail::look_for_news(ledger::Time now) {
  last_look_ = now;
  const std::size_t first = next_look_;
  for (std::size_t i = 0; i < files_.size(); ++i) {
    auto& tracked = files_[i];
    if (tracked.file.place().copied) {
      check_copy(tracked);
      continue;
    }
    const bool has_turn = i >= first && i < first + looks_at_once;
    if (!tracked.dirty && (tracked.silent || has_turn) && tracked.file.has_news())
      tracked.dirty = true;
  }
  next_look_ = first + looks_at_once < files_.size() ? first + looks_at_once : 0;
}

bool FileTail::search(ledger::Time now, RecordSink& sink) {
  for (std::size_t i = 0; !compressed_known_ && i < files_.size(); ++i) {
    if (!look_for_unseen(files_[i].file.place().path, now, sink)) return false;
  }
  compressed_known_ = true;
  if (!restart_emptied_first(now, sink)) return false;
  const FoundFiles found = find_files(options_.patterns, options_.excludes);
  std::set<std::string> unwatched;
  for (const auto& directory : found.directories) {
    if (!watch_.add(directory) || is_silent_directory(directory)) unwatched.insert(directory);
  }
  mark_rotated(found);
  for (const auto& file : found.files) {
    if (!is_known(file) && !adopt(file, now, sink)) return false;
  }
  adopt_missed_without_owner();
  forget_finished(now);
  // Nobody tells when these grow.
  for (auto& tracked : files_) {
    if (unwatched.contains(directory_of(tracked.file.place().path))) tracked.silent = true;
  }
  const bool told = unwatched.empty() && reported_.empty();
  search_wait_ = told ? search_interval : search_interval_unwatched;
  if (found.directories.empty()) search_wait_ = search_interval_missing;
  first_start_ = false;
  search_now_ = false;
  last_search_ = now;
  return true;
}

void FileTail::mark_rotated(const FoundFiles& found) {
  std::set<std::pair<std::uint64_t, std::uint64_t>> matched;
  std::unordered_map<std::string_view, const FoundFile*> owners;
  for (const auto& file : found.files) {
    matched.emplace(file.device, file.inode);
    owners.emplace(file.path, &file);
  }
  for (auto& tracked : files_) {
    const FilePlace& place = tracked.file.place();
    tracked.matched = matched.contains({place.device, place.inode});
    const auto owner = owners.find(place.path);
    const bool owns_path = owner != owners.end() && owner->second->inode == place.inode &&
                           owner->second->device == place.device;
    if (owns_path || place.rotated) continue;
    tracked.file.set_rotated();
    tracked.silent = true;  // events come under a name that is not known here
    tracked.dirty = true;
  }
  index_files();
}

// Starts to follow a file that was not known; false when the sink is full.
bool FileTail::adopt(const FoundFile& found, ledger::Time now, RecordSink& sink) {
  adopt_missed(found.path, found.born_ns);
  if (!look_for_unseen(found.path, now, sink)) return false;
  const bool room = files_.size() < tailed_files_max;
  const int error = room ? attach(found, first_place(found)) : EMFILE;
  if (error == 0) {
    files_.back().matched = true;
    look_at_elders(files_.size() - 1);
    note_copy(files_.back());
    if (first_start_ && options_.start == FileStart::end) files_.back().file.skip_to_end();
    reported_.erase(found.path);
    return true;
  }
  if (error == ENOENT || reported_.contains(found.path)) return true;
  write_unreadable(line_, now, found.path, room ? error : 0);
  if (!sink.take(line_)) return false;
  reported_.insert(found.path);
  return true;
}

// A file that was compressed and removed between two looks came behind the one followed before.
// False: the sink is full.
bool FileTail::look_for_unseen(const std::string& path, ledger::Time now, RecordSink& sink) {
  const auto is_followed = [this](const FoundFile& file) { return is_known(file); };
  const auto beside = list_beside(path);  // before the look at who is nameless, not after it
  const std::uint64_t count = compressed_.unseen(path, beside, is_followed, nameless_of(path));
  if (count == 0) return true;
  const auto elder = std::find_if(files_.rbegin(), files_.rend(), [&](const Tracked& tracked) {
    return tracked.file.place().path == path;
  });
  struct stat status {};
  const bool known = elder != files_.rend() && fstat(elder->file.descriptor(), &status) == 0;
  const std::uint64_t end =
      known ? static_cast<std::uint64_t>(status.st_size) : compressed_.last_end(path);
  write_unseen(line_, now, {.path = path, .count = count, .end = end});
  if (!sink.take(line_)) return false;
  compressed_.told(path, count);
  return true;
}

std::uint64_t FileTail::nameless_of(const std::string& path) const {
  std::uint64_t count = 0;
  for (const auto& tracked : files_) {
    struct stat status {};
    const bool here = tracked.file.place().path == path && tracked.file.place().rotated;
    if (here && fstat(tracked.file.descriptor(), &status) == 0 && status.st_nlink == 0) ++count;
  }
  return count;
}

// Between the last file we followed under a path and the one that owns it now, others may have
// owned it, and were rotated away before anyone looked: they were made in between.
void FileTail::adopt_missed(const std::string& path, std::int64_t born_before_ns) {
  const auto elder = std::find_if(files_.rbegin(), files_.rend(), [&](const Tracked& tracked) {
    return tracked.file.place().path == path;
  });
  if (elder != files_.rend()) adopt_born_between(path, {elder->born_ns, born_before_ns}, false);
}

void FileTail::adopt_born_between(const std::string& path, Span born, bool cut) {
  for (const auto& beside : list_beside(path)) {
    if (beside.born_ns <= born.after_ns || beside.born_ns > born.before_ns) continue;
    if (is_known(beside)) continue;
    if (!is_rotation_name(base_name_of(path), base_name_of(beside.path))) continue;
    FilePlace place = first_place(beside);
    place.path = path;
    place.rotated = true;
    place.cut = cut;
    if (!attach_renamed(beside, place)) continue;
    look_at_elders(files_.size() - 1);
    if (note_copy(files_.back())) files_.back().file.set_told();
  }
}

// Paths that nobody owns now: their last owners may have gone unseen.
void FileTail::adopt_missed_without_owner() {
  std::set<std::string> ownerless;
  for (const auto& tracked : files_) {
    const FilePlace& place = tracked.file.place();
    if (place.rotated && !place.copied && !by_path_.contains(place.path))
      ownerless.insert(place.path);
  }
  for (const auto& path : ownerless) adopt_missed(path, never_ns);
}

// Its index, or files_.size().
std::size_t FileTail::find_tracked(const FoundFile& found) const {
  const auto it = std::find_if(files_.begin(), files_.end(), [&](const Tracked& tracked) {
    const FilePlace& place = tracked.file.place();
    return place.inode == found.inode && place.device == found.device;
  });
  return static_cast<std::size_t>(it - files_.begin());
}

// Lets go of files that lost their path and have been read to their end. Without a successor its
// writer may still hold it, so it is kept as long as it has a name.
void FileTail::forget_finished(ledger::Time now) {
  const auto finished = [&](const Tracked& tracked) {
    const FilePlace& place = tracked.file.place();
    if (!place.rotated || tracked.matched) return false;
    if (place.copied) return true;
    if (tracked.file.has_news()) return false;
    if (!elapsed(now, tracked.file.last_active(), options_.rotated_hold)) return false;
    struct stat status {};
    if (fstat(tracked.file.descriptor(), &status) == 0 && status.st_nlink == 0) return true;
    // As long as nothing was read of the successor, this tells which copies are not its own.
    const auto successor = by_path_.find(place.path);
    return successor != by_path_.end() && files_[successor->second].file.place().offset > 0;
  };
  const auto let_go = [&](const Tracked& tracked) {
    if (!finished(tracked)) return false;
    const FilePlace& place = tracked.file.place();
    const std::uint64_t end = place.copied ? compressed_.last_end(place.path) : place.offset;
    compressed_.let_go(place.path, end);
    return true;
  };
  if (std::erase_if(files_, let_go) > 0) index_files();
}

// In turns of one buffer, so that one busy file does not starve the others.
bool FileTail::read_all(ledger::Time now, RecordSink& sink) {
  ReadContext context{now, sink, buffer_, line_, options_.line_timeout, format_};
  for (bool more = true; more;) {
    more = false;
    for (std::size_t i = 0; i < files_.size(); ++i) {
      const std::size_t index = (next_read_ + i) % files_.size();
      auto& tracked = files_[index];
      if (!tracked.dirty || tracked.file.place().copied) continue;
      if (waits_for_elder(index)) {
        more = true;
        continue;
      }
      if (adopt_unseen_copies(index)) {
        more = true;
        break;
      }
      const bool unread = tracked.file.place().offset == 0;
      auto outcome = tracked.file.read_some(context);
      if (unread && tracked.file.place().offset > 0) {
        forget_unread_original(tracked.file.place().inode);
      }
      if (outcome == TailedFile::Outcome::emptied) {
        // Files may have come in front of this one: the turn begins again.
        if (!restart_emptied(index, now, sink)) return true;
        more = true;
        break;
      }
      if (outcome == TailedFile::Outcome::full) {
        next_read_ = index;
        return true;
      }
      tracked.dirty = outcome == TailedFile::Outcome::more || tracked.file.waits_for_line_end();
      if (!tracked.dirty && !tell_cut(tracked, now, sink)) return true;
      more = more || outcome == TailedFile::Outcome::more;
    }
  }
  return false;
}

// A copy that was read to its end does not hold what its original got until it was emptied.
bool FileTail::tell_cut(Tracked& tracked, ledger::Time now, RecordSink& sink) {
  if (!tracked.file.place().cut) return true;
  write_cut(line_, now, tracked.file.place());
  tracked.dirty = !sink.take(line_);
  if (!tracked.dirty) tracked.file.set_told();
  return !tracked.dirty;
}

bool FileTail::waits_for_elder(std::size_t index) const {
  if (!files_[index].has_elder) return false;
  const std::string& path = files_[index].file.place().path;
  return std::any_of(files_.begin(), files_.begin() + static_cast<std::ptrdiff_t>(index),
                     [&](const Tracked& elder) {
                       return elder.dirty && !elder.file.place().copied &&
                              !elder.file.waits_for_line_end() && elder.file.place().path == path;
                     });
}

bool FileTail::is_known(const FoundFile& found) const {
  return known_.contains({found.device, found.inode});
}

void FileTail::index_files() {
  by_path_.clear();
  known_.clear();
  for (std::size_t i = 0; i < files_.size(); ++i) {
    const FilePlace& place = files_[i].file.place();
    known_.emplace(place.device, place.inode);
    if (!place.rotated) by_path_[place.path] = i;
  }
}

}  // namespace yunjian::agent
