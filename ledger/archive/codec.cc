#include "ledger/archive/codec.h"

#include <zstd.h>

#include <memory>

namespace yunjian::ledger {
namespace {

constexpr std::size_t worth_packing_bytes = 48;

struct ContextDeleter {
  void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
};

}  // namespace

void put_varint(std::string& out, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) out.push_back(static_cast<char>(value | 0x80));
  out.push_back(static_cast<char>(value));
}

void put_zigzag(std::string& out, std::int64_t value) {
  const auto bits = static_cast<std::uint64_t>(value);
  put_varint(out, (bits << 1) ^ (value < 0 ? ~std::uint64_t{0} : 0));
}

void put_text(std::string& out, std::string_view text) {
  put_varint(out, text.size());
  out += text;
}

std::uint64_t Unpacker::varint() {
  std::uint64_t value = 0;
  for (unsigned shift = 0; shift < 64; shift += 7) {
    if (at_ >= bytes_.size()) break;
    const auto byte = static_cast<unsigned char>(bytes_[at_++]);
    if (shift == 63 && byte > 1) break;
    value |= static_cast<std::uint64_t>(byte & 0x7fU) << shift;
    if (byte < 0x80) return good_ ? value : 0;
  }
  good_ = false;
  return 0;
}

std::int64_t Unpacker::zigzag() {
  const std::uint64_t bits = varint();
  return static_cast<std::int64_t>((bits >> 1) ^ (~(bits & 1) + 1));
}

std::string_view Unpacker::take(std::uint64_t count) {
  if (!good_ || count > bytes_.size() - at_) {
    good_ = false;
    return {};
  }
  const std::string_view taken = bytes_.substr(at_, count);
  at_ += count;
  return taken;
}

std::string_view Unpacker::text() { return take(varint()); }

std::uint64_t Unpacker::u64be() {
  const std::string_view bytes = take(8);
  return good_ ? get_u64be(bytes.data()) : 0;
}

std::uint32_t Unpacker::u32be() {
  const std::string_view bytes = take(4);
  return good_ ? get_u32be(bytes.data()) : 0;
}

std::uint8_t Unpacker::byte() {
  const std::string_view bytes = take(1);
  return good_ ? static_cast<std::uint8_t>(bytes[0]) : 0;
}

std::uint64_t Unpacker::count() {
  const std::uint64_t count = varint();
  if (count <= bytes_.size() - at_) return count;
  good_ = false;
  return 0;
}

struct Packer::Impl {
  ZSTD_CCtx* context;
  std::string buffer;
};

Packer::Packer(int level) : impl_(new Impl{ZSTD_createCCtx(), {}}) {
  require(impl_->context != nullptr, "zstd has memory for a context");
  ZSTD_CCtx_setParameter(impl_->context, ZSTD_c_compressionLevel, level);
  ZSTD_CCtx_setParameter(impl_->context, ZSTD_c_checksumFlag, 1);
}

Packer::~Packer() {
  ZSTD_freeCCtx(impl_->context);
  delete impl_;
}

void Packer::put(std::string& out, std::string_view bytes) {
  std::string_view stored = bytes;
  bool packed = false;
  if (bytes.size() >= worth_packing_bytes) {
    impl_->buffer.resize(ZSTD_compressBound(bytes.size()));
    const std::size_t size = ZSTD_compress2(impl_->context, impl_->buffer.data(),
                                            impl_->buffer.size(), bytes.data(), bytes.size());
    require(ZSTD_isError(size) == 0, "zstd compresses what is in memory");
    packed = size < bytes.size();
    if (packed) stored = std::string_view(impl_->buffer).substr(0, size);
  }
  out.push_back(packed ? 1 : 0);
  put_varint(out, bytes.size());
  put_varint(out, stored.size());
  out += stored;
}

Result<std::string> unpack(Unpacker& in) {
  const std::uint8_t form = in.byte();
  const std::uint64_t raw = in.varint();
  const std::string_view stored = in.take(in.varint());
  if (!in.good() || form > 1 || raw > packed_bytes_max) {
    return fail(ErrorKind::corrupt, "a packed stream is not whole");
  }
  if (form == 0) {
    if (raw != stored.size()) return fail(ErrorKind::corrupt, "a stream has another length");
    return std::string(stored);
  }
  thread_local const std::unique_ptr<ZSTD_DCtx, ContextDeleter> context(ZSTD_createDCtx());
  std::string bytes(raw, '\0');
  const std::size_t size =
      ZSTD_decompressDCtx(context.get(), bytes.data(), bytes.size(), stored.data(), stored.size());
  if (ZSTD_isError(size) != 0 || size != raw) {
    return fail(ErrorKind::corrupt, "a packed stream does not decode");
  }
  return bytes;
}

}  // namespace yunjian::ledger
