#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace yunjian::agent {

// Finds a few dozen words in a line, ASCII letters of either case, in a fraction of a nanosecond a
// byte when none is there. Built once, then constant.
//
// Sixteen places are looked at together: three bytes of each word, its rarest, are looked up by
// their halves in tables of which each bit stands for a bucket of words. Only where some bucket is
// left, words are compared.
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
  static constexpr std::size_t anchor_bytes = 3;
  static constexpr std::size_t buckets = 8;
  using Nibbles = std::array<unsigned char, 16>;
  struct Tables {
    std::array<Nibbles, anchor_bytes> low{};
    std::array<Nibbles, anchor_bytes> high{};
  };

  // Each looks at the anchors that begin in front of `end`, reading anchor_bytes - 1 behind it.
  template <typename Found>
  static inline void scan_blocks(const Tables& tables, std::string_view text, Found found);
  template <typename Found>
  void scan_bytes(std::string_view text, std::size_t from, Found found) const;
  void find_wide(std::string_view text, std::vector<Hit>& hits) const;
  void compare(std::string_view text, std::size_t at, unsigned bucket_bits,
               std::vector<Hit>& hits) const;

  std::vector<std::string> words_;
  std::vector<std::size_t> anchors_;  // of each word: where its rarest three bytes are
  std::array<std::vector<std::size_t>, buckets> members_;  // word indexes
  Tables tables_;
  bool wide_ = false;  // the processor can look up sixteen bytes at once
};

}  // namespace yunjian::agent
