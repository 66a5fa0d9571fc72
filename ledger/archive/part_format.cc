// How the pieces of a part are written: the grammar in README.md, line for line.
#include <fmt/format.h>
#include <xxhash.h>

#include "ledger/archive/part.h"

namespace yunjian::ledger {
namespace {

constexpr std::string_view trailer_magic("YJPT", 4);
constexpr std::string_view name_suffix = ".part";

Failure damaged(std::string_view what) {
  return fail(ErrorKind::corrupt, "a part is damaged: " + std::string(what));
}

void put_time(std::string& out, Time time) { put_zigzag(out, time.time_since_epoch().count()); }
Time get_time(Unpacker& in) { return Time(std::chrono::microseconds(in.zigzag())); }

void put_totals(std::string& out, const LaneTotals& totals) {
  for (const std::uint64_t value :
       {totals.blocks, totals.rows, totals.line_bytes, totals.stored_bytes}) {
    put_varint(out, value);
  }
  put_time(out, totals.time_min);
  put_time(out, totals.time_max);
}

LaneTotals get_totals(Unpacker& in) {
  LaneTotals totals;
  for (std::uint64_t* value :
       {&totals.blocks, &totals.rows, &totals.line_bytes, &totals.stored_bytes}) {
    *value = in.varint();
  }
  totals.time_min = get_time(in);
  totals.time_max = get_time(in);
  return totals;
}

void put_leaf_groups(std::string& out, const std::vector<LeafGroup>& groups) {
  put_varint(out, groups.size());
  for (const LeafGroup& group : groups) {
    put_varint(out, group.offset);
    put_varint(out, group.first);
  }
}

std::vector<LeafGroup> get_leaf_groups(Unpacker& in) {
  std::vector<LeafGroup> groups(in.count());
  for (LeafGroup& group : groups) {
    group.offset = in.varint();
    group.first = in.varint();
  }
  return groups;
}

void put_numbers(std::string& out, const std::vector<std::uint64_t>& numbers) {
  put_varint(out, numbers.size());
  for (const std::uint64_t number : numbers) put_varint(out, number);
}

std::vector<std::uint64_t> get_numbers(Unpacker& in) {
  std::vector<std::uint64_t> numbers(in.count());
  for (std::uint64_t& number : numbers) number = in.varint();
  return numbers;
}

}  // namespace

std::string encode_footer(const PartFooter& footer) {
  std::string out;
  for (const std::uint64_t value :
       {footer.day, footer.first_leaf, footer.leaf_end, footer.batches, footer.header_bytes,
        footer.index_bytes, footer.level, footer.rule_version, footer.purged}) {
    put_varint(out, value);
  }
  put_text(out, footer.suite);
  for (std::size_t lane = 0; lane < part_lanes; ++lane) {
    put_totals(out, footer.lanes[lane]);
    put_varint(out, footer.lane_groups[lane].size());
    for (const LaneGroup& group : footer.lane_groups[lane]) {
      put_varint(out, group.offset);
      put_varint(out, group.first_block);
      put_varint(out, group.blocks);
      put_time(out, group.time_min);
      put_time(out, group.time_max);
    }
  }
  put_numbers(out, footer.header_blocks);
  put_varint(out, footer.stream_groups.size());
  for (const StreamGroup& group : footer.stream_groups) {
    put_varint(out, group.offset);
    put_text(out, group.first);
  }
  put_leaf_groups(out, footer.leaf_map);
  put_leaf_groups(out, footer.leaves);
  put_numbers(out, footer.fork_bodies);
  return out;
}

Result<PartFooter> decode_footer(std::string_view bytes) {
  Unpacker in(bytes);
  PartFooter footer;
  for (std::uint64_t* value :
       {&footer.day, &footer.first_leaf, &footer.leaf_end, &footer.batches, &footer.header_bytes,
        &footer.index_bytes, &footer.level, &footer.rule_version, &footer.purged}) {
    *value = in.varint();
  }
  footer.suite = in.text();
  for (std::size_t lane = 0; lane < part_lanes; ++lane) {
    footer.lanes[lane] = get_totals(in);
    footer.lane_groups[lane].resize(in.count());
    for (LaneGroup& group : footer.lane_groups[lane]) {
      group.offset = in.varint();
      group.first_block = in.varint();
      group.blocks = in.varint();
      group.time_min = get_time(in);
      group.time_max = get_time(in);
    }
  }
  footer.header_blocks = get_numbers(in);
  footer.stream_groups.resize(in.count());
  for (StreamGroup& group : footer.stream_groups) {
    group.offset = in.varint();
    group.first = in.text();
  }
  footer.leaf_map = get_leaf_groups(in);
  footer.leaves = get_leaf_groups(in);
  footer.fork_bodies = get_numbers(in);
  if (!in.at_end() || footer.leaf_end < footer.first_leaf) return damaged("its footer");
  return footer;
}

std::string encode_lane_index(const std::vector<LaneEntry>& entries) {
  std::string out;
  put_varint(out, entries.size());
  for (const LaneEntry& entry : entries) {
    for (const std::uint64_t value :
         {entry.offset, entry.front_bytes, entry.block_bytes, entry.bloom_offset, entry.bloom_lines,
          entry.facts.rows, entry.facts.line_bytes}) {
      put_varint(out, value);
    }
    put_time(out, entry.facts.time_min);
    put_time(out, entry.facts.time_max);
    put_text(out, entry.unit);
    put_text(out, entry.host_min);
    put_text(out, entry.host_max);
  }
  return out;
}

Result<std::vector<LaneEntry>> decode_lane_index(std::string_view bytes) {
  Unpacker in(bytes);
  std::vector<LaneEntry> entries(in.count());
  for (LaneEntry& entry : entries) {
    for (std::uint64_t* value :
         {&entry.offset, &entry.front_bytes, &entry.block_bytes, &entry.bloom_offset,
          &entry.bloom_lines, &entry.facts.rows, &entry.facts.line_bytes}) {
      *value = in.varint();
    }
    entry.facts.time_min = get_time(in);
    entry.facts.time_max = get_time(in);
    entry.unit = in.text();
    entry.host_min = in.text();
    entry.host_max = in.text();
  }
  if (!in.at_end()) return damaged("an index of blocks");
  return entries;
}

std::string encode_streams(const std::vector<StreamEntry>& entries) {
  std::string out;
  put_varint(out, entries.size());
  for (const StreamEntry& entry : entries) {
    put_text(out, entry.stream);
    out.push_back(entry.fill ? 1 : 0);
    for (const std::uint64_t value :
         {entry.first_batch, entry.last_batch, entry.first_record, entry.record_end, entry.block}) {
      put_varint(out, value);
    }
  }
  return out;
}

Result<std::vector<StreamEntry>> decode_streams(std::string_view bytes) {
  Unpacker in(bytes);
  std::vector<StreamEntry> entries(in.count());
  for (StreamEntry& entry : entries) {
    entry.stream = in.text();
    entry.fill = in.byte() != 0;
    for (std::uint64_t* value : {&entry.first_batch, &entry.last_batch, &entry.first_record,
                                 &entry.record_end, &entry.block}) {
      *value = in.varint();
    }
  }
  if (!in.at_end()) return damaged("an index of streams");
  return entries;
}

std::string encode_leaves(const std::vector<PartLeaf>& leaves) {
  std::string out;
  put_varint(out, leaves.size());
  for (const PartLeaf& leaf : leaves) {
    put_varint(out, leaf.index);
    put_time(out, leaf.received);
    put_text(out, leaf.leaf);
  }
  return out;
}

Result<std::vector<PartLeaf>> decode_leaves(std::string_view bytes) {
  Unpacker in(bytes);
  std::vector<PartLeaf> leaves(in.count());
  for (PartLeaf& leaf : leaves) {
    leaf.index = in.varint();
    leaf.received = get_time(in);
    leaf.leaf = in.text();
  }
  if (!in.at_end()) return damaged("its leaves");
  return leaves;
}

std::string encode_fork_body(const PartForkBody& body) {
  std::string out;
  put_time(out, body.received);
  put_varint(out, body.batch);
  out += as_view(body.leaf_hash);
  put_text(out, body.stream);
  put_text(out, body.body);
  return out;
}

Result<PartForkBody> decode_fork_body(std::string_view bytes) {
  Unpacker in(bytes);
  PartForkBody body;
  body.received = get_time(in);
  body.batch = in.varint();
  const std::string_view hash = in.take(body.leaf_hash.size());
  for (std::size_t i = 0; i < hash.size(); ++i) {
    body.leaf_hash[i] = static_cast<std::uint8_t>(hash[i]);
  }
  body.stream = in.text();
  body.body = in.text();
  if (!in.at_end()) return damaged("a body beside a fork");
  return body;
}

std::string make_trailer(std::uint64_t footer_offset, std::uint64_t number) {
  std::string out;
  put_u64be(out, footer_offset);
  put_u64be(out, number);
  put_u64be(out, XXH3_64bits_withSeed(out.data(), out.size(), part_version));
  put_u32be(out, part_version);
  out += trailer_magic;
  return out;
}

Result<std::uint64_t> read_trailer(std::string_view bytes, std::uint64_t number) {
  if (bytes.size() != part_trailer_bytes || !bytes.ends_with(trailer_magic)) {
    return damaged("its last bytes are not those of a part");
  }
  const std::uint32_t version = get_u32be(bytes.data() + 24);
  if (version != part_version) {
    return fail(ErrorKind::reject,
                fmt::format("it has version {}, this program reads {}: another version wrote it",
                            version, part_version));
  }
  const std::uint64_t offset = get_u64be(bytes.data());
  if (bytes != make_trailer(offset, number)) return damaged("its last bytes");
  return offset;
}

std::string part_name(std::uint64_t number) {
  return fmt::format("{:016x}{}", number, name_suffix);
}

Result<std::uint64_t> part_number(std::string_view name) {
  constexpr std::size_t digits = 16;
  const bool has_form = name.size() == digits + name_suffix.size() && name.ends_with(name_suffix);
  auto raw = from_hex(has_form ? name.substr(0, digits) : "?");
  if (!raw) return fail(ErrorKind::reject, fmt::format("not the name of a part: {}", name));
  return get_u64be(raw->data());
}

}  // namespace yunjian::ledger
