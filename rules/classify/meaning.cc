#include "rules/classify/meaning.h"

#include <algorithm>
#include <array>

#include "rules/classify/address.h"

namespace yunjian::rules {

namespace {

// What a word, or the number of an HTTP answer, says of the outcome.
std::uint32_t status_of(std::string_view word) {
  constexpr std::array<std::string_view, 9> good = {
      "success", "yes", "ok", "1", "allowed", "done", "created", "installed", "successful"};
  constexpr std::array<std::string_view, 7> bad = {"failed", "failure", "fail",   "no",
                                                   "denied", "error",   "refused"};
  if (std::ranges::find(good, word) != good.end()) return 1;
  if (std::ranges::find(bad, word) != bad.end()) return 2;
  if (word.size() != 3 || word[0] < '1' || word[0] > '5') return 0;
  return word[0] < '4' ? 1 : 2;
}

bool says_nothing(std::string_view text) {
  return text == "?" || text == "(none)" || text == "-" || text == "(unknown)";
}

std::string_view said(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return says_nothing(text) ? std::string_view() : text;
}

}  // namespace

std::uint32_t severity_of(std::string_view syslog) {
  constexpr std::array<std::uint32_t, 8> levels = {6, 5, 5, 4, 3, 2, 1, 1};
  if (syslog.size() != 1 || syslog[0] < '0' || syslog[0] > '7') return 0;
  return levels[static_cast<std::size_t>(syslog[0] - '0')];
}

void apply(const Meaning& meaning, const Captures& captures, Derived& derived) {
  const auto picked = [&](Slot slot) { return captures[static_cast<std::size_t>(slot)]; };
  derived.class_uid = meaning.class_uid;
  derived.activity_id = meaning.activity_id;
  derived.user_name = said(picked(Slot::user));
  derived.user_uid = said(picked(Slot::uid));
  if (derived.user_uid == "4294967295" || derived.user_uid == "-1") derived.user_uid = {};
  derived.address = address_in(picked(Slot::address));
  derived.resource = said(picked(Slot::resource));
  if (derived.resource.empty()) derived.resource = meaning.resource;
  derived.operation = said(picked(Slot::operation));
  if (derived.operation.empty()) derived.operation = meaning.operation;
  if (const auto known = meaning.activities.find(derived.operation);
      known != meaning.activities.end()) {
    derived.activity_id = known->second;
  }
  derived.status_id = meaning.status_id != 0 ? meaning.status_id : status_of(picked(Slot::status));
  if (meaning.severity_id != 0) {
    derived.severity_id = meaning.severity_id;
  } else if (derived.severity_id == 0) {
    derived.severity_id = 1;
  }
}

}  // namespace yunjian::rules
