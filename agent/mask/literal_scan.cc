#include "agent/mask/literal_scan.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <map>
#include <set>

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
  for (const std::string& word : words_)
    ledger::require(word.size() >= 3 && word.size() <= 64, "a word has 3 to 64 bytes");
  // Sorted, so that anchors that begin alike share a bucket and its tables stay thin.
  auto anchors = choose_anchors();
  std::sort(anchors.begin(), anchors.end());
  for (std::size_t i = 0; i < anchors.size(); ++i)
    add_anchor(i * buckets / anchors.size(), anchors[i]);
}

// Greedy: the anchor that serves most of the words that have none yet; common bytes weigh against.
std::vector<std::string> LiteralScan::choose_anchors() const {
  std::vector<std::string> chosen;
  std::vector<const std::string*> open;
  for (const auto& word : words_) open.push_back(&word);
  while (!open.empty()) {
    std::map<std::string, std::size_t> served;
    for (const auto* word : open) {
      std::set<std::string> grams;
      for (std::size_t at = 0; at == 0 || at + anchor_bytes <= word->size(); ++at)
        grams.insert(word->substr(at, anchor_bytes));
      for (const auto& gram : grams) ++served[gram];
    }
    const auto worth = [](const auto& entry) {
      std::size_t common = 0;
      for (const char c : entry.first) common += commonness(c);
      return static_cast<std::ptrdiff_t>(entry.second * 40) - static_cast<std::ptrdiff_t>(common);
    };
    const auto best =
        std::max_element(served.begin(), served.end(),
                         [&](const auto& a, const auto& b) { return worth(a) < worth(b); });
    const std::string anchor = best->first;
    std::erase_if(open, [&](const std::string* word) {
      return word->find(anchor) != std::string::npos &&
             (anchor.size() == anchor_bytes || *word == anchor);
    });
    chosen.push_back(anchor);
  }
  return chosen;
}

void LiteralScan::add_anchor(std::size_t bucket, const std::string& bytes) {
  const auto bit = static_cast<unsigned char>(1U << bucket);
  Anchor anchor;
  for (std::size_t k = 0; k < anchor_bytes; ++k) {
    if (k >= bytes.size()) {
      for (auto& half : tables_.low[k]) half |= bit;
      for (auto& half : tables_.high[k]) half |= bit;
      continue;
    }
    const unsigned char byte = folded(bytes[k]);
    tables_.low[k][byte & 15U] |= bit;
    tables_.high[k][byte >> 4U] |= bit;
    anchor.bytes |= static_cast<std::uint32_t>(byte) << (8 * k);
    anchor.mask |= 0xFFU << (8 * k);
  }
  for (std::size_t word = 0; word < words_.size(); ++word) {
    // One anchor finds a word; its first place is as good as any.
    const std::size_t offset = words_[word].find(bytes);
    const bool fits = bytes.size() == anchor_bytes || words_[word] == bytes;
    if (offset != std::string::npos && fits && anchored_.insert(word).second)
      anchor.uses.push_back({word, offset});
  }
  buckets_[bucket].push_back(std::move(anchor));
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
  for (std::size_t at = from; at + 3 <= text.size(); ++at) {
    unsigned left = 0xFF;
    for (std::size_t k = 0; k < std::min(anchor_bytes, text.size() - at) && left != 0; ++k) {
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
  std::uint32_t there = 0;
  for (std::size_t k = 0; k < std::min(anchor_bytes, text.size() - at); ++k)
    there |= static_cast<std::uint32_t>(folded(text[at + k])) << (8 * k);
  for (; bucket_bits != 0; bucket_bits &= bucket_bits - 1) {
    for (const Anchor& anchor : buckets_[static_cast<std::size_t>(std::countr_zero(bucket_bits))]) {
      if ((there & anchor.mask) != anchor.bytes) continue;
      for (const Use& use : anchor.uses) compare_word(text, at, use, hits);
    }
  }
}

void LiteralScan::compare_word(std::string_view text, std::size_t at, const Use& use,
                               std::vector<Hit>& hits) const {
  const std::string& word = words_[use.word];
  if (at < use.offset) return;
  const std::size_t begin = at - use.offset;
  if (word.size() > text.size() - begin) return;
  const std::string_view found = text.substr(begin, word.size());
  if (std::equal(word.begin(), word.end(), found.begin(),
                 [](char a, char b) { return a == lower(b); }))
    hits.push_back({use.word, begin});
}

}  // namespace yunjian::agent
