#include "agent/sources/audit/audit_line.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace yunjian::agent {
namespace {

constexpr char enriched_mark = '\x1D';
constexpr std::uint64_t seconds_max = 253402300799;  // the year 9999

bool is_separator(char c) { return c == ' ' || c == ',' || c == '\'' || c == enriched_mark; }

std::string_view cut_at(std::string_view& rest, std::string_view separator) {
  const auto end = rest.find(separator);
  const std::string_view front = rest.substr(0, end);
  rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end + separator.size());
  return front;
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;  // the kernel and libaudit write upper case
}

std::optional<std::string> from_audit_hex(std::string_view hex) {
  if (hex.empty() || hex.size() % 2 != 0) return std::nullopt;
  std::string bytes;
  bytes.reserve(hex.size() / 2);
  for (std::size_t i = 0; i < hex.size(); i += 2) {
    const int high = hex_digit(hex[i]);
    const int low = hex_digit(hex[i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    bytes += static_cast<char>(high * 16 + low);
  }
  return bytes;
}

}  // namespace

std::optional<std::uint64_t> audit_number(std::string_view text, int base) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc{} || end != text.data() + text.size() || value >> 63 != 0)
    return std::nullopt;
  return value;
}

std::optional<AuditLine> parse_audit_line(std::string_view line) {
  AuditLine parsed;
  if (line.starts_with("node=")) parsed.node = cut_at(line, " ").substr(5);
  if (!line.starts_with("type=")) return std::nullopt;
  parsed.type = cut_at(line, " ").substr(5);
  if (parsed.type.empty() || !line.starts_with("msg=audit(")) return std::nullopt;
  line.remove_prefix(10);
  const auto seconds = audit_number(cut_at(line, "."));
  const auto milliseconds = audit_number(cut_at(line, ":"));
  const auto serial = audit_number(cut_at(line, "):"));
  if (!seconds || !milliseconds || !serial) return std::nullopt;
  if (*seconds > seconds_max || *milliseconds > 999) return std::nullopt;
  parsed.time = ledger::Time(std::chrono::milliseconds(*seconds * 1000 + *milliseconds));
  parsed.serial = *serial;
  parsed.body = line;
  return parsed;
}

bool is_single_record(std::string_view type) {
  constexpr std::array<std::string_view, 17> families = {
      "USER_", "CRED_", "DAEMON_", "SERVICE_", "SYSTEM_", "ADD_",   "DEL_",    "GRP_", "ACCT_",
      "ROLE_", "DEV_",  "CRYPTO_", "VIRT_",    "LABEL_",  "CHGRP_", "CHUSER_", "RESP_"};
  constexpr std::array<std::string_view, 7> names = {
      "USER", "KERNEL", "TEST", "TRUSTED_APP", "USYS_CONFIG", "SOFTWARE_UPDATE", "FS_RELABEL"};
  return std::find(names.begin(), names.end(), type) != names.end() ||
         std::any_of(families.begin(), families.end(),
                     [&](std::string_view family) { return type.starts_with(family); });
}

bool ends_event(std::string_view type) {
  // Files hold no EOE: auditd keeps it for its dispatcher. PROCTITLE is the last one in front.
  return type == "EOE" || type == "PROCTITLE" || is_single_record(type);
}

bool AuditFields::next(AuditField& field) {
  while (!rest_.empty()) {
    if (is_separator(rest_.front())) {
      rest_.remove_prefix(1);
      continue;
    }
    const auto stop = std::find_if(rest_.begin(), rest_.end(),
                                   [](char c) { return c == '=' || is_separator(c); });
    const auto length = static_cast<std::size_t>(stop - rest_.begin());
    const std::string_view name = rest_.substr(0, length);
    rest_.remove_prefix(length);
    if (rest_.empty() || rest_.front() != '=') continue;
    rest_.remove_prefix(1);
    if (rest_.starts_with('\'')) continue;  // msg='…': its fields follow
    field.name = name;
    field.quoted = rest_.starts_with('"');
    if (field.quoted) {
      rest_.remove_prefix(1);
      field.value = cut_at(rest_, "\"");
      return true;
    }
    const auto end = std::min(rest_.find_first_of(" \x1D"), rest_.size());
    field.value = rest_.substr(0, end);
    rest_.remove_prefix(end);
    if (field.value.ends_with('\'')) field.value.remove_suffix(1);
    return true;
  }
  return false;
}

std::optional<std::string> decode_untrusted(const AuditField& field) {
  if (field.quoted) return std::string(field.value);
  if (field.value.empty() || field.value == "(null)" || field.value == "(none)" ||
      field.value == "?")
    return std::nullopt;
  auto bytes = from_audit_hex(field.value);
  return bytes ? std::move(*bytes) : std::string(field.value);
}

}  // namespace yunjian::agent
