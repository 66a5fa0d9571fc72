#pragma once

#include <array>
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
// all words and are rare in logs. Sixteen places are looked at together: the bytes are looked up by
// their halves in tables of which each bit stands for a bucket of anchors. Only where some bucket
// is left, anchors and then words are compared.
class LiteralScan {
 public:
  // Words of 3 to 64 bytes, ASCII letters in lower case; at most words_max.
  static constexpr std::size_t words_max = 256;
  explicit LiteralScan(std::vector<std::string> words);

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

  // Each looks at the anchors that begin in front of `end`, reading anchor_bytes - 1 behind it.
  std::vector<std::string> choose_anchors() const;
  void add_anchor(std::size_t bucket, const std::string& bytes);
  template <typename Found>
  static inline void scan_blocks(const Tables& tables, std::string_view text, Found found);
  template <typename Found>
  void scan_bytes(std::string_view text, std::size_t from, Found found) const;
  void find_wide(std::string_view text, std::vector<Hit>& hits) const;
  void compare(std::string_view text, std::size_t at, unsigned bucket_bits,
               std::vector<Hit>& hits) const;
  void compare_word(std::string_view text, std::size_t at, const Use& use,
                    std::vector<Hit>& hits) const;

  std::vector<std::string> words_;
  std::array<std::vector<Anchor>, buckets> buckets_;
  std::set<std::size_t> anchored_;  // words that an anchor finds, while it is built
  Tables tables_;
  bool wide_ = false;  // the processor can look up sixteen bytes at once
};

}  // namespace yunjian::agent
