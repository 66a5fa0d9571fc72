#include "collector/query/record_deriver.h"

#include "rules/classify/derived_fields.h"

namespace yunjian::collector {

Deriver make_deriver(const rules::Classifier& classifier) {
  Deriver deriver;
  deriver.version = rules::version_number(classifier);
  for (const std::string_view key : rules::derived_keys()) deriver.keys.emplace_back(key);
  deriver.derive = rules::derive_fields(classifier);
  return deriver;
}

}  // namespace yunjian::collector
