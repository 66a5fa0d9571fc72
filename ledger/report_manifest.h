#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ledger/merkle.h"
#include "ledger/note.h"
#include "ledger/text_fields.h"

namespace yunjian::ledger {

inline constexpr std::size_t manifest_files_max = 8000;
inline constexpr std::size_t manifest_changes_max = 200;

// yunjian/manifest/v1: what a month's pack is made of and from. Signed by the log's key; a report
// leaf holds its hash. Hashes are plain ones of the log's suite.
struct ReportManifest {
  struct File {
    std::string path;  // below the pack's directory, with '/'
    std::uint64_t bytes = 0;
    Hash hash{};
  };
  std::string origin;
  std::string month;                 // yyyy-mm
  std::uint64_t revision = 1;        // of the month, from 1
  std::optional<Hash> previous{};    // manifest of the revision before
  Time as_of{};                      // cut-off of the month
  std::string rules;                 // version of the rule file
  Hash rules_hash{};                 // of its bytes
  std::string calendar;              // version
  Hash inventory{};                  // of what was known of units, hosts, sizes and terms
  TreeHead tree;                     // the checkpoint that the pack was made from
  std::vector<File> files;           // by path, bytewise; no path twice
  std::vector<std::string> changes;  // against the revision before, a line each
};

std::string format_report_manifest(const ReportManifest& manifest);
// Strict: writing it anew gives the same text.
Result<ReportManifest> parse_report_manifest(std::string_view text);
// "utilization.json", "unit/tax/advice.pdf": relative, no empty or dotted segment.
bool is_pack_path(std::string_view path);

// One line of the pack's file inputs.list: records of one stream that went into the figures, and
// the batches that hold them. Sorted by stream.
struct PackInput {
  std::string stream;
  std::uint64_t first_batch = 0, last_batch = 0;
  std::uint64_t first_record = 0, last_record = 0;
  std::uint64_t records = 0;
};
std::string format_inputs(const std::vector<PackInput>& inputs);
Result<std::vector<PackInput>> parse_inputs(std::string_view text);

}  // namespace yunjian::ledger
