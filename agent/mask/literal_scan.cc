#include "agent/mask/literal_scan.h"

#include <algorithm>
#include <cstring>

#include "ledger/base/result.h"

// A lookup of sixteen bytes in a table of sixteen: pshufb on x86, tbl on ARM.
#if defined(__x86_64__)
#define YUNJIAN_WIDE __attribute__((target("ssse3")))
#else
#define YUNJIAN_WIDE
#endif

namespace yunjian::agent {
namespace {

using Block = unsigned char __attribute__((vector_size(16)));
using Words = std::uint64_t __attribute__((vector_size(16)));

// Folds ASCII letters; what else it folds together, the comparison tells apart.
constexpr unsigned char fold_bit = 0x20;

unsigned char folded(char c) {
  return static_cast<unsigned char>(static_cast<unsigned char>(c) | fold_bit);
}

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; }

// The rarer a byte is in logs, the better it tells where a word may be.
std::size_t commonness(char c) {
  constexpr std::string_view rare_first = "qjzx~@&%>|kvbw_ygpfmuhdcl-nris:/oat e";
  const std::size_t rank = rare_first.find(c);
  return rank == std::string_view::npos ? rare_first.size() / 2 : rank;
}

bool can_look_up() {
#if defined(__x86_64__)
  return __builtin_cpu_supports("ssse3") != 0;
#else
  return true;
#endif
}

Block load(const char* from) {
  Block block;
  std::memcpy(&block, from, sizeof block);
  return block;
}

}  // namespace

LiteralScan::LiteralScan(std::vector<std::string> words) : words_(std::move(words)) {
  ledger::require(words_.size() <= words_max, "a scan has few words");
  wide_ = can_look_up();
  for (std::size_t i = 0; i < words_.size(); ++i) {
    const std::string& word = words_[i];
    ledger::require(word.size() >= anchor_bytes && word.size() <= 64, "a word has 3 to 64 bytes");
    std::size_t anchor = 0;
    std::size_t best = static_cast<std::size_t>(-1);
    for (std::size_t at = 0; at + anchor_bytes <= word.size(); ++at) {
      const std::size_t common =
          commonness(word[at]) + commonness(word[at + 1]) + commonness(word[at + 2]);
      if (common < best) {
        best = common;
        anchor = at;
      }
    }
    anchors_.push_back(anchor);
    // Words with the same anchor share a bucket.
    const std::string_view bytes = std::string_view(word).substr(anchor, anchor_bytes);
    const std::size_t bucket =
        (folded(bytes[0]) * 7U + folded(bytes[1]) * 3U + folded(bytes[2])) % buckets;
    members_[bucket].push_back(i);
    for (std::size_t k = 0; k < anchor_bytes; ++k) {
      const unsigned char byte = folded(bytes[k]);
      const auto bit = static_cast<unsigned char>(1U << bucket);
      tables_.low[k][byte & 15U] |= bit;
      tables_.high[k][byte >> 4U] |= bit;
    }
  }
}

void LiteralScan::find(std::string_view text, std::vector<Hit>& hits) const {
  hits.clear();
  if (wide_) return find_wide(text, hits);
  scan_bytes(text, 0, [&](std::size_t at, unsigned bits) { compare(text, at, bits, hits); });
}

template <typename Found>
__attribute__((always_inline)) inline void LiteralScan::scan_blocks(const Tables& tables,
                                                                    std::string_view text,
                                                                    Found found) {
  std::array<Block, anchor_bytes> low;
  std::array<Block, anchor_bytes> high;
  std::memcpy(&low, &tables.low, sizeof low);
  std::memcpy(&high, &tables.high, sizeof high);
  for (std::size_t at = 0; at + 16 + anchor_bytes - 1 <= text.size(); at += 16) {
    Block left = ~Block{};
    for (std::size_t k = 0; k < anchor_bytes; ++k) {
      const Block bytes = load(text.data() + at + k) | fold_bit;
      left &= __builtin_shuffle(low[k], bytes & 15) & __builtin_shuffle(high[k], bytes >> 4);
    }
    const auto halves = reinterpret_cast<Words>(left);
    if ((halves[0] | halves[1]) == 0) continue;
    for (std::size_t i = 0; i < 16; ++i) {
      if (left[i] != 0) found(at + i, static_cast<unsigned>(left[i]));
    }
  }
}

template <typename Found>
void LiteralScan::scan_bytes(std::string_view text, std::size_t from, Found found) const {
  for (std::size_t at = from; at + anchor_bytes <= text.size(); ++at) {
    unsigned left = 0xFF;
    for (std::size_t k = 0; k < anchor_bytes && left != 0; ++k) {
      const unsigned char byte = folded(text[at + k]);
      left &= static_cast<unsigned>(tables_.low[k][byte & 15U] & tables_.high[k][byte >> 4U]);
    }
    if (left != 0) found(at, left);
  }
}

YUNJIAN_WIDE void LiteralScan::find_wide(std::string_view text, std::vector<Hit>& hits) const {
  const auto found = [&](std::size_t at, unsigned bits) { compare(text, at, bits, hits); };
  scan_blocks(tables_, text, found);
  // Whole blocks end where sixteen bytes and the rest of an anchor no longer fit.
  const std::size_t done =
      text.size() < 16 + anchor_bytes - 1 ? 0 : (text.size() - (anchor_bytes - 1)) / 16 * 16;
  scan_bytes(text, done, found);
}

void LiteralScan::compare(std::string_view text, std::size_t at, unsigned bucket_bits,
                          std::vector<Hit>& hits) const {
  for (std::size_t bucket = 0; bucket < buckets; ++bucket) {
    if ((bucket_bits >> bucket & 1U) == 0) continue;
    for (const std::size_t index : members_[bucket]) {
      const std::string& word = words_[index];
      if (at < anchors_[index]) continue;
      const std::size_t begin = at - anchors_[index];
      if (word.size() > text.size() - begin) continue;
      const std::string_view there = text.substr(begin, word.size());
      if (std::equal(word.begin(), word.end(), there.begin(),
                     [](char a, char b) { return a == lower(b); }))
        hits.push_back({index, begin});
    }
  }
}

}  // namespace yunjian::agent
