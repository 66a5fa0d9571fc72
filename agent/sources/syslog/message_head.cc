#include "agent/sources/syslog/message_head.h"

#include <algorithm>
#include <charconv>

#include "ledger/base/bytes.h"

namespace yunjian::agent {
namespace {

using ledger::is_digit;

constexpr std::uint64_t priority_max = 191;  // facility 23, severity 7
constexpr std::size_t name_bytes_max = 128;
constexpr std::uint64_t pid_max = (1ULL << 63) - 1;
constexpr std::string_view stamp_form = "Aaa 00 00:00:00 ";  // of RFC 3164

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_printable(char c) { return c > ' ' && c < '\x7F'; }

std::optional<std::uint64_t> number(std::string_view digits) {
  std::uint64_t value = 0;
  const char* end = digits.data() + digits.size();
  const auto read = std::from_chars(digits.data(), end, value);
  if (digits.empty() || read.ec != std::errc() || read.ptr != end || value > pid_max) return {};
  return value;
}

// Takes `<PRI>` off the front.
std::optional<std::uint64_t> take_priority(std::string_view& rest) {
  if (!rest.starts_with('<')) return {};
  const std::size_t end = rest.substr(0, 5).find('>');
  if (end == std::string_view::npos) return {};
  const auto value = number(rest.substr(1, end - 1));
  if (!value || *value > priority_max) return {};
  rest.remove_prefix(end + 1);
  return value;
}

std::string_view take_word(std::string_view& rest) {
  const std::size_t end = std::min(rest.find(' '), rest.size());
  const std::string_view word = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return word;
}

bool is_name(std::string_view name) {
  return !name.empty() && name.size() <= name_bytes_max &&
         std::all_of(name.begin(), name.end(), is_printable);
}

// VERSION TIMESTAMP HOSTNAME APP-NAME PROCID …; "-" is nothing.
void read_modern(std::string_view rest, SyslogHead& head) {
  take_word(rest);
  take_word(rest);
  take_word(rest);
  const std::string_view name = take_word(rest);
  if (is_name(name) && name != "-") head.process = name;
  head.pid = number(take_word(rest));
}

bool has_stamp(std::string_view text) {
  if (text.size() < stamp_form.size()) return false;
  for (std::size_t i = 0; i < stamp_form.size(); ++i) {
    const char form = stamp_form[i];
    const char c = text[i];
    const bool day = i == 4 && c == ' ';
    if (form == '0' ? !is_digit(c) && !day : form == 'A' || form == 'a' ? !is_letter(c) : c != form)
      return false;
  }
  return true;
}

// `name:` or `name[pid]:`; a number alone, as network devices count their messages, is no name.
bool read_tag(std::string_view word, SyslogHead& head) {
  if (!word.ends_with(':')) return false;
  word.remove_suffix(1);
  std::optional<std::uint64_t> pid;
  if (word.ends_with(']')) {
    const std::size_t open = word.rfind('[');
    if (open == std::string_view::npos) return false;
    pid = number(word.substr(open + 1, word.size() - open - 2));
    if (!pid) return false;
    word = word.substr(0, open);
  }
  if (!is_name(word) || std::all_of(word.begin(), word.end(), is_digit)) return false;
  head.process = word;
  head.pid = pid;
  return true;
}

void read_traditional(std::string_view rest, SyslogHead& head) {
  const bool stamped = has_stamp(rest);
  if (stamped) rest.remove_prefix(stamp_form.size());
  if (!read_tag(take_word(rest), head) && stamped) read_tag(take_word(rest), head);
}

}  // namespace

SyslogHead read_syslog_head(std::string_view message) {
  SyslogHead head;
  const auto priority = take_priority(message);
  if (!priority) return head;
  head.severity = *priority % 8;
  head.facility = *priority / 8;
  if (message.starts_with("1 ")) {
    read_modern(message, head);
  } else {
    read_traditional(message, head);
  }
  return head;
}

}  // namespace yunjian::agent
