#include "agent/mask/masker.h"

#include <fmt/format.h>
#include <re2/re2.h>

#include <algorithm>
#include <charconv>

#include "ledger/base/bytes.h"
#include "ledger/record.h"

namespace yunjian::agent {
namespace {

// In front of this every event record is the same: time, kind, "source":"
constexpr std::size_t head_bytes = 60;
constexpr std::size_t guard_name_bytes = 32;  // of a name that goes on behind its word
constexpr std::size_t userinfo_bytes = 256;
constexpr std::size_t groups_max = 16;
constexpr std::int64_t pattern_memory_bytes = 1 << 20;
constexpr std::uint32_t pem_lines_max = 128;  // a key of 16384 bits has about 200; of 8192, 100
constexpr std::size_t open_max = 64;
constexpr std::size_t again_bytes_min = 4;  // shorter secrets are not looked for elsewhere
constexpr std::string_view pem_end = "-----END";
constexpr std::string_view position_version = "mask/v1";

bool is_name(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '-';
}

bool is_base64(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '+' ||
         c == '/' || c == '=';
}

// A name that ends, perhaps a quote, then = or :
bool is_assignment(std::string_view rest) {
  std::size_t at = 0;
  while (at < rest.size() && at < guard_name_bytes && is_name(rest[at])) ++at;
  const std::size_t quotes_end = std::min(rest.size(), at + 8);
  while (at < quotes_end && (rest[at] == '\\' || rest[at] == '"' || rest[at] == '\'' ||
                             rest[at] == ' ' || rest[at] == '\t'))
    ++at;
  rest.remove_prefix(at);
  return rest.starts_with('=') || rest.starts_with(':') || rest.starts_with("：");
}

bool is_userinfo(std::string_view rest) {
  for (const char c : rest.substr(0, userinfo_bytes)) {
    if (c == '@') return true;
    if (c == '/' || c == ' ' || c == '"' || c == '<') return false;
  }
  return false;
}

// Never longer than what it stands for.
std::string stars(std::size_t size) { return std::string(std::min<std::size_t>(size, 3), '*'); }

bool may_change(std::string_view key) {
  return key != "time" && key != "kind" && key != "source" && key != "log" && key != "part" &&
         key != "encoding" && key != "masked";
}

std::string hex_of(std::string_view text) {
  std::string hex;
  for (const char c : text)
    fmt::format_to(std::back_inserter(hex), "{:02X}", static_cast<unsigned char>(c));
  return hex;
}

void replace_all(std::string& text, std::string_view what, std::string_view by) {
  for (std::size_t at = text.find(what); at != std::string::npos;
       at = text.find(what, at + by.size()))
    text.replace(at, what.size(), by);
}

}  // namespace

struct Masker::Compiled {
  MaskRule rule;
  std::uint64_t bit = 0;
  std::unique_ptr<re2::RE2> pattern;  // compiled at first use: most hosts need few
};

// One value of a record while rules change it.
struct Masker::Edit {
  std::string& text;
  std::string log;       // source and log, the key of open_
  bool message = false;  // only messages go on in the next record
};

Masker::Masker(MaskOptions options) {
  auto rules = parse_mask_rules(mask_rules_json());
  ledger::require(rules.has_value(), "the mask rules of this program can be read");
  std::vector<std::string> words;
  for (auto& rule : *rules) {
    const bool wanted = rule.kind == MaskRule::Kind::identity_card   ? options.identity_cards
                        : rule.kind == MaskRule::Kind::mobile_number ? options.mobile_numbers
                                                                     : options.enabled;
    if (!wanted) continue;
    for (const auto& word : rule.words) {
      words.push_back(word);
      words_.push_back({rules_.size(), word.size()});
    }
    rules_.push_back({.rule = std::move(rule), .bit = 1ULL << rules_.size(), .pattern = nullptr});
  }
  scan_ = std::make_unique<LiteralScan>(std::move(words));
}

Masker::~Masker() = default;

std::string_view Masker::mask(std::string_view line) {
  changed_.clear();
  if (!may_hold_secret(line)) return line;
  const auto record = ledger::parse_record(line);
  if (!record || (*record)->find("kind") != "event") return line;
  masked_ = 0;
  secrets_.clear();
  std::vector<std::string> values;
  mask_fields(**record, values);
  if (masked_ == 0) return line;
  // Elsewhere a password that is a common word would take that word from the whole record.
  if ((*record)->find("source") == "audit") mask_again(values);
  return write(**record, values);
}

// Looks for words of rules, for numbers, and whether a private key is open somewhere.
bool Masker::may_hold_secret(std::string_view line) {
  wanted_ = 0;
  if (line.size() <= head_bytes || rules_.empty()) return false;
  line.remove_prefix(head_bytes);
  scan_->find(line, hits_);
  for (const auto& hit : hits_) {
    const Word& word = words_[hit.word];
    const Compiled& rule = rules_[word.rule];
    if ((wanted_ & rule.bit) == 0 && guarded(rule, line, hit.begin + word.size))
      wanted_ |= rule.bit;
  }
  for (const auto& rule : rules_) {
    const bool digits =
        (rule.rule.kind == MaskRule::Kind::identity_card && has_digit_run(line, 17)) ||
        (rule.rule.kind == MaskRule::Kind::mobile_number && has_digit_run(line, 11));
    if (digits) wanted_ |= rule.bit;
  }
  return wanted_ != 0 || !open_.empty();
}

bool Masker::guarded(const Compiled& rule, std::string_view line, std::size_t end) const {
  const std::string_view rest = line.substr(end);
  switch (rule.rule.guard) {
    case MaskRule::Guard::assignment:
      return is_assignment(rest);
    case MaskRule::Guard::userinfo:
      return is_userinfo(rest);
    case MaskRule::Guard::none:
      break;
  }
  return true;
}

void Masker::mask_fields(const ledger::ParsedRecord& record, std::vector<std::string>& values) {
  const std::string log =
      fmt::format("{} {}", record.find("source").value_or(""), record.find("log").value_or(""));
  for (const auto& field : record.fields) {
    std::string& text = values.emplace_back(field.value);
    if (!field.is_string || !may_change(field.key)) continue;
    Edit edit{.text = text, .log = log, .message = field.key == "message"};
    if (edit.message && open_.contains(log)) go_on_in_pem(edit);
    for (auto& rule : rules_) {
      if ((wanted_ & rule.bit) != 0) apply(rule, edit);
    }
  }
}

void Masker::apply(Compiled& rule, Edit& edit) {
  std::vector<MaskSpan> spans;
  switch (rule.rule.kind) {
    case MaskRule::Kind::pattern:
      return apply_pattern(rule, edit);
    case MaskRule::Kind::pem:
      return apply_pem(rule, edit);
    case MaskRule::Kind::identity_card:
      find_identity_cards(edit.text, spans);
      break;
    case MaskRule::Kind::mobile_number:
      find_mobile_numbers(edit.text, spans);
      break;
  }
  for (const auto& span : spans) edit.text.replace(span.begin, span.size, span.size, '*');
  if (!spans.empty()) masked_ |= rule.bit;
}

void Masker::apply_pattern(Compiled& rule, Edit& edit) {
  if (!rule.pattern) {
    re2::RE2::Options options;
    options.set_max_mem(pattern_memory_bytes);
    options.set_log_errors(false);
    rule.pattern = std::make_unique<re2::RE2>(rule.rule.pattern, options);
    ledger::require(rule.pattern->ok(), "the patterns of the mask rules are right");
  }
  const std::string text = edit.text;
  std::string changed;
  std::array<re2::StringPiece, groups_max> groups;
  const int count = 1 + rule.pattern->NumberOfCapturingGroups();
  ledger::require(count <= static_cast<int>(groups_max), "a mask rule has few groups");
  std::size_t done = 0;
  for (std::size_t at = 0;
       at < text.size() &&
       rule.pattern->Match(text, at, text.size(), re2::RE2::UNANCHORED, groups.data(), count);) {
    for (int i = 1; i < count; ++i) {
      const re2::StringPiece& group = groups[static_cast<std::size_t>(i)];
      if (group.data() == nullptr || group.empty()) continue;
      const auto begin = static_cast<std::size_t>(group.data() - text.data());
      changed.append(text, done, begin - done);
      changed += stars(group.size());
      secrets_.emplace_back(group.data(), group.size());
      done = begin + group.size();
      masked_ |= rule.bit;
    }
    const auto end = static_cast<std::size_t>(groups[0].data() - text.data()) + groups[0].size();
    at = std::max(end, at + 1);
  }
  if (done == 0) return;
  changed.append(text, done);
  edit.text = std::move(changed);
}

void Masker::apply_pem(Compiled& rule, Edit& edit) {
  if (!rule.pattern) rule.pattern = std::make_unique<re2::RE2>(rule.rule.pattern);
  for (std::size_t at = 0; at < edit.text.size();) {
    re2::StringPiece begin;
    if (!rule.pattern->Match(edit.text, at, edit.text.size(), re2::RE2::UNANCHORED, &begin, 1))
      return;
    const auto from = static_cast<std::size_t>(begin.data() - edit.text.data()) + begin.size();
    const std::size_t end = edit.text.find(pem_end, from);
    const std::size_t size = std::min(end, edit.text.size()) - from;
    masked_ |= rule.bit;
    edit.text.replace(from, size, stars(size));
    at = from + std::min<std::size_t>(size, 3);
    if (end == std::string::npos && edit.message) {
      changed_ = edit.log;
      changed_to_ = pem_lines_max;
    }
  }
}

// A private key began in an earlier record of this log: the words of base64 at the end of each line
// are it, until its end line, or until so many lines that it was none.
void Masker::go_on_in_pem(Edit& edit) {
  const std::size_t end = edit.text.find(pem_end);
  std::uint32_t left = open_[edit.log];
  std::string_view body = std::string_view(edit.text).substr(0, end);
  std::string changed;
  bool masked = false;
  while (!body.empty()) {
    const std::size_t stop = std::min(body.find('\n'), body.size());
    const std::string_view line = body.substr(0, stop);
    const std::size_t trimmed = line.ends_with('\r') ? line.size() - 1 : line.size();
    const std::string_view text = line.substr(0, trimmed);
    const std::string_view word = text.substr(text.find_last_of(" \t") + 1);
    const bool key = !word.empty() && std::all_of(word.begin(), word.end(), is_base64) &&
                     (word.size() == text.size() || word.size() >= 16);
    changed += text.substr(0, text.size() - (key ? word.size() : 0));
    if (key) changed += stars(word.size());
    changed += body.substr(trimmed, stop - trimmed + (stop < body.size() ? 1 : 0));
    body.remove_prefix(std::min(stop + 1, body.size()));
    masked = masked || key;
    left = left > 0 ? left - 1 : 0;
  }
  changed_ = edit.log;
  changed_to_ = end == std::string::npos ? left : 0;
  if (!masked) return;
  if (end != std::string::npos) changed += edit.text.substr(end);
  edit.text = std::move(changed);
  for (const auto& rule : rules_) {
    if (rule.rule.kind == MaskRule::Kind::pem) masked_ |= rule.bit;
  }
}

// What was masked in one place of a record may stand in another in another form: the command line
// of an audit event beside its raw arguments, plain or in hex.
void Masker::mask_again(std::vector<std::string>& values) const {
  for (const auto& secret : secrets_) {
    if (secret.size() < again_bytes_min) continue;
    const std::string hex = hex_of(secret);
    for (auto& value : values) {
      replace_all(value, secret, "***");
      replace_all(value, hex, "2A2A2A");
    }
  }
}

std::string_view Masker::write(const ledger::ParsedRecord& record,
                               const std::vector<std::string>& values) {
  std::string names;
  for (const auto& rule : rules_) {
    if ((masked_ & rule.bit) != 0) names += (names.empty() ? "" : ",") + rule.rule.name;
  }
  out_.assign("{");
  bool named = false;
  const auto put = [&](std::string_view key) {
    if (out_.size() > 1) out_ += ',';
    ledger::append_json_string(out_, key);
    out_ += ':';
  };
  for (std::size_t i = 0; i < record.fields.size(); ++i) {
    const auto& field = record.fields[i];
    if (!named && ledger::record_key_less("masked", field.key)) {
      put("masked");
      ledger::append_json_string(out_, names);
      named = true;
    }
    put(field.key);
    if (field.is_string) {
      ledger::append_json_string(out_, values[i]);
    } else {
      out_ += field.value;
    }
  }
  out_ += '}';
  return out_;
}

void Masker::taken() {
  if (changed_.empty()) return;
  if (changed_to_ == 0) {
    open_.erase(changed_);
  } else if (open_.size() < open_max || open_.contains(changed_)) {
    open_[changed_] = changed_to_;
  }
  changed_.clear();
}

std::string Masker::position() const {
  if (open_.empty()) return {};
  std::string out{position_version};
  for (const auto& [log, left] : open_)
    fmt::format_to(std::back_inserter(out), ";{} {}", left, ledger::to_hex(log));
  return out;
}

ledger::Result<void> Masker::restore(std::string_view position) {
  open_.clear();
  if (position.empty()) return {};
  const auto corrupt = [&] {
    open_.clear();
    return ledger::fail(ledger::ErrorKind::corrupt, "the position of the masking is unreadable");
  };
  if (!position.starts_with(position_version)) return corrupt();
  position.remove_prefix(position_version.size());
  while (!position.empty()) {
    position.remove_prefix(1);
    const std::string_view entry = position.substr(0, position.find(';'));
    position.remove_prefix(entry.size());
    std::uint32_t left = 0;
    const auto parsed = std::from_chars(entry.data(), entry.data() + entry.size(), left);
    const auto at = static_cast<std::size_t>(parsed.ptr - entry.data());
    const auto log = ledger::from_hex(entry.substr(std::min(at + 1, entry.size())));
    if (parsed.ec != std::errc{} || left == 0 || left > pem_lines_max || !log || log->empty() ||
        open_.size() >= open_max)
      return corrupt();
    open_[*log] = left;
  }
  return {};
}

}  // namespace yunjian::agent
