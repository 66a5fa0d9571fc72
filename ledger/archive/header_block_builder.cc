// The writing half of header_block.h.
#include "ledger/archive/header_block.h"
#include "ledger/archive/header_block_format.h"
#include "ledger/archive/integers.h"

namespace yunjian::ledger {

using namespace header_format;

std::uint64_t HeaderBlockBuilder::text_number(const std::string& text) {
  const auto [found, fresh] = known_texts_.try_emplace(text, texts_.size());
  if (fresh) texts_.push_back(text);
  return found->second;
}

bool HeaderBlockBuilder::keep_as_columns(const PartRow& row, std::string_view note,
                                         std::uint64_t& bits) {
  auto sealed = read_header(note, suite_);
  if (!sealed) return false;
  const BatchHeader& header = sealed->header;
  const SignatureLine& line = sealed->note.signatures.front();
  const std::string suffix = "/agent/" + header.agent;
  if (stream_id(header.agent, header.incarnation) != row.stream || header.batch != row.batch ||
      header.first_record != row.first_record || header.records != row.records ||
      line.signature.size() != signature_bytes || !line.name.ends_with(suffix) ||
      header.sealed.time_since_epoch().count() < 0 ||
      format_note(format_header(header), sealed->note.signatures) != note) {
    return false;
  }
  const std::string origin = line.name.substr(0, line.name.size() - suffix.size());
  if (origin_.empty()) origin_ = origin;
  if (origin != origin_) return false;
  const bool follows = before_stream_ == row.stream;
  std::string apart;
  if (!follows || header.previous != before_hash_) {
    bits |= bit_previous;
    apart += as_view(header.previous);
  }
  if (!follows || Verifier(suite_, line.name, before_key_).key_id() != line.key_id) {
    bits |= bit_key_id;
    put_u32be(apart, line.key_id);
  }
  apart_ += apart;
  sealed_.push_back(static_cast<std::uint64_t>(header.sealed.time_since_epoch().count()));
  boot_ms_.push_back(header.boot_ms);
  boot_.push_back(text_number(header.boot_id));
  std::string flags;
  for (const std::string& flag : header.flags) flags += (flags.empty() ? "" : " ") + flag;
  flags_.push_back(text_number(flags));
  roots_ += as_view(header.root);
  keys_ += header.next_key;
  signatures_ += line.signature;
  before_key_ = header.next_key;
  return true;
}

void HeaderBlockBuilder::add(const PartRow& row, std::string_view note) {
  std::uint64_t bits = (row.hollow ? bit_hollow : 0) | (row.fill ? bit_fill : 0);
  if (!row.fill) {
    if (keep_as_columns(row, note, bits)) {
      before_stream_ = row.stream;
      before_hash_ = hasher_.leaf(note);
    } else {
      bits |= bit_whole;
      put_text(whole_, note);
      before_stream_.clear();
    }
  }
  rows_.push_back(row);
  bits_.push_back(bits);
}

std::string HeaderBlockBuilder::finish(Packer& packer) {
  std::string out;
  put_text(out, rows_.front().unit);
  std::vector<std::string_view> streams;
  std::vector<std::string_view> hosts;
  std::vector<std::vector<std::uint64_t>> lists(row_lists);
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    const PartRow& row = rows_[i];
    if (streams.empty() || streams.back() != row.stream) streams.push_back(row.stream);
    if (hosts.empty() || hosts.back() != row.host) hosts.push_back(row.host);
    std::size_t list = 0;
    for (const std::uint64_t value :
         {std::uint64_t{streams.size() - 1}, std::uint64_t{hosts.size() - 1}, row.batch,
          row.first_record, static_cast<std::uint64_t>(row.received.time_since_epoch().count()),
          row.records, bits_[i], row.leaf}) {
      lists[list++].push_back(value);
    }
    for (const LanePlace& lane : row.lanes) {
      lists[list++].push_back(lane.block);
      lists[list++].push_back(lane.row);
      lists[list++].push_back(lane.rows);
    }
  }
  put_varint(out, streams.size());
  for (const std::string_view stream : streams) put_text(out, stream);
  put_varint(out, hosts.size());
  for (const std::string_view host : hosts) put_text(out, host);
  put_varint(out, rows_.size());
  std::string packed;
  for (const auto& list : lists) put_integers(packed, list);
  packer.put(out, packed);
  put_text(out, origin_);
  put_varint(out, sealed_.size());
  packed.clear();
  for (const auto* list : {&sealed_, &boot_ms_, &boot_, &flags_}) put_integers(packed, *list);
  packer.put(out, packed);
  put_varint(out, texts_.size());
  for (const std::string& text : texts_) put_text(out, text);
  for (const std::string* bytes : {&roots_, &keys_, &signatures_, &apart_, &whole_}) {
    packer.put(out, *bytes);
  }
  return out;
}

}  // namespace yunjian::ledger
