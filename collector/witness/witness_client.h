#pragma once

#include <functional>
#include <string>

#include "ledger/base/result.h"

namespace yunjian::collector {

struct WitnessAnswer {
  long status = 0;
  std::string content_type;
  std::string body;
};
// POST of `body` to a URL. Errors: retry, no answer.
using WitnessPost =
    std::function<ledger::Result<WitnessAnswer>(const std::string& url, const std::string& body)>;

// Over http or https with the system's CAs, or those of `ca_file`; redirects are not followed. Each
// call has a connection of its own; any thread.
WitnessPost post_to_witness(std::string ca_file);

}  // namespace yunjian::collector
