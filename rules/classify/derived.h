#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace yunjian::rules {

// OCSF classes that are told apart.
inline constexpr std::uint32_t class_process = 1007;
inline constexpr std::uint32_t class_account_change = 3001;
inline constexpr std::uint32_t class_authentication = 3002;
inline constexpr std::uint32_t class_user_access = 3005;
inline constexpr std::uint32_t class_lifecycle = 6002;
inline constexpr std::uint32_t class_api = 6003;

// What a record means: derived, never sealed. Texts are views into the record, into the classifier
// or into `storage`; empty: the record does not say it.
struct Derived {
  std::uint32_t class_uid = 0;    // 0: not classified
  std::uint32_t activity_id = 0;  // of the class; 0 unknown, 99 other
  std::uint32_t severity_id = 0;  // 1 informational … 5 critical, 6 fatal; 0 unknown
  std::uint32_t status_id = 0;    // 1 success, 2 failure, 0 unknown
  std::string_view user_name = {};
  std::string_view user_uid = {};
  std::string_view address = {};  // of the other side, an IP address
  std::string_view resource = {};
  std::string_view operation = {};
  std::string_view rule = {};  // that said so: "sshd.accepted"
  std::unique_ptr<std::string> storage = {};
};

}  // namespace yunjian::rules
