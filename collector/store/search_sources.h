#pragma once

#include <functional>
#include <vector>

#include "collector/store/evidence_log.h"
#include "collector/store/record_store.h"

namespace yunjian::collector {

// A piece of what is stored that may hold records of a selection: a batch of the WAL or a block of
// a part.
struct Chunk {
  ledger::Time min{};  // of the times of its records
  ledger::Time max{};
  std::size_t row = 0;  // of the view, when there is no part
  PartPtr part;
  std::size_t lane = 0;
  ledger::LaneEntry entry;
  bool messages = true;  // of a batch: its event records may be seen
};

struct SearchSources {
  EvidenceLog::View view;
  std::vector<Chunk> chunks;
  ScanStats skipped;  // nothing of it was read
};

bool wants(const Selection& query, Lane lane);
bool is_cancelled(const Selection& query);
ledger::Failure cancelled_error();

// All that may hold records of the selection, pruned by what is known without reading it.
ledger::Result<SearchSources> find_sources(const EvidenceLog& log, const Scope& scope,
                                           const Selection& query);

// A record that a chunk gives: where it stands, and how to get its line.
struct FoundRecord {
  ledger::Time time{};
  std::string_view stream;
  std::uint64_t number = 0;
  std::string_view host;
  std::string_view unit;
  ledger::Time received{};
};

// Finds the records of one chunk. One thread each.
class ChunkReader {
 public:
  struct Tools {
    const EvidenceLog& log;
    const Selection& query;
    const Deriver* deriver;
  };
  explicit ChunkReader(const Tools& tools) : tools_(tools) {}

  // For each record that the selection asks for: the record and, when `with_lines`, its line; with
  // the value of `field` when it is not empty. The views live during the call.
  struct Wish {
    bool with_lines = true;
    // Of a block only so many are wanted, those of the latest or earliest times; more are given
    // when times are equal. 0: all. Not when somebody must look at lines.
    std::size_t best = 0;
    bool newest = true;
    std::string field;
    // Asked before the line is built; false: the record is not wanted.
    std::function<bool(const FoundRecord&)> wanted;
  };
  using Visit = std::function<void(const FoundRecord& record, std::string_view line,
                                   const std::optional<std::string>& value)>;
  ledger::Result<void> read(const SearchSources& sources, const Chunk& chunk, const Wish& wish,
                            const Visit& visit);
  const ScanStats& stats() const { return stats_; }

 private:
  ledger::Result<void> read_batch(const EvidenceLog::View& view, const Chunk& chunk,
                                  const Wish& wish, const Visit& visit);
  ledger::Result<void> read_block(const Chunk& chunk, const Wish& wish, const Visit& visit);

  const Tools tools_;
  ScanStats stats_;
  ledger::BodyDecoder decoder_;
  std::string decoded_;
};

}  // namespace yunjian::collector
