#pragma once

#include <array>
#include <bitset>
#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace yunjian::agent {

// Finds a few dozen words in a line, ASCII letters of either case, in a fraction of a nanosecond a
// byte when none is there. Built once, then constant.
//
// Words are found by their anchors: four bytes that are in them, chosen so that few anchors serve
// all words and are rare in logs. 16 or 32 places are looked at together: the bytes are looked up
// by their halves in tables of which each bit stands for a bucket of anchors. Only where some
// bucket is left, anchors and then words are compared.
class LiteralScan {
 public:
  // Words of 3 to 64 bytes, ASCII letters in lower case; at most words_max.
  static constexpr std::size_t words_max = 256;
  // Looks at no more than `places_max` places together (1, 16, 32), whatever the processor can.
  explicit LiteralScan(std::vector<std::string> words, std::size_t places_max = 32);

  struct Hit {
    std::size_t word;   // index
    std::size_t begin;  // in the text
  };
  // Replaces `hits` by all places of all words, in the order of the text as a rule.
  void find(std::string_view text, std::vector<Hit>& hits) const;

 private:
  static constexpr std::size_t anchor_bytes = 4;
  static constexpr std::size_t buckets = 8;
  struct Use {
    std::size_t word;
    std::size_t offset;  // of the anchor in the word
  };
  struct Anchor {
    std::uint32_t bytes = 0;  // folded
    std::uint32_t mask = 0;   // 0 where any byte will do: words of three bytes
    std::vector<Use> uses;
  };
  using Nibbles = std::array<unsigned char, 16>;
  struct Tables {
    std::array<Nibbles, anchor_bytes> low{};
    std::array<Nibbles, anchor_bytes> high{};
  };

  std::vector<std::string> choose_anchors() const;
  void add_anchor(std::size_t bucket, const std::string& bytes);
  std::size_t choose_bucket(const std::string& anchor) const;
  static double passing(const Tables& tables, std::size_t bucket);
  static void add_to(Tables& tables, std::size_t bucket, const std::string& anchor);
  // Calls found(place, buckets) where an anchor may begin; the block is 16 places.
  template <typename Found>
  static inline void scan_block(const Tables& tables, const char* from, Found found);
  template <typename Found>
  void scan_bytes(std::string_view text, Found found) const;
  void find_16(std::string_view text, std::vector<Hit>& hits) const;
  void find_32(std::string_view text, std::vector<Hit>& hits) const;
  void compare(std::string_view text, std::size_t at, unsigned bucket_bits,
               std::vector<Hit>& hits) const;
  void compare_word(std::string_view text, std::size_t at, const Use& use,
                    std::vector<Hit>& hits) const;

  std::vector<std::string> words_;
  std::array<std::vector<Anchor>, buckets> buckets_;
  std::set<std::size_t> anchored_;  // words that an anchor finds, while it is built
  Tables tables_;
  std::bitset<1024> beginnings_;  // hashes of the first three bytes of all anchors
  std::size_t places_ = 1;        // looked at together
};

}  // namespace yunjian::agent
