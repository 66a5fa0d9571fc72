#pragma once

#include <string>
#include <string_view>

#include "collector/http/message.h"
#include "ledger/base/result.h"

namespace yunjian::collector {

Response no_such_path(const std::string& path);         // 404
Response method_not_allowed(std::string_view allowed);  // 405 with Allow

// What a failed log or catalog means for who asked: 503 with retry and Retry-After, the longer the
// less likely it heals by itself; 500 for input of our own making that was refused.
Problem failure_problem(const ledger::Error& error);
Response failure_response(const ledger::Error& error);

}  // namespace yunjian::collector
