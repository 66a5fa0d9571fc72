#include "agent/positions.h"

#include "ledger/base/bytes.h"

namespace yunjian::agent {
namespace {

void put_text(std::string& out, std::string_view text) {
  ledger::put_u32be(out, static_cast<std::uint32_t>(text.size()));
  out += text;
}

// Cuts one text off the front; false when it is not whole.
bool take_text(std::string_view& bytes, std::string& text) {
  if (bytes.size() < 4) return false;
  const std::size_t size = ledger::get_u32be(bytes.data());
  bytes.remove_prefix(4);
  if (bytes.size() < size) return false;
  text = bytes.substr(0, size);
  bytes.remove_prefix(size);
  return true;
}

}  // namespace

std::string encode_positions(const Positions& positions) {
  std::string out;
  for (const auto& [name, position] : positions) {
    put_text(out, name);
    put_text(out, position);
  }
  return out;
}

ledger::Result<Positions> decode_positions(std::string_view bytes) {
  Positions positions;
  while (!bytes.empty()) {
    std::string name;
    std::string position;
    if (!take_text(bytes, name) || !take_text(bytes, position)) {
      return ledger::fail(ledger::ErrorKind::corrupt, "the source positions are not whole");
    }
    positions.insert_or_assign(std::move(name), std::move(position));
  }
  return positions;
}

}  // namespace yunjian::agent
