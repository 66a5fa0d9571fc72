// The part of FileTail that deals with copies: copytruncate makes one of a log and empties the log.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "agent/sources/file_copy.h"
#include "agent/sources/file_gaps.h"
#include "agent/sources/file_tail.h"

namespace yunjian::agent {
namespace {

// Whether the path is what log rotation makes of `base` in the same directory.
bool is_rotation_of(const std::string& base, const std::string& path) {
  return directory_of(base) == directory_of(path) &&
         is_rotation_name(base_name_of(base), base_name_of(path));
}

}  // namespace

const FileTail::Tracked* FileTail::original_among_elders(const Tracked& suspect) const {
  const auto found = std::find_if(files_.begin(), files_.end(), [&](const Tracked& tracked) {
    const FilePlace& place = tracked.file.place();
    return &tracked != &suspect && place.path == suspect.file.place().path &&
           is_copy_of(suspect.file.descriptor(), tracked.file.descriptor(), place);
  });
  return found == files_.end() ? nullptr : &*found;
}

// The followed file, if any, of which `suspect` is a copy: copytruncate makes one just before it
// empties the original. The lines come, or came, from there.
const FileTail::Tracked* FileTail::original_beside(const Tracked& suspect) const {
  const std::string& path = suspect.file.place().path;
  const auto found = std::find_if(files_.begin(), files_.end(), [&](const Tracked& tracked) {
    const FilePlace& place = tracked.file.place();
    return !place.rotated && !place.copied && is_rotation_of(place.path, path) &&
           is_copy_of(suspect.file.descriptor(), tracked.file.descriptor(), place);
  });
  return found == files_.end() ? nullptr : &*found;
}

// Whether `suspect` is a copy; then it is left alone.
bool FileTail::note_copy(Tracked& suspect) {
  const bool beside = suspect.file.place().rotated;
  const Tracked* original = beside ? original_among_elders(suspect) : original_beside(suspect);
  suspect.file.set_copied(original != nullptr);
  suspect.unread_original.reset();
  if (original != nullptr && original->file.place().offset == 0) {
    suspect.unread_original = original->file.place().inode;
  }
  return original != nullptr;
}

// From then on the original's beginning tells of what becomes of it.
void FileTail::forget_unread_original(std::uint64_t inode) {
  for (Tracked& tracked : files_) {
    if (tracked.unread_original == inode) tracked.unread_original.reset();
  }
}

// What only looked like a copy turns out to be a log of its own when it grows differently.
void FileTail::check_copy(Tracked& tracked) {
  if (!tracked.file.has_grown()) return;
  tracked.dirty = !note_copy(tracked);
}

// Of restored files: an original of which nothing is read tells nothing of itself by then.
void FileTail::note_unread_originals() {
  for (Tracked& copy : files_) {
    if (!copy.file.place().copied) continue;
    for (const Tracked& original : files_) {
      const FilePlace& place = original.file.place();
      if (place.rotated || place.copied || place.offset > 0) continue;
      const std::string& path = copy.file.place().path;
      if (path == place.path || is_rotation_of(place.path, path)) {
        copy.unread_original = place.inode;
      }
    }
  }
}

// The file at `index` was emptied in place. Its copy, when there is one beside it, gives what was
// not read yet; what was written between the copy and the emptying is lost. False: the sink is
// full.
bool FileTail::restart_emptied(std::size_t index, ledger::Time now, RecordSink& sink) {
  const FilePlace old = files_[index].file.place();
  std::optional<FoundFile> copy = find_copy(files_[index]);
  write_emptied(line_, now, old, copy ? std::optional(copy->size) : std::nullopt);
  if (!sink.take(line_)) return false;
  FilePlace anew;
  anew.path = old.path;
  anew.device = old.device;
  anew.inode = old.inode;
  anew.born_ns = old.born_ns;
  anew.rotated = old.rotated;
  files_[index].file.go_on_at(std::move(anew));
  forget_unread_original(old.inode);
  if (copy) read_copies_first(index, *copy, old);
  return true;
}

// What was emptied, filled and copied again since the last look is not like its copies any more: a
// search that met those first would take them for logs of their own. False: the sink is full.
bool FileTail::restart_emptied_first(ledger::Time now, RecordSink& sink) {
  for (std::size_t i = 0; i < files_.size();) {
    const FilePlace& place = files_[i].file.place();
    const bool looks_same = !files_[i].dirty || place.copied || place.rotated;
    if (looks_same || !files_[i].file.is_emptied()) {
      ++i;
    } else if (!restart_emptied(i, now, sink)) {  // else another one may stand at i now
      return false;
    }
  }
  return true;
}

std::optional<FoundFile> FileTail::find_copy(const Tracked& emptied) const {
  const FilePlace& place = emptied.file.place();
  if (place.fingerprint.length == 0) return std::nullopt;
  std::optional<FoundFile> newest;
  for (auto& file : list_beside(place.path)) {
    if (!is_rotation_name(base_name_of(place.path), base_name_of(file.path))) continue;
    const std::size_t known = find_tracked(file);
    const bool followed = known < files_.size() && !files_[known].file.place().copied;
    if (file.size < place.offset || followed) continue;
    const int descriptor = open(file.path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (descriptor < 0) continue;
    if (begins_as(descriptor, place.fingerprint)) newest = std::move(file);
    close(descriptor);
  }
  return newest;
}

// The copy takes over the place that the original had. Copies that were made after it hold what the
// original held in between. All of them come in front of the original.
void FileTail::read_copies_first(std::size_t index, const FoundFile& copy, FilePlace place) {
  const std::string path = place.path;
  place.device = copy.device;
  place.inode = copy.inode;
  place.born_ns = copy.keeps_birth ? copy.born_ns : 0;
  place.rotated = true;
  std::size_t at = find_tracked(copy);
  if (at < files_.size()) {
    files_[at].file.go_on_at(std::move(place));
  } else if (!attach_renamed(copy, place)) {
    return;
  }
  files_[at].dirty = files_[at].silent = true;
  adopt_born_between(path, {copy.born_ns, never_ns}, true);
  move_behind_elders(index);
}

// A file of which nothing was read has no fingerprint, so nothing shows that it was filled, copied
// and emptied before anyone looked. But then there are copies younger than those that are known.
// True: some were found and stand in front of the file now.
bool FileTail::adopt_unseen_copies(std::size_t index) {
  const FilePlace& place = files_[index].file.place();
  if (place.offset > 0 || place.rotated) return false;
  if (read_noted_copies(index)) return true;
  if (!files_[index].has_elder) return false;
  // A copy is no older than its original; within one tick of the clock both look alike.
  std::optional<std::int64_t> youngest_ns;
  for (std::size_t i = 0; i < index; ++i) {
    if (files_[i].file.place().path == place.path && files_[i].born_ns >= files_[index].born_ns)
      youngest_ns = std::max(youngest_ns.value_or(0), files_[i].born_ns);
  }
  const std::size_t count = files_.size();
  if (youngest_ns) adopt_born_between(std::string(place.path), {*youngest_ns, never_ns}, true);
  if (files_.size() == count) return false;
  move_behind_elders(index);
  return true;
}

// Copies that were left alone because their lines would come from the original: it was emptied
// before anything of it was read, so that they come from here.
bool FileTail::read_noted_copies(std::size_t index) {
  const FilePlace& original = files_[index].file.place();
  bool any = false;
  for (Tracked& copy : files_) {
    if (copy.unread_original != original.inode) continue;
    if (is_copy_of(copy.file.descriptor(), files_[index].file.descriptor(), original)) continue;
    FilePlace place = copy.file.place();
    place.path = original.path;
    place.copied = false;
    place.rotated = place.cut = true;
    copy.file.go_on_at(std::move(place));
    copy.unread_original.reset();
    copy.dirty = copy.silent = any = true;
  }
  if (any) move_behind_elders(index);
  return any;
}

void FileTail::move_behind_elders(std::size_t index) {
  const auto original = files_.begin() + static_cast<std::ptrdiff_t>(index);
  original->has_elder = true;
  std::rotate(original, original + 1, files_.end());
  index_files();
}

}  // namespace yunjian::agent
