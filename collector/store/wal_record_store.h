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
  explicit WalRecordStore(const EvidenceLog& log);  // which must outlive the store

  ledger::Result<ScanStats> scan(const Scope& scope, const ScanQuery& query,
                                 const std::function<void(const StoredRecord&)>& visit) override;
  ledger::Result<OwnedRecord> record(const Scope& scope, std::string_view stream,
                                     std::uint64_t number) override;

 private:
  const EvidenceLog& log_;
  Pool<ledger::BodyDecoder> decoders_;
};

}  // namespace yunjian::collector
