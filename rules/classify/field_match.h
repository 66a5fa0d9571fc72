#pragma once

#include <array>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ledger/record.h"
#include "rules/classify/derived.h"
#include "rules/classify/rule_file.h"

namespace yunjian::rules {

// How a record that comes in fields is asked. Absent fields are empty.
class FieldReader {
 public:
  virtual ~FieldReader() = default;
  virtual std::string_view type() const = 0;  // chooses the rules
  virtual std::string_view field(std::string_view name) const = 0;
};

// audit.* of a record that the agent decoded; `type` is audit.type.
class AuditFields : public FieldReader {
 public:
  explicit AuditFields(const ledger::ParsedRecord& record) : record_(record) {}
  std::string_view type() const override { return field("type"); }
  std::string_view field(std::string_view name) const override;

 private:
  const ledger::ParsedRecord& record_;
};

// The text of an audit record that came as a plain line, cut into its first `audit_fields_max`
// fields. What is hex there stays hex.
class AuditText : public FieldReader {
 public:
  explicit AuditText(std::string_view text);
  std::string_view type() const override { return find("type"); }
  std::string_view field(std::string_view name) const override;

 private:
  std::string_view find(std::string_view name) const;
  void cut(std::string_view text);

  static constexpr std::size_t audit_fields_max = 48;
  std::array<std::pair<std::string_view, std::string_view>, audit_fields_max> fields_;
  std::size_t count_ = 0;
};

// The collector's and the agent's own records; `type` is kind and `what` with a point between them.
class ActFields : public FieldReader {
 public:
  explicit ActFields(const ledger::ParsedRecord& record);
  std::string_view type() const override { return type_; }
  std::string_view field(std::string_view name) const override {
    return record_.find(name).value_or("");
  }

 private:
  const ledger::ParsedRecord& record_;
  std::string type_;
};

// Field rules of one kind of records.
class FieldRules {
 public:
  void add(const std::string& file, std::vector<FieldRule> rules);
  bool match(const FieldReader& reader, Derived& derived) const;

 private:
  struct Named {
    std::string name;
    FieldRule rule;
  };
  std::vector<std::unique_ptr<Named>> rules_;
  std::map<std::string, std::vector<const Named*>, std::less<>> exact_;
  std::vector<std::pair<std::string, const Named*>> prefixes_;  // asked behind the exact ones
};

bool is_audit_text(std::string_view message);

// Operations on a cloud platform, each with rules of its own.
struct PlatformRules {
  FieldRules cadf;        // DMTF DSP0262, alone or inside a notification; by action
  FieldRules kubernetes;  // audit.k8s.io/v1; by verb
  FieldRules openstack;   // oslo.messaging notifications of another payload; by verb
};

// Flattens a JSON text that begins with its brace and asks the rules of what it is; false when it
// is none of these, or no rule matches.
bool match_platform(const PlatformRules& rules, std::string_view message, Derived& derived);

}  // namespace yunjian::rules
