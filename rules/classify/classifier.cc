#include "rules/classify/classifier.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>

#include "rules/classify/field_match.h"
#include "rules/classify/log_path.h"
#include "rules/classify/meaning.h"
#include "rules/classify/syslog_head.h"

namespace yunjian::rules {

using ledger::ErrorKind;
using ledger::fail;
using ledger::ParsedRecord;
using ledger::Result;

namespace {

// Counts up when the code derives something else from the same rules.
constexpr int code_version = 2;

struct ViewHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const {
    return std::hash<std::string_view>()(text);
  }
};

std::uint64_t fnv1a(std::string_view bytes, std::uint64_t hash) {
  for (const char c : bytes) {
    hash ^= static_cast<unsigned char>(c);
    hash *= 0x100000001b3U;
  }
  return hash;
}

// The fields that decide who is asked.
struct Glance {
  std::string_view kind, log, source, severity, program, message, audit_type;
};

Glance look_at(const ParsedRecord& record) {
  Glance seen;
  for (const auto& [key, value, is_string] : record.fields) {
    switch (key.size()) {
      case 3:
        if (key == "log") seen.log = value;
        break;
      case 4:
        if (key == "kind") seen.kind = value;
        break;
      case 6:
        if (key == "source") seen.source = value;
        break;
      case 7:
        if (key == "message") seen.message = value;
        break;
      case 8:
        if (key == "severity") seen.severity = value;
        break;
      case 10:
        if (key == "audit.type") seen.audit_type = value;
        break;
      case 12:
        if (key == "process.name") seen.program = value;
        break;
      default:
        break;
    }
  }
  return seen;
}

// The JSON object of a message; loggers of platforms write their own words in front of it.
std::string_view object_of(const Glance& seen) {
  if (seen.message.starts_with('{')) return seen.message;
  const auto brace = seen.source == "platform" ? seen.message.find('{') : std::string_view::npos;
  return brace == std::string_view::npos ? std::string_view() : seen.message.substr(brace);
}

// "[12345.678901] text": the kernel's clock before its message.
std::string_view without_kernel_clock(std::string_view text) {
  if (text.empty() || text.front() != '[') return text;
  const auto end = text.find("] ");
  if (end == std::string_view::npos || end > 20) return text;
  const auto clock = text.substr(1, end - 1);
  const bool is_clock = clock.find_first_not_of(" .0123456789") == std::string_view::npos;
  return is_clock ? text.substr(end + 2) : text;
}

struct NamedLineRule {
  std::string name;
  LineRule rule;
};
using LineRules = std::vector<NamedLineRule>;

bool match_lines(const LineRules& rules, std::string_view text, Derived& derived) {
  Captures captures{};
  for (const auto& [name, rule] : rules) {
    for (const LinePattern& pattern : rule.patterns) {
      if (!pattern.match(text, captures)) continue;
      apply(rule.meaning, captures, derived);
      derived.rule = name;
      return true;
    }
  }
  return false;
}

}  // namespace

struct Classifier::Rules {
  std::vector<std::unique_ptr<LineRules>> line_files;
  std::unordered_map<std::string, const LineRules*, ViewHash, std::equal_to<>> programs;
  std::vector<std::pair<LogPath, const LineRules*>> logs;
  const LineRules* pam = nullptr;  // any program may log through PAM
  FieldRules audit, acts;
  PlatformRules platform;
  std::string version;

  Result<void> add(RuleFile file);
  void classify_line(const Glance& seen, Derived& derived) const;
  bool classify_text(const LineRules* own, std::string_view text, Derived& derived) const;
  const LineRules* of_program(std::string_view program) const {
    const auto found = programs.find(program);
    return found == programs.end() ? nullptr : found->second;
  }
};

