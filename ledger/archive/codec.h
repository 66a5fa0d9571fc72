#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "ledger/base/bytes.h"

namespace yunjian::ledger {

// What the pieces of a part are written with. Numbers are LEB128 varints, signed ones in zigzag
// form; texts are a varint length and bytes.
void put_varint(std::string& out, std::uint64_t value);
void put_zigzag(std::string& out, std::int64_t value);
void put_text(std::string& out, std::string_view text);

// Differences are taken modulo 2^64, so that any two values have one.
constexpr std::int64_t difference(std::uint64_t value, std::uint64_t before) {
  return static_cast<std::int64_t>(value - before);
}

// Reads what the functions above wrote; never beyond the end. After the first thing that is not
// whole it gives zeros and empty texts, and good() is false.
class Unpacker {
 public:
  explicit Unpacker(std::string_view bytes) : bytes_(bytes) {}
  std::uint64_t varint();
  std::int64_t zigzag();
  std::string_view text();
  std::string_view take(std::uint64_t count);
  std::uint64_t u64be();
  std::uint32_t u32be();
  std::uint8_t byte();
  // A varint that counts things of which each takes a byte at least, hence is never larger than
  // what is left; so that hostile counts cost nothing.
  std::uint64_t count();
  bool good() const { return good_; }
  bool at_end() const { return good_ && at_ == bytes_.size(); }
  std::string_view rest() const { return bytes_.substr(at_); }

 private:
  std::string_view bytes_;
  std::size_t at_ = 0;
  bool good_ = true;
};

// A stream of bytes as it lies in a piece: `stored` u8 0 raw | 1 zstd, raw length varint, stored
// length varint, bytes. zstd has a content checksum.
class Packer {
 public:
  explicit Packer(int level);
  ~Packer();
  Packer(const Packer&) = delete;
  Packer& operator=(const Packer&) = delete;
  void put(std::string& out, std::string_view bytes);

 private:
  struct Impl;
  Impl* impl_;
};
inline constexpr std::uint64_t packed_bytes_max = 32U << 20;  // of one stream, raw
// Corrupt: not whole, longer than packed_bytes_max, another length than stated.
Result<std::string> unpack(Unpacker& in);

}  // namespace yunjian::ledger
