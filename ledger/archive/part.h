#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ledger/archive/header_block.h"
#include "ledger/archive/lane_block.h"

namespace yunjian::ledger {

// What a part is made of; its grammar is in README.md. A part holds what one stretch of the log
// brought on one UTC day of commit: batches with their lines in columns, other leaves, bodies
// beside forks. Immutable.
inline constexpr std::size_t part_trailer_bytes = 32;
inline constexpr std::uint32_t part_version = 1;

enum class PartPiece : std::uint8_t {
  lane_block = 1,
  header_block = 2,
  blooms = 3,
  lane_index = 4,  // of up to index_blocks_max lane blocks
  streams = 5,     // which header blocks hold which batches
  leaf_map = 6,    // row of each leaf
  leaves = 7,      // leaves that are no headers
  fork_body = 8,
  footer = 9,
};

enum class PartLane : std::uint8_t { event = 0, usage = 1, hour = 2 };

// A line with what its writer knows of it.
struct PartLine {
  std::string_view line;
  PartLane lane = PartLane::event;
  Time time{};  // of the record, or of the commit when it has none
};

struct PartLeaf {  // a leaf that is no header
  std::uint64_t index = 0;
  Time received{};
  std::string leaf;
};

struct PartForkBody {
  Time received{};
  std::uint64_t batch = 0;
  Hash leaf_hash{};
  std::string stream;
  std::string body;
};

// Where a lane block lies and what is in it.
struct LaneEntry {
  std::uint64_t offset = 0;  // of its piece in the file
  std::uint64_t front_bytes = 0;
  std::uint64_t block_bytes = 0;
  std::uint64_t bloom_offset = 0;  // of its first line in the file
  std::uint64_t bloom_lines = 0;   // 0: it has no filter
  BlockFacts facts;
  std::string unit;
  std::string host_min;  // hosts are in order within a unit
  std::string host_max;
};

// Header block `block` holds the batches [first_batch, last_batch] of a stream, or their late
// bodies.
struct StreamEntry {
  std::string stream;
  bool fill = false;
  std::uint64_t first_batch = 0;
  std::uint64_t last_batch = 0;
  std::uint64_t first_record = 0;
  std::uint64_t record_end = 0;
  std::uint64_t block = 0;
};

// A group of entries under one piece, with what a search prunes by.
struct LaneGroup {
  std::uint64_t offset = 0;
  std::uint64_t first_block = 0;
  std::uint64_t blocks = 0;
  Time time_min{};
  Time time_max{};
};
struct StreamGroup {
  std::uint64_t offset = 0;
  std::string first;  // stream
};
struct LeafGroup {
  std::uint64_t offset = 0;
  std::uint64_t first = 0;  // leaf
};

struct LaneTotals {
  std::uint64_t blocks = 0;
  std::uint64_t rows = 0;
  std::uint64_t line_bytes = 0;
  std::uint64_t stored_bytes = 0;
  Time time_min{};
  Time time_max{};
};

// Everything else is found from here; kept in memory for every part.
struct PartFooter {
  std::uint64_t day = 0;  // since 1970, UTC, of the commits
  std::uint64_t first_leaf = 0;
  std::uint64_t leaf_end = 0;
  std::uint64_t batches = 0;
  std::uint64_t header_bytes = 0;  // stored
  std::uint64_t index_bytes = 0;   // stored: blooms, indexes, maps
  std::uint64_t level = 0;         // how often it was merged
  std::uint64_t rule_version = 0;  // of its derived fields
  std::uint64_t purged = 0;        // 0, or the mark of the retention that let its bodies go
  std::string suite;
  std::array<LaneTotals, part_lanes> lanes;
  std::array<std::vector<LaneGroup>, part_lanes> lane_groups;
  std::vector<std::uint64_t> header_blocks;  // offsets
  std::vector<StreamGroup> stream_groups;
  std::vector<LeafGroup> leaf_map;
  std::vector<LeafGroup> leaves;
  std::vector<std::uint64_t> fork_bodies;
};

inline constexpr std::size_t index_blocks_max = 256;       // of one lane index
inline constexpr std::size_t stream_entries_max = 1024;    // of one piece
inline constexpr std::size_t leaf_map_max = 4096;          // leaves of one piece
inline constexpr std::size_t leaves_bytes_max = 1U << 20;  // of one piece, about
inline constexpr std::size_t blooms_bytes_max = 4U << 20;  // of one piece, about
inline constexpr std::uint64_t row_of_other_leaf = ~std::uint64_t{0};
inline constexpr std::uint64_t rows_per_block = header_block_rows_max;

std::string encode_footer(const PartFooter& footer);
Result<PartFooter> decode_footer(std::string_view bytes);
std::string encode_lane_index(const std::vector<LaneEntry>& entries);
Result<std::vector<LaneEntry>> decode_lane_index(std::string_view bytes);
std::string encode_streams(const std::vector<StreamEntry>& entries);
Result<std::vector<StreamEntry>> decode_streams(std::string_view bytes);
std::string encode_leaves(const std::vector<PartLeaf>& leaves);
Result<std::vector<PartLeaf>> decode_leaves(std::string_view bytes);
std::string encode_fork_body(const PartForkBody& body);
Result<PartForkBody> decode_fork_body(std::string_view bytes);
// The last bytes of a part.
std::string make_trailer(std::uint64_t footer_offset, std::uint64_t number);
Result<std::uint64_t> read_trailer(std::string_view bytes, std::uint64_t number);

std::string part_name(std::uint64_t number);  // 16 hex digits ".part"
Result<std::uint64_t> part_number(std::string_view name);

}  // namespace yunjian::ledger
