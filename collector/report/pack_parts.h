#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "collector/report/month_pack.h"

// What the documents of the monthly pack have in common.
namespace yunjian::collector {

Document document_of(std::string key, rules::Words name, const UtilizationTable& table,
                     const rules::Words& scope);
// The cover line that names the rules.
void add_rules(Document& document, const UtilizationTable& table);
// "本月共 30 台云主机：偏低 3 台，…"
rules::Words summary(const UtilizationTable& table);
rules::Words verdict_words(const UtilizationTable& table, rules::Verdict verdict);
std::string unit_of(const HostFacts& host);

const std::vector<RegistryEntry>& entries_of(const PackSources& sources, std::string_view kind);
// What stands in the month's report, by its day, then by id.
std::vector<const RegistryEntry*> reported(const PackSources& sources, std::string_view kind,
                                           rules::Month month);
// The fields of a kind as columns, for a table of its entries.
DocumentTable entries_table(std::string_view kind,
                            const std::vector<const RegistryEntry*>& entries);
CellValue date_or_text(const std::string& value);
CellValue text_cell(const std::string& value);    // absent when empty
CellValue choice_cell(const std::string& value);  // a choice's key, by its name

}  // namespace yunjian::collector
