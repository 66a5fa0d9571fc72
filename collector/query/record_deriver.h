#pragma once

#include "collector/store/deriver.h"
#include "rules/classify/classifier.h"

namespace yunjian::collector {

// The derived fields of records as a store keeps them. The classifier outlives the deriver.
Deriver make_deriver(const rules::Classifier& classifier);

}  // namespace yunjian::collector
