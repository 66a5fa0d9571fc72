#pragma once

#include "collector/store/evidence_log.h"
#include "collector/store/pool.h"
#include "collector/store/record_store.h"

namespace yunjian::collector {

// The record store that stands on the log: what is filed lies in blocks of parts, what came since
// in bodies of the WAL. A search prunes both by scope, host, lane and time, blocks also by the
// tokens they may hold, without reading any of them; then opens them in the order of the best time
// they may have and merges by key, so that a small limit opens few of them. Any thread; sees what
// was committed before a call began.
class LogRecordStore : public RecordStore {
 public:
  // Both outlive the store; without a deriver no record has derived fields.
  explicit LogRecordStore(const EvidenceLog& log, const Deriver* deriver = nullptr);

  ledger::Result<ScanStats> scan(const Scope& scope, const ScanQuery& query,
                                 const std::function<void(const StoredRecord&)>& visit) override;
  ledger::Result<OwnedRecord> record(const Scope& scope, std::string_view stream,
                                     std::uint64_t number) override;
  ledger::Result<Aggregate> aggregate(const Scope& scope, const AggregateQuery& query) override;
  ledger::Result<std::map<std::uint64_t, StoredDay>> days(Lane lane) override;
  ledger::Result<std::string> lines(const Scope& scope, std::string_view stream,
                                    std::uint64_t batch) override;

 private:
  const EvidenceLog& log_;
  const Deriver* const deriver_;
};

}  // namespace yunjian::collector
