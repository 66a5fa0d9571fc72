#pragma once

#include <chrono>
#include <cstddef>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "agent/sources/compressed_rotations.h"
#include "agent/sources/directory_watch.h"
#include "agent/sources/file_search.h"
#include "agent/sources/start_point.h"
#include "agent/sources/tailed_file.h"

namespace yunjian::agent {

struct FileTailOptions {
  std::string name;                   // the source is called "file:" + name; empty: first pattern
  std::vector<std::string> patterns;  // absolute, as glob(3) takes them
  std::vector<std::string> excludes;  // fnmatch(3) over the whole path
  FileStart start = FileStart::beginning;  // for files that are there at the very first start
  std::chrono::microseconds line_timeout = std::chrono::seconds(5);
  std::string multiline_start;  // as LineFormat takes them
  std::string encoding = "utf-8";
  std::chrono::microseconds rotated_hold = std::chrono::minutes(10);  // after the last byte
};

// Follows all files that match a set of patterns and hands over their lines, one record each.
//
// A file is known by device, inode and the hash of its beginning, never by its name alone. When
// its name goes to another file it is still read to its end, through the open descriptor or, after
// a restart, by looking for it in its directory; its successor waits until then. The position holds
// a FilePlace for every file. What cannot be read any more becomes a gap record.
class FileTail : public Source {
 public:
  explicit FileTail(FileTailOptions options);

  std::string_view name() const override { return name_; }
  void restore(std::string_view position) override;
  std::string position() const override;
  bool poll(ledger::Time now, RecordSink& sink) override;
  int wake_descriptor() const override { return watch_.descriptor(); }

 private:
  static constexpr std::int64_t never_ns = std::numeric_limits<std::int64_t>::max();
  struct Tracked {
    TailedFile file;
    std::int64_t born_ns = 0;
    bool dirty = true;       // may have something to read
    bool silent = false;     // the kernel does not tell when it grows: look every second
    bool matched = false;    // some pattern matched it at the last search
    bool has_elder = false;  // an older file under the same path is, or was, still to be read
    // Of a copy: the inode of its original, when nothing of that was read yet.
    std::optional<std::uint64_t> unread_original = {};
  };

  bool resolve_places(ledger::Time now, RecordSink& sink);
  bool resolve(const FilePlace& place, ledger::Time now, RecordSink& sink);
  void write_lost(const FilePlace& place, const std::vector<FoundFile>& beside, ledger::Time now);
  int attach(const FoundFile& found, FilePlace place);
  bool attach_renamed(FoundFile found, const FilePlace& place);
  void look_at_elders(std::size_t index);
  bool adopt_unseen_copies(std::size_t index);
  bool read_noted_copies(std::size_t index);
  void move_behind_elders(std::size_t index);
  void follow_events();
  void look_for_news(ledger::Time now);
  bool search(ledger::Time now, RecordSink& sink);
  void mark_rotated(const FoundFiles& found);
  bool adopt(const FoundFile& found, ledger::Time now, RecordSink& sink);
  void adopt_missed(const std::string& path, std::int64_t born_before_ns);
  struct Span {
    std::int64_t after_ns;
    std::int64_t before_ns;
  };
  void adopt_born_between(const std::string& path, Span born, bool cut);
  void adopt_missed_without_owner();
  bool look_for_unseen(const std::string& path, ledger::Time now, RecordSink& sink);
  std::uint64_t nameless_of(const std::string& path) const;
  const Tracked* original_among_elders(const Tracked& suspect) const;
  void forget_finished(ledger::Time now);
  const Tracked* original_beside(const Tracked& suspect) const;
  bool note_copy(Tracked& suspect);
  void note_unread_originals();
  void forget_unread_original(std::uint64_t inode);
  void check_copy(Tracked& tracked);
  bool restart_emptied_first(ledger::Time now, RecordSink& sink);
  bool restart_emptied(std::size_t index, ledger::Time now, RecordSink& sink);
  std::optional<FoundFile> find_copy(const Tracked& emptied) const;
  void read_copies_first(std::size_t index, const FoundFile& copy, FilePlace place);
  std::size_t find_tracked(const FoundFile& found) const;
  bool read_all(ledger::Time now, RecordSink& sink);
  bool tell_cut(Tracked& tracked, ledger::Time now, RecordSink& sink);
  bool waits_for_elder(std::size_t index) const;
  bool is_known(const FoundFile& found) const;
  void index_files();

  FileTailOptions options_;
  LineFormat format_;
  std::string name_;
  DirectoryWatch watch_;
  std::vector<Tracked> files_;         // elders before their successors
  std::vector<FilePlace> unresolved_;  // restored, their files not yet found again
  std::unordered_map<std::string, std::size_t> by_path_;  // of files that own their path
  std::set<std::pair<std::uint64_t, std::uint64_t>> known_;
  std::set<std::string> reported_;  // paths whose unreadability is recorded
  CompressedRotations compressed_;
  bool compressed_known_ = false;  // what was there when the source began
  std::vector<char> buffer_;
  std::string line_;
  std::string lost_position_;  // why a restored position could not be used
  bool first_start_ = true;
  bool search_now_ = true;
  std::chrono::seconds search_wait_{1};
  ledger::Time last_search_{};
  ledger::Time last_look_{};
  std::size_t next_look_ = 0;
  std::size_t next_read_ = 0;
};

}  // namespace yunjian::agent
