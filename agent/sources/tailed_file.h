#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "agent/sources/file_place.h"
#include "agent/sources/line_format.h"
#include "agent/sources/source.h"
#include "ledger/record.h"

namespace yunjian::agent {

inline constexpr std::size_t read_buffer_bytes = 256 * 1024;
// A longer line is handed over in stretches of this size; see README.md.
inline constexpr std::size_t line_bytes_max = 1024 * 1024;
// A longer message of several lines is handed over in stretches of whole lines.
inline constexpr std::size_t joined_bytes_max = 128 * 1024;

// What reading needs from outside; the buffers are shared by all files of a source.
struct ReadContext {
  ledger::Time now;
  RecordSink& sink;
  std::span<char> buffer;  // read_buffer_bytes
  std::string& line;       // the encoded record; reused so that a line costs no allocation
  std::chrono::microseconds line_timeout;
  const LineFormat& format;
};

// One open file and how far it has been handed over. Held open until its owner lets it go, so that
// renaming or deleting it loses nothing. One thread.
class TailedFile {
 public:
  enum class Outcome { drained, more, full, emptied };

  // Owns `descriptor`. `place` says where to go on.
  TailedFile(int descriptor, FilePlace place);
  TailedFile(TailedFile&& other) noexcept;
  TailedFile& operator=(TailedFile&& other) noexcept;
  ~TailedFile();

  const FilePlace& place() const { return place_; }
  void set_rotated();            // and remembers the size: what is unread must not go unnamed
  void set_copied(bool copied);  // and remembers the size, for has_grown()
  void set_told() { place_.cut = false; }
  bool has_grown() const;
  void skip_to_end();              // what the file holds now is not handed over
  void go_on_at(FilePlace place);  // the file stays the same

  // Hands over the complete lines, or messages of several lines, of at most one buffer. `full`: the
  // sink took no more; the place is just behind the last record that it took. `emptied`: the file
  // is shorter than what was read, or begins otherwise; nothing was read until go_on_at() tells
  // where to go on. An unfinished last line, or a message whose next one has not begun, is handed
  // over when the file has not grown for line_timeout; until then the place is in front of it.
  Outcome read_some(ReadContext& context);

  // An unfinished line waits for its end or for the timeout: read again though nothing changed.
  bool waits_for_line_end() const { return partial_size_ != 0; }
  // When the file last had something to read, or its first look.
  ledger::Time last_active() const { return last_active_; }

  bool is_emptied() const;  // as read_some would find it now
  // True when a look at the file's size says that there is something to do.
  bool has_news() const;
  const std::string& log() const { return log_; }  // the path as records carry it

  int descriptor() const { return descriptor_; }

 private:
  void set_log();
  bool is_emptied(std::uint64_t size) const;
  std::string_view read_at(std::span<char> into, std::uint64_t offset) const;
  Outcome take_lines(ReadContext& context, std::string_view bytes);
  Outcome take_messages(ReadContext& context, std::string_view bytes);
  Outcome take_open_message(ReadContext& context, std::string_view lines, std::string_view rest);
  bool take_message(ReadContext& context, std::string_view lines, bool goes_on);
  bool has_waited(const ReadContext& context, std::uint64_t end);
  Outcome take_long_line(ReadContext& context);
  Outcome take_unfinished(ReadContext& context, std::string_view bytes);
  const ledger::RecordHead& head_at(ledger::Time now);
  bool take_line(ReadContext& context, std::string_view line);
  bool take_pieces(ReadContext& context, std::string_view line);
  bool take_beginning(ReadContext& context, std::string_view bytes);
  bool take_part(ReadContext& context, std::string_view part, std::string_view piece);
  bool take_converted(ReadContext& context, std::string_view part, std::string_view utf8);
  void advance(std::uint64_t bytes, bool line_open);
  bool read_beginning(std::string_view bytes);
  void extend_fingerprint();

  int descriptor_;
  FilePlace place_;
  std::string log_;          // the path as valid UTF-8
  ledger::RecordHead head_;  // of records at head_time_
  ledger::Time head_time_{};
  std::size_t overhead_ = 0;
  std::string converted_;
  std::string beginning_;           // of the file, as long as the fingerprint may still grow
  std::uint64_t partial_size_ = 0;  // file size when an unfinished line was seen; 0 = none
  ledger::Time partial_since_{};
  ledger::Time last_active_{};
};

}  // namespace yunjian::agent
