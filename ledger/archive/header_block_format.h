#pragma once

#include <cstddef>
#include <cstdint>

// Numbers that both halves of header_block.h share.
namespace yunjian::ledger::header_format {

inline constexpr std::uint64_t bit_hollow = 1;
inline constexpr std::uint64_t bit_fill = 2;
inline constexpr std::uint64_t bit_whole = 4;
inline constexpr std::uint64_t bit_previous = 8;
inline constexpr std::uint64_t bit_key_id = 16;
inline constexpr std::size_t row_lists = 8 + 3 * 3;
inline constexpr std::size_t signature_bytes = 64;

}  // namespace yunjian::ledger::header_format
