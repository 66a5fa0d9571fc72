#include "ledger/archive/wal_entry.h"

#include <fmt/format.h>

#include <algorithm>

namespace yunjian::ledger {
namespace {

enum SpanBits : std::uint8_t {
  bit_event = 1,
  bit_usage = 2,
  bit_hour = 4,
  bit_timed = 8,
  bit_untimed = 16,
  bit_hollow = 32,
  bits_all = 63,
};

void put_u8(std::string& out, std::size_t value) {
  require(value <= 0xff, "a name in a WAL entry is longer than 255 bytes");
  out.push_back(static_cast<char>(value));
}

void put_u16be(std::string& out, std::size_t value) {
  require(value <= 0xffff, "a header in a WAL entry is longer than 65535 bytes");
  out.push_back(static_cast<char>(value >> 8));
  out.push_back(static_cast<char>(value & 0xff));
}

void put_time(std::string& out, Time time) {
  const std::int64_t us = time.time_since_epoch().count();
  require(us >= 0, "a time before 1970 in a WAL entry");
  put_u64be(out, static_cast<std::uint64_t>(us));
}

void put_span(std::string& out, const BodySpan& span, bool hollow) {
  unsigned bits = 0;
  if (span.event) bits |= bit_event;
  if (span.usage) bits |= bit_usage;
  if (span.hour) bits |= bit_hour;
  if (span.timed) bits |= bit_timed;
  if (span.untimed) bits |= bit_untimed;
  if (hollow) bits |= bit_hollow;
  put_u8(out, bits);
  put_time(out, span.time_min);
  put_time(out, span.time_max);
}

// Takes fields off the front of a payload; once one is missing, `bad()` stays true.
class Cursor {
 public:
  explicit Cursor(std::string_view rest) : rest_(rest) {}

  std::string_view bytes(std::size_t count) {
    if (bad_ || rest_.size() < count) {
      bad_ = true;
      return {};
    }
    const std::string_view taken = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return taken;
  }
  std::size_t u8() {
    const std::string_view at = bytes(1);
    return bad_ ? 0 : static_cast<unsigned char>(at[0]);
  }
  std::size_t u16be() {
    const std::size_t high = u8();
    return high << 8 | u8();
  }
  std::uint64_t u64be() {
    const std::string_view at = bytes(8);
    return bad_ ? 0 : get_u64be(at.data());
  }
  Time time() {
    const std::uint64_t us = u64be();
    if (us >> 63 != 0) bad_ = true;
    return Time(std::chrono::microseconds(bad_ ? 0 : static_cast<std::int64_t>(us)));
  }
  Hash hash() {
    Hash hash{};
    const std::string_view at = bytes(hash.size());
    std::ranges::transform(at, hash.begin(), [](char c) { return static_cast<std::uint8_t>(c); });
    return hash;
  }
  BodySpan span(bool* hollow) {
    const std::size_t bits = u8();
    if ((bits & ~std::size_t{bits_all}) != 0 || (hollow == nullptr && (bits & bit_hollow) != 0)) {
      bad_ = true;
    }
    if (hollow != nullptr) *hollow = (bits & bit_hollow) != 0;
    BodySpan span;
    span.event = (bits & bit_event) != 0;
    span.usage = (bits & bit_usage) != 0;
    span.hour = (bits & bit_hour) != 0;
    span.timed = (bits & bit_timed) != 0;
    span.untimed = (bits & bit_untimed) != 0;
    span.time_min = time();
    span.time_max = time();
    return span;
  }
  std::string_view rest() { return bytes(rest_.size()); }
  bool bad() const { return bad_; }

