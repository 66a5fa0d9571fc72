#pragma once

#include "collector/store/evidence_log.h"
#include "collector/store/pool.h"
#include "collector/store/record_store.h"

namespace yunjian::collector {

// The record store that stands on the log's rows and the bodies in its WAL. A scan prunes rows by
// scope, host, lane and time range without touching a body, then decodes bodies in the order of
// their bounds and merges them by key, so that a small limit decodes few of them.
// Any thread; sees what was committed before the scan began, and maybe what came during it.
class WalRecordStore : public RecordStore {
 public:
  // Both outlive the store; without a deriver no record has derived fields.
  explicit WalRecordStore(const EvidenceLog& log, const Deriver* deriver = nullptr);

  ledger::Result<ScanStats> scan(const Scope& scope, const ScanQuery& query,
                                 const std::function<void(const StoredRecord&)>& visit) override;
  ledger::Result<OwnedRecord> record(const Scope& scope, std::string_view stream,
                                     std::uint64_t number) override;
  ledger::Result<Aggregate> aggregate(const Scope& scope, const AggregateQuery& query) override;
  ledger::Result<std::string> lines(const Scope& scope, std::string_view stream,
                                    std::uint64_t batch) override;

 private:
  const EvidenceLog& log_;
  const Deriver* const deriver_;
  Pool<ledger::BodyDecoder> decoders_;
};

}  // namespace yunjian::collector