Result<void> Classifier::Rules::add(RuleFile file) {
  const auto take = [&](RuleFile::By by, FieldRules& rules) {
    if (file.by == by) rules.add(file.name, std::move(file.field_rules));
  };
  take(RuleFile::By::audit, audit);
  take(RuleFile::By::act, acts);
  take(RuleFile::By::cadf, platform.cadf);
  take(RuleFile::By::kubernetes, platform.kubernetes);
  take(RuleFile::By::openstack, platform.openstack);
  if (file.by != RuleFile::By::line) return {};
  auto rules = std::make_unique<LineRules>();
  for (LineRule& rule : file.line_rules) {
    std::string name = fmt::format("{}.{}", file.name, rule.name);
    rules->push_back({.name = std::move(name), .rule = std::move(rule)});
  }
  for (const std::string& program : file.programs) {
    if (!programs.emplace(program, rules.get()).second) {
      return fail(ErrorKind::reject, fmt::format("rules/classify/{}.json: program '{}' stands in "
                                                 "another file too",
                                                 file.name, program));
    }
  }
  for (const std::string& log : file.logs) logs.emplace_back(LogPath(log), rules.get());
  if (file.name == "pam") pam = rules.get();
  line_files.push_back(std::move(rules));
  return {};
}

bool Classifier::Rules::classify_text(const LineRules* own, std::string_view text,
                                      Derived& derived) const {
  if (text.starts_with("pam_") && pam != nullptr && match_lines(*pam, text, derived)) return true;
  return own != nullptr && match_lines(*own, text, derived);
}

void Classifier::Rules::classify_line(const Glance& seen, Derived& derived) const {
  std::string_view text = seen.message;
  if (!seen.program.empty()) {
    if (seen.program == "kernel") text = without_kernel_clock(text);
    classify_text(of_program(seen.program), text, derived);
    return;
  }
  for (const auto& [path, rules] : logs) {
    if (path.matches(seen.log) && classify_text(rules, text, derived)) return;
  }
  const SyslogLine line = split_syslog(text);
  if (line.program.empty()) return;
  text = line.program == "kernel" ? without_kernel_clock(line.text) : line.text;
  if (is_audit_text(text) && audit.match(AuditText(text), derived)) return;
  classify_text(of_program(line.program), text, derived);
}

Classifier::Classifier(std::unique_ptr<const Rules> rules) : rules_(std::move(rules)) {}
Classifier::Classifier(Classifier&&) noexcept = default;
Classifier& Classifier::operator=(Classifier&&) noexcept = default;
Classifier::~Classifier() = default;

Result<Classifier> Classifier::make(const std::vector<std::string_view>& files) {
  auto rules = std::make_unique<Rules>();
  std::uint64_t hash = 0xcbf29ce484222325U;
  for (const std::string_view json : files) {
    auto file = parse_rule_file(json);
    if (!file) return failure(file);
    if (auto added = rules->add(*std::move(file)); !added) return failure(added);
    hash = fnv1a(json, hash);
  }
  rules->version = fmt::format("{}-{:016x}", code_version, hash);
  return Classifier(std::move(rules));
}

const Classifier& Classifier::builtin() {
  static const Classifier made = [] {
    auto classifier = make(classify_files());
    ledger::require(classifier.has_value(), "the compiled-in classification rules are good");
    return *std::move(classifier);
  }();
  return made;
}

std::optional<Derived> Classifier::classify(const ParsedRecord& record) const {
  const Glance seen = look_at(record);
  if (seen.kind == "usage" || seen.kind == "usage_hour") return std::nullopt;
  Derived derived{.severity_id = severity_of(seen.severity)};
  if (!seen.audit_type.empty()) {
    rules_->audit.match(AuditFields(record), derived);
  } else if (seen.kind == "collector" || seen.kind == "agent") {
    rules_->acts.match(ActFields(record), derived);
  } else if (is_audit_text(seen.message)) {
    rules_->audit.match(AuditText(seen.message), derived);
  } else {
    const std::string_view object = object_of(seen);
    if (object.empty() || !match_platform(rules_->platform, object, derived))
      rules_->classify_line(seen, derived);
  }
  return derived;
}

const std::string& Classifier::version() const { return rules_->version; }

}  // namespace yunjian::rules
