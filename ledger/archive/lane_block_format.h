#pragma once

#include <cstdint>

// Numbers that both halves of lane_block.h share.
namespace yunjian::ledger::block_format {

inline constexpr std::uint8_t flag_string = 1;
inline constexpr std::uint8_t flag_derived = 2;
inline constexpr std::uint8_t flag_whole = 4;
inline constexpr std::uint16_t time_column = 0;
inline constexpr std::size_t checksum_bytes = 8;
inline constexpr std::size_t length_bytes = 4;
inline constexpr std::size_t shapes_max = 65535;

}  // namespace yunjian::ledger::block_format
