#pragma once

#include <string_view>

namespace yunjian::collector {

// An address that a handler answers. It also stands in collector/api/openapi.json; a test holds
// that.
struct HandlerRoute {
  std::string_view method;
  std::string_view pattern;  // segments; "{}" stands for one
};

}  // namespace yunjian::collector
