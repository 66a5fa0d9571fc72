#pragma once

#include <map>
#include <string>
#include <string_view>

#include "ledger/base/result.h"

namespace yunjian::collector {

inline constexpr std::size_t admin_request_bytes_max = 64U << 20;
inline constexpr std::size_t admin_answer_bytes_max = 1U << 30;

// One command for the collector, from its own machine.
struct AdminRequest {
  std::string command = {};                        // "token create"
  std::map<std::string, std::string> fields = {};  // options by name; several values one a line
  std::string who = {};  // whose it is; set by the receiving side, never sent

  std::string field(const std::string& name) const {
    const auto found = fields.find(name);
    return found == fields.end() ? std::string() : found->second;
  }
};

struct AdminAnswer {
  std::string out = {};                           // for stdout
  std::string note = {};                          // for stderr: what a person should know besides
  std::map<std::string, std::string> files = {};  // name -> bytes, to be written by the asking side
  std::map<std::string, std::string> copies = {};  // name -> path of a file, to be copied there
};

// One JSON object, one line each way:
//   {"command":"token create","fields":{"name":"audit","role":"authority"}}
//   {"ok":true,"out":"…","note":"…","files":{"a.xlsx":"<base64>"},"copies":{"a.pdf":"/path"}}  or
//   {"ok":false,"problem":"…"}
std::string format_request(const AdminRequest& request);
ledger::Result<AdminRequest> parse_request(std::string_view json);
std::string format_answer(const ledger::Result<AdminAnswer>& answer);
// An answer that tells a problem comes back as that error.
ledger::Result<AdminAnswer> parse_answer(std::string_view json);

}  // namespace yunjian::collector
