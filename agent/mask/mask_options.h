#pragma once

namespace yunjian::agent {

struct MaskOptions {
  bool enabled = true;          // passwords, keys, tokens
  bool identity_cards = false;  // of natural persons; masked only where wanted
  bool mobile_numbers = false;
  bool operator==(const MaskOptions&) const = default;
};

}  // namespace yunjian::agent
