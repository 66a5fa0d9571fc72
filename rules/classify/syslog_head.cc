#include "rules/classify/syslog_head.h"

#include <algorithm>

#include "ledger/base/bytes.h"

namespace yunjian::rules {

using ledger::is_digit;

namespace {

constexpr std::size_t program_bytes_max = 64;
constexpr std::size_t host_bytes_max = 255;

bool is_letter(char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'); }

// "9" stands for any digit, "a" for any letter, "?" for a digit or a blank.
bool has_form(std::string_view text, std::string_view form) {
  if (text.size() < form.size()) return false;
  return std::equal(form.begin(), form.end(), text.begin(), [](char wanted, char c) {
    if (wanted == '9') return is_digit(c);
    if (wanted == 'a') return is_letter(c);
    if (wanted == '?') return is_digit(c) || c == ' ';
    return wanted == c;
  });
}

void drop_priority(std::string_view& line) {
  if (line.empty() || line.front() != '<') return;
  const auto end = line.find('>');
  if (end == std::string_view::npos || end > 4) return;
  const auto digits = line.substr(1, end - 1);
  if (!digits.empty() && std::ranges::all_of(digits, is_digit)) line.remove_prefix(end + 1);
}

// Takes the time and the blank behind it; false when there is none.
bool drop_time(std::string_view& line) {
  constexpr std::string_view bsd = "aaa ?9 99:99:99";
  constexpr std::string_view rfc3339 = "9999-99-99T99:99:99";
  if (has_form(line, bsd)) {
    line.remove_prefix(bsd.size());
  } else if (has_form(line, rfc3339)) {
    line.remove_prefix(rfc3339.size());
    const auto end = std::ranges::find_if(line, [](char c) {
      return !is_digit(c) && c != '.' && c != '+' && c != '-' && c != ':' && c != 'Z';
    });
    line.remove_prefix(static_cast<std::size_t>(end - line.begin()));
  } else {
    return false;
  }
  if (line.empty() || line.front() != ' ') return false;
  line.remove_prefix(1);
  return true;
}

}  // namespace

SyslogLine split_syslog(std::string_view line) {
  const SyslogLine none{.program = {}, .text = line};
  drop_priority(line);
  if (!drop_time(line)) return none;
  const auto blank = line.find(' ');
  if (blank == std::string_view::npos || blank == 0 || blank > host_bytes_max) return none;
  line.remove_prefix(blank + 1);
  const auto colon = line.substr(0, program_bytes_max + 12).find(':');
  if (colon == std::string_view::npos) return none;
  std::string_view tag = line.substr(0, colon);
  const auto bracket = tag.find('[');
  if (bracket != std::string_view::npos) {
    if (!tag.ends_with(']')) return none;
    tag = tag.substr(0, bracket);
  }
  if (tag.empty() || tag.find(' ') != std::string_view::npos) return none;
  if (const auto slash = tag.rfind('/');
      slash != std::string_view::npos && slash + 1 < tag.size()) {
    tag.remove_prefix(slash + 1);
  }
  line.remove_prefix(colon + 1);
  if (!line.empty() && line.front() == ' ') line.remove_prefix(1);
  return {.program = tag, .text = line};
}

}  // namespace yunjian::rules
