#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "ledger/base/file_system.h"

namespace yunjian::ledger {

// The whole frames of a part or segment of which something is damaged, found by their own checksums
// wherever they lie; `visit` returns an error to stop. What is not a whole frame is passed over.
struct SalvagedFrame {
  std::uint64_t offset = 0;
  std::uint8_t type = 0;
  std::string payload;
};
// Gives back how many bytes belong to no whole frame. Errors: the file system's, and of `visit`.
Result<std::uint64_t> salvage_frames(const File& file, std::uint64_t number,
                                     const std::function<Result<void>(SalvagedFrame&)>& visit);

}  // namespace yunjian::ledger
