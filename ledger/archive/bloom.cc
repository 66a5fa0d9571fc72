#include "ledger/archive/bloom.h"

#include <xxhash.h>

#include "ledger/base/bytes.h"

namespace yunjian::ledger {
namespace {

constexpr std::size_t bit_bytes = bloom_line_bytes - 4;
constexpr unsigned line_bits = bit_bytes * 8;
constexpr unsigned bits_per_token = 16;
constexpr unsigned hashes = 6;

// The bits of a token within its line; other bits of the hash than those that choose the line.
unsigned bit_of(std::uint64_t hash, unsigned number) {
  const std::uint64_t mixed = (hash ^ (hash >> 29)) * 0x9e3779b97f4a7c15U;
  const auto low = static_cast<std::uint32_t>(mixed);
  const auto high = static_cast<std::uint32_t>(mixed >> 32) | 1U;
  return static_cast<unsigned>((low + number * high) % line_bits);
}

std::uint32_t line_checksum(std::string_view bits) {
  return static_cast<std::uint32_t>(XXH3_64bits(bits.data(), bits.size()));
}

}  // namespace

std::uint64_t bloom_line_of(std::uint64_t hash, std::uint64_t lines) {
  return static_cast<std::uint64_t>((static_cast<unsigned __int128>(hash) * lines) >> 64);
}

std::string make_bloom(std::span<const std::uint64_t> distinct_hashes) {
  if (distinct_hashes.empty()) return {};
  const std::uint64_t lines = (distinct_hashes.size() * bits_per_token + line_bits - 1) / line_bits;
  std::string bloom(lines * bloom_line_bytes, '\0');
  for (const std::uint64_t hash : distinct_hashes) {
    char* line = bloom.data() + bloom_line_of(hash, lines) * bloom_line_bytes;
    for (unsigned i = 0; i < hashes; ++i) {
      const unsigned bit = bit_of(hash, i);
      line[bit / 8] = static_cast<char>(line[bit / 8] | (1 << (bit % 8)));
    }
  }
  for (std::uint64_t i = 0; i < lines; ++i) {
    char* line = bloom.data() + i * bloom_line_bytes;
    std::string checksum;
    put_u32be(checksum, line_checksum({line, bit_bytes}));
    checksum.copy(line + bit_bytes, checksum.size());
  }
  return bloom;
}

Result<bool> bloom_line_has(std::string_view line, std::uint64_t hash) {
  if (line.size() != bloom_line_bytes ||
      get_u32be(line.data() + bit_bytes) != line_checksum(line.substr(0, bit_bytes))) {
    return fail(ErrorKind::corrupt, "a line of a bloom filter is damaged");
  }
  for (unsigned i = 0; i < hashes; ++i) {
    const unsigned bit = bit_of(hash, i);
    if ((static_cast<unsigned char>(line[bit / 8]) & (1U << (bit % 8))) == 0) return false;
  }
  return true;
}

void HashSet::add(std::uint64_t hash) {
  const std::size_t mask = slots_.size() - 1;
  std::size_t at = hash & mask;
  while (slots_[at] != 0) {
    if (slots_[at] == hash) return;
    at = (at + 1) & mask;
  }
  slots_[at] = hash;
  if (++used_ * 2 > slots_.size()) grow();
}

void HashSet::grow() {
  std::vector<std::uint64_t> before(slots_.size() * 2, 0);
  before.swap(slots_);
  used_ = 0;
  for (const std::uint64_t hash : before) {
    if (hash != 0) add(hash);
  }
}

std::vector<std::uint64_t> HashSet::values() const {
  std::vector<std::uint64_t> all;
  all.reserve(used_);
  for (const std::uint64_t hash : slots_) {
    if (hash != 0) all.push_back(hash);
  }
  return all;
}

void HashSet::clear() {
  slots_.assign(slots_.size(), 0);
  used_ = 0;
}

}  // namespace yunjian::ledger
