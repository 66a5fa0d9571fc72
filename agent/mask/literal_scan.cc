#include "agent/mask/literal_scan.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <map>
#include <set>

#include "ledger/base/result.h"

// A lookup of sixteen bytes in a table of sixteen: pshufb on x86, tbl on ARM.
#if defined(__x86_64__)
#include <immintrin.h>
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

// How many places this processor can look at together.
std::size_t places_at_once() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2") != 0) return 32;
  return __builtin_cpu_supports("ssse3") != 0 ? 16 : 1;
#else
  return 16;
#endif
}

Block load(const void* from) {
  Block block;
  std::memcpy(&block, from, sizeof block);
  return block;
}

// How often a byte stands in a log, roughly.
double byte_weight(unsigned byte) {
  if (byte < ' ' || byte == 0x7F) return 0.01;
  if (byte >= 0x80) return 0.5;
  if (byte >= 'A' && byte <= 'Z') return 0.2;
  return static_cast<double>(commonness(static_cast<char>(byte)) + 1) / 8;
}

// The first three bytes of an anchor, mixed.
std::size_t beginning(std::uint32_t folded_bytes) {
  return (folded_bytes & 0xFFFFFFU) * 0x9E3779B1U >> 22U;
}

}  // namespace

LiteralScan::LiteralScan(std::vector<std::string> words, std::size_t places_max)
    : words_(std::move(words)) {
  ledger::require(words_.size() <= words_max, "a scan has few words");
  places_ = std::min(places_at_once(), places_max);
  for (const std::string& word : words_)
    ledger::require(word.size() >= 3 && word.size() <= 64, "a word has 3 to 64 bytes");
  // Sorted, so that anchors that begin alike meet in a bucket; short ones, which let most pass,
  // first.
  auto anchors = choose_anchors();
  std::sort(anchors.begin(), anchors.end(), [](const std::string& a, const std::string& b) {
    return a.size() != b.size() ? a.size() < b.size() : a < b;
  });
  for (const auto& anchor : anchors) add_anchor(choose_bucket(anchor), anchor);
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

// Where it makes the fewest places pass that are no anchor, judged by how common bytes are.
std::size_t LiteralScan::choose_bucket(const std::string& anchor) const {
  std::size_t best = 0;
  double best_worse = 0;
  for (std::size_t bucket = 0; bucket < buckets; ++bucket) {
    Tables with = tables_;
    add_to(with, bucket, anchor);
    const double worse = passing(with, bucket) - passing(tables_, bucket);
    if (bucket > 0 && worse >= best_worse) continue;
    best = bucket;
    best_worse = worse;
  }
  return best;
}

// The share of places that pass the tables of a bucket.
double LiteralScan::passing(const Tables& tables, std::size_t bucket) {
  double share = 1;
  for (std::size_t k = 0; k < anchor_bytes; ++k) {
    double all = 0;
    double passed = 0;
    for (unsigned byte = 0; byte < 256; ++byte) {
      const double weight = byte_weight(byte);
      all += weight;
      if ((tables.low[k][byte & 15U] & tables.high[k][byte >> 4U]) >> bucket & 1U) passed += weight;
    }
    share *= passed / all;
  }
  return share;
}

void LiteralScan::add_to(Tables& tables, std::size_t bucket, const std::string& anchor) {
  const auto bit = static_cast<unsigned char>(1U << bucket);
  for (std::size_t k = 0; k < anchor_bytes; ++k) {
    if (k >= anchor.size()) {
      for (auto& half : tables.low[k]) half |= bit;
      for (auto& half : tables.high[k]) half |= bit;
      continue;
    }
    // Both cases of a letter, so that the text need not be folded.
    const unsigned byte_folded = folded(anchor[k]);
    for (const unsigned byte : {byte_folded, byte_folded & ~unsigned{fold_bit}}) {
      tables.low[k][byte & 15U] |= bit;
      tables.high[k][byte >> 4U] |= bit;
    }
  }
}

void LiteralScan::add_anchor(std::size_t bucket, const std::string& bytes) {
  add_to(tables_, bucket, bytes);
  Anchor anchor;
  for (std::size_t k = 0; k < bytes.size(); ++k) {
    anchor.bytes |= static_cast<std::uint32_t>(folded(bytes[k])) << (8 * k);
    anchor.mask |= 0xFFU << (8 * k);
  }
  for (std::size_t word = 0; word < words_.size(); ++word) {
    // One anchor finds a word; its first place is as good as any.
    const std::size_t offset = words_[word].find(bytes);
    const bool fits = bytes.size() == anchor_bytes || words_[word] == bytes;
    if (offset != std::string::npos && fits && anchored_.insert(word).second)
      anchor.uses.push_back({word, offset});
  }
  beginnings_.set(beginning(anchor.bytes));
  buckets_[bucket].push_back(std::move(anchor));
}

void LiteralScan::find(std::string_view text, std::vector<Hit>& hits) const {
  hits.clear();
  const auto found = [&](std::size_t at, unsigned bits) { compare(text, at, bits, hits); };
  if (text.size() < 3) return;
  if (places_ == 32) {
    find_32(text, hits);
  } else if (places_ == 16) {
    find_16(text, hits);
  } else {
    scan_bytes(text, found);
  }
}

template <typename Found>
__attribute__((always_inline)) inline void LiteralScan::scan_block(const Tables& tables,
                                                                   const char* from, Found found) {
  Block left = ~Block{};
#pragma GCC unroll 4
  for (std::size_t k = 0; k < anchor_bytes; ++k) {
    const Block bytes = load(from + k);
    left &= __builtin_shuffle(load(tables.low[k].data()), bytes & 15) &
            __builtin_shuffle(load(tables.high[k].data()), bytes >> 4);
  }
  const auto halves = reinterpret_cast<Words>(left);
  if ((halves[0] | halves[1]) == 0) return;
  for (std::size_t half = 0; half < 2; ++half) {
    for (std::uint64_t rest = halves[half]; rest != 0;) {
      const auto i = static_cast<unsigned>(std::countr_zero(rest)) / 8;
      found(half * 8 + i, static_cast<unsigned>(rest >> (8 * i)) & 0xFFU);
      rest &= ~(0xFFULL << (8 * i));
    }
  }
}

template <typename Found>
void LiteralScan::scan_bytes(std::string_view text, Found found) const {
  for (std::size_t at = 0; at + 3 <= text.size(); ++at) {
    unsigned left = 0xFF;
    for (std::size_t k = 0; k < std::min(anchor_bytes, text.size() - at) && left != 0; ++k) {
      const auto byte = static_cast<unsigned char>(text[at + k]);
      left &= static_cast<unsigned>(tables_.low[k][byte & 15U] & tables_.high[k][byte >> 4U]);
    }
    if (left != 0) found(at, left);
  }
}

YUNJIAN_WIDE void LiteralScan::find_16(std::string_view text, std::vector<Hit>& hits) const {
  constexpr std::size_t read_bytes = 16 + anchor_bytes - 1;
  std::size_t at = 0;
  const auto found = [&](std::size_t i, unsigned bits) { compare(text, at + i, bits, hits); };
  for (; at + read_bytes <= text.size(); at += 16) scan_block(tables_, text.data() + at, found);
  // The rest has at most 16 places where three bytes may begin.
  std::array<char, read_bytes> rest{};
  std::memcpy(rest.data(), text.data() + at, text.size() - at);
  scan_block(tables_, rest.data(), found);
}

// As find_16, twice as wide.
#if defined(__x86_64__)
__attribute__((target("avx2"))) void LiteralScan::find_32(std::string_view text,
                                                          std::vector<Hit>& hits) const {
  constexpr std::size_t read_bytes = 32 + anchor_bytes - 1;
  std::array<std::array<Nibbles, 2>, anchor_bytes> low;
  std::array<std::array<Nibbles, 2>, anchor_bytes> high;
  for (std::size_t k = 0; k < anchor_bytes; ++k) {
    low[k].fill(tables_.low[k]);
    high[k].fill(tables_.high[k]);
  }
  const __m256i nibble = _mm256_set1_epi8(15);
  std::array<char, read_bytes> rest{};
  for (std::size_t at = 0; at + 3 <= text.size(); at += 32) {
    const char* from = text.data() + at;
    if (at + read_bytes > text.size()) {
      std::memcpy(rest.data(), from, text.size() - at);
      from = rest.data();
    }
    __m256i left = _mm256_set1_epi8(-1);
#pragma GCC unroll 4
    for (std::size_t k = 0; k < anchor_bytes; ++k) {
      __m256i bytes;
      __m256i lower;
      __m256i upper;
      std::memcpy(&bytes, from + k, sizeof bytes);
      std::memcpy(&lower, &low[k], sizeof lower);
      std::memcpy(&upper, &high[k], sizeof upper);
      const __m256i by_upper = _mm256_and_si256(_mm256_srli_epi16(bytes, 4), nibble);
      lower = _mm256_shuffle_epi8(lower, _mm256_and_si256(bytes, nibble));
      left = _mm256_and_si256(left, lower);
      left = _mm256_and_si256(left, _mm256_shuffle_epi8(upper, by_upper));
    }
    const __m256i none = _mm256_cmpeq_epi8(left, _mm256_setzero_si256());
    std::uint32_t places = ~static_cast<std::uint32_t>(_mm256_movemask_epi8(none));
    if (places == 0) continue;
    std::array<unsigned char, 32> bits;
    std::memcpy(bits.data(), &left, sizeof bits);
    for (; places != 0; places &= places - 1) {
      const auto i = static_cast<std::size_t>(std::countr_zero(places));
      compare(text, at + i, bits[i], hits);
    }
  }
}
#else
void LiteralScan::find_32(std::string_view text, std::vector<Hit>& hits) const {
  find_16(text, hits);
}
#endif

void LiteralScan::compare(std::string_view text, std::size_t at, unsigned bucket_bits,
                          std::vector<Hit>& hits) const {
  if (at + 3 > text.size()) return;  // behind the end, or no word
  std::uint32_t there = 0;
  if (at + anchor_bytes > text.size()) {
    std::memcpy(&there, text.data() + at, text.size() - at);
  } else {
    std::memcpy(&there, text.data() + at, anchor_bytes);
  }
  if constexpr (std::endian::native == std::endian::big) there = __builtin_bswap32(there);
  there |= fold_bit * 0x01010101U;
  if (!beginnings_.test(beginning(there))) return;
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
