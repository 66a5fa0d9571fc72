#pragma once

#include "collector/catalog/catalog.h"
#include "rules/month/table_json.h"
#include "rules/month/terms.h"
#include "rules/month/utilization_table.h"

// The month's table as the rules make it, under the names of this program.
namespace yunjian::collector {

using rules::HistorySource;
using rules::HostFacts;
using rules::HourSink;
using rules::HourSource;
using rules::LoadFigures;
using rules::MonthTerms;
using rules::TableRequest;
using rules::UtilizationRow;
using rules::UtilizationTable;

// What the catalog says of the inventory: units and hosts of the scope, all entries besides. The
// catalog outlives it.
rules::Inventory inventory_of(const Catalog& catalog, const Scope& scope = Scope::all());

}  // namespace yunjian::collector
