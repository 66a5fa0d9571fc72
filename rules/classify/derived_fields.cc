#include "rules/classify/derived_fields.h"

namespace yunjian::rules {

namespace {

constexpr std::string_view class_key = "class_uid";
constexpr std::string_view activity_key = "activity_id";
constexpr std::string_view severity_key = "severity_id";
constexpr std::string_view status_key = "status_id";
constexpr std::string_view user_key = "actor.user.name";
constexpr std::string_view uid_key = "actor.user.uid";
constexpr std::string_view address_key = "src_endpoint.ip";
constexpr std::string_view resource_key = "resource";
constexpr std::string_view operation_key = "api.operation";

// A version is one text; a store keeps a number.
std::uint32_t number_of(std::string_view version) {
  std::uint32_t hash = 0x811c9dc5U;
  for (const char c : version) {
    hash ^= static_cast<unsigned char>(c);
    hash *= 0x01000193U;
  }
  return hash;
}

void append(const Derived& meant, std::vector<ledger::ExtraField>& out) {
  const auto number = [&](std::string_view key, std::uint32_t value) {
    out.push_back({.key = key, .value = std::to_string(value), .is_string = false});
  };
  const auto text = [&](std::string_view key, std::string_view value) {
    if (!value.empty()) out.push_back({.key = key, .value = std::string(value), .is_string = true});
  };
  number(class_key, meant.class_uid);
  number(activity_key, meant.activity_id);
  number(severity_key, meant.severity_id);
  number(status_key, meant.status_id);
  text(user_key, meant.user_name);
  text(uid_key, meant.user_uid);
  text(address_key, meant.address);
  text(resource_key, meant.resource);
  text(operation_key, meant.operation);
}

}  // namespace

std::vector<std::string_view> derived_keys() {
  return {class_key, activity_key, severity_key, status_key,   user_key,
          uid_key,   address_key,  resource_key, operation_key};
}

std::uint32_t version_number(const Classifier& classifier) {
  return number_of(classifier.version());
}

ledger::DeriveFields derive_fields(const Classifier& classifier) {
  return [&classifier](const ledger::ParsedRecord& record, std::vector<ledger::ExtraField>& out) {
    if (const auto meant = classifier.classify(record)) append(*meant, out);
  };
}

}  // namespace yunjian::rules
