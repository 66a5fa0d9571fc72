#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

#include "collector/catalog/catalog.h"
#include "collector/report/document.h"
#include "collector/report/month_types.h"

namespace yunjian::collector {

// The monthly pack: 云资源利用情况表, 优化建议, 运行维护报告, 安全报告 as documents.

// What the reports besides the table are made from, within the scope of whoever gets them.
struct PackSources {
  bool narrow = false;  // of some units only: entries of no unit are left out, but for open kinds
  std::map<std::string, std::vector<RegistryEntry>, std::less<>> entries;  // by kind
  std::vector<Finding> findings;        // all of the scope, closed ones too
  std::vector<StoredOutcome> outcomes;  // of the twelve months before, of the scope's hosts
  struct Evidence {                     // of the log, for the security report
    std::uint64_t leaves = 0;
    std::uint64_t streams = 0;
    std::uint64_t silent = 0;
    std::uint64_t records = 0;
    std::uint64_t hollow = 0;
    std::uint64_t forks = 0;
    std::string checkpoint_root;
  } evidence;
};

// What one scope sees: the whole city, a county, a unit.
rules::Words scope_words(const Scope& scope, std::span<const Unit> units);

Document utilization_document(const UtilizationTable& table, const PackSources& sources,
                              const rules::Words& scope);
Document advice_document(const UtilizationTable& table, const PackSources& sources,
                         const rules::Words& scope);
// Drills (two a year), changes (three working days' notice), incidents, backups, duty.
Document operations_document(const UtilizationTable& table, const PackSources& sources,
                             const rules::Words& scope);
Document security_document(const UtilizationTable& table, const PackSources& sources,
                           const rules::Words& scope);

inline constexpr std::size_t report_count = 4;
extern const std::string_view report_names[report_count];  // "utilization" …

}  // namespace yunjian::collector
