#include "auditor/index_level.h"

#include <fmt/format.h>

#include "ledger/archive/part_manifest.h"

namespace yunjian::auditor {

using ledger::PartReader;

namespace {

// What one part gave.
struct Tally {
  std::uint64_t rows = 0;
  std::uint64_t parts = 0;
  std::uint64_t other_rules = 0;
  std::uint64_t not_read = 0;
};

void add_part(const ledger::IndexCheck& check, const std::string& place, Tally& tally,
              Findings& findings) {
  ++tally.parts;
  tally.rows += check.rows;
  tally.other_rules += check.other_rules ? 1 : 0;
  for (const std::string& what : check.kept) {
    findings.add({FindingKind::tampered, place + ": " + what, "索引或派生字段与记录正文不符",
                  "index or derived field does not follow from the records"});
  }
  if (check.faults > check.kept.size()) {
    const std::uint64_t more = check.faults - check.kept.size();
    findings.add({FindingKind::tampered, place, fmt::format("另有 {} 处不符", more),
                  fmt::format("{} more places do not follow from the records", more)});
  }
}

}  // namespace

void check_index(ledger::FileSystem& files, const std::string& data,
                 const ledger::IndexRules& rules, VerifyResult& result) {
  const auto manifest = ledger::read_manifest(files, data);
  if (!manifest) return;  // told before
  const auto start = std::chrono::steady_clock::now();
  Tally tally;
  for (const auto& named : manifest->parts) {
    auto part = PartReader::open(files, ledger::parts_directory(data), named.number);
    if (!part) {
      ++tally.not_read;
      continue;
    }
    const auto check = ledger::check_part_index(*part, rules);
    if (!check) {
      ++tally.not_read;
      continue;
    }
    add_part(*check, "parts/" + ledger::part_name(named.number), tally, result.findings);
  }
  if (tally.other_rules > 0) {
    result.findings.add(
        {FindingKind::notice, "parts/",
         fmt::format("{} 个分区的派生字段出自其他版本的规则,未核", tally.other_rules),
         fmt::format("derived fields of {} parts are by rules of another version: not compared",
                     tally.other_rules)});
  }
  Level level{"index",
              "索引与派生字段",
              "index and derived fields",
              tally.rows,
              std::chrono::steady_clock::now() - start,
              fmt::format("{} 个分区", tally.parts),
              fmt::format("{} parts", tally.parts)};
  if (tally.not_read > 0) {
    level.note_zh += fmt::format(",{} 个损坏未核", tally.not_read);
    level.note_en += fmt::format(", {} are damaged and not checked", tally.not_read);
  }
  result.levels.push_back(std::move(level));
}

}  // namespace yunjian::auditor
