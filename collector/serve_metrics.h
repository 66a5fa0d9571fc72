#pragma once

#include <string>

#include "collector/http/server.h"
#include "collector/ingest/enrol_handler.h"
#include "collector/ingest/ingest_handler.h"
#include "collector/store/evidence_log.h"
#include "collector/store/filing_thread.h"
#include "collector/verify/batch_verifier.h"

namespace yunjian::collector {

// Counters of the parts, as text for /metrics.
std::string verify_metrics(const VerifyCounters& counters);
std::string ingest_metrics(const IngestHandler::Counters& counters);
std::string enrol_metrics(const EnrolHandler::Counters& counters);
std::string filing_metrics(const FilingThread::Status& status);
std::string log_metrics(const EvidenceLog::Stats& stats);
std::string listener_metrics(const ListenerCounters& ingest, const ListenerCounters& api);

// What the machine has to be watched for: space where data and anchor lie, and the end of the
// server certificate. A place that cannot be asked has no sample.
struct HostPlaces {
  std::string data;    // a directory
  std::string anchor;  // a file; its directory is asked
  ledger::Time certificate_end;
};
std::string host_metrics(const HostPlaces& facts);

}  // namespace yunjian::collector