 private:
  std::string_view rest_;
  bool bad_ = false;
};

WalBatch read_batch(Cursor& in) {
  WalBatch batch;
  batch.received = in.time();
  batch.span = in.span(&batch.hollow);
  const std::size_t unit_bytes = in.u8();
  const std::size_t host_bytes = in.u8();
  const std::size_t header_bytes = in.u16be();
  batch.unit = in.bytes(unit_bytes);
  batch.host = in.bytes(host_bytes);
  batch.header = in.bytes(header_bytes);
  batch.body = in.rest();
  return batch;
}

WalBodyFill read_body_fill(Cursor& in) {
  WalBodyFill fill;
  fill.received = in.time();
  fill.span = in.span(nullptr);
  fill.batch = in.u64be();
  fill.stream = in.bytes(in.u8());
  fill.body = in.rest();
  return fill;
}

WalForkBody read_fork_body(Cursor& in) {
  WalForkBody fork;
  fork.received = in.time();
  fork.batch = in.u64be();
  fork.leaf_hash = in.hash();
  fork.stream = in.bytes(in.u8());
  fork.body = in.rest();
  return fork;
}

Failure cut(std::string_view name) {
  return fail(ErrorKind::corrupt, fmt::format("WAL entry of type {} is cut or malformed", name));
}

struct HeadWriter {
  std::string& out;

  void operator()(const WalBatch& batch) const {
    put_time(out, batch.received);
    put_span(out, batch.span, batch.hollow);
    put_u8(out, batch.unit.size());
    put_u8(out, batch.host.size());
    put_u16be(out, batch.header.size());
    out.append(batch.unit).append(batch.host).append(batch.header);
  }
  void operator()(const WalLeaf& leaf) const { put_time(out, leaf.received); }
  void operator()(const WalBodyFill& fill) const {
    put_time(out, fill.received);
    put_span(out, fill.span, false);
    put_u64be(out, fill.batch);
    put_u8(out, fill.stream.size());
    out.append(fill.stream);
  }
  void operator()(const WalForkBody& fork) const {
    put_time(out, fork.received);
    put_u64be(out, fork.batch);
    out.append(as_view(fork.leaf_hash));
    put_u8(out, fork.stream.size());
    out.append(fork.stream);
  }
  void operator()(const WalOwnRecord& record) const { put_time(out, record.received); }
};

struct TailReader {
  std::string_view operator()(const WalBatch& batch) const { return batch.body; }
  std::string_view operator()(const WalLeaf& leaf) const { return leaf.leaf; }
  std::string_view operator()(const WalBodyFill& fill) const { return fill.body; }
  std::string_view operator()(const WalForkBody& fork) const { return fork.body; }
  std::string_view operator()(const WalOwnRecord& record) const { return record.line; }
};

}  // namespace

WalType wal_type(const WalEntry& entry) { return static_cast<WalType>(entry.index() + 1); }

void encode_wal_head(const WalEntry& entry, std::string& out) {
  out.clear();
  std::visit(HeadWriter{out}, entry);
}

std::string_view wal_tail(const WalEntry& entry) { return std::visit(TailReader{}, entry); }

Result<WalEntry> decode_wal_entry(std::uint8_t type, std::string_view payload) {
  Cursor in(payload);
  switch (static_cast<WalType>(type)) {
    case WalType::batch: {
      const WalBatch batch = read_batch(in);
      if (in.bad()) return cut("batch");
      return batch;
    }
    case WalType::leaf: {
      const Time received = in.time();
      const WalLeaf leaf{received, in.rest()};
      if (in.bad()) return cut("leaf");
      return leaf;
    }
    case WalType::body_fill: {
      const WalBodyFill fill = read_body_fill(in);
      if (in.bad()) return cut("body fill");
      return fill;
    }
    case WalType::fork_body: {
      const WalForkBody fork = read_fork_body(in);
      if (in.bad()) return cut("fork body");
      return fork;
    }
    case WalType::own_record: {
      const Time received = in.time();
      const WalOwnRecord record{received, in.rest()};
      if (in.bad()) return cut("own record");
      return record;
    }
  }
  return fail(
      ErrorKind::corrupt,
      fmt::format("WAL entry of unknown type {}: another version may have written it", type));
}

}  // namespace yunjian::ledger
