#include "collector/serve_metrics.h"

#include "collector/api/metrics.h"
#include "ledger/base/file_system.h"
#include "ledger/posix/disk_space.h"

namespace yunjian::collector {

namespace {

double number(std::uint64_t count) { return static_cast<double>(count); }

}  // namespace

std::string verify_metrics(const VerifyCounters& counters) {
  MetricsText text;
  text.metric("yunjian_ingest_frames_total", "counter", "Frames answered, by result.")
      .sample("result", "accepted", number(counters.accepted))
      .sample("result", "duplicate", number(counters.duplicate))
      .sample("result", "expected", number(counters.expected))
      .sample("result", "fork", number(counters.fork));
  text.metric("yunjian_ingest_refused_total", "counter", "Frames refused, by what was wrong.")
      .sample("reason", "header", number(counters.refused_header))
      .sample("reason", "agent", number(counters.refused_agent))
      .sample("reason", "stream", number(counters.refused_stream))
      .sample("reason", "key", number(counters.refused_key))
      .sample("reason", "sequence", number(counters.refused_sequence))
      .sample("reason", "body", number(counters.refused_body));
  text.metric("yunjian_ingest_hollow_total", "counter", "Accepted without their body.")
      .sample(number(counters.hollow));
  text.metric("yunjian_ingest_filled_total", "counter", "Bodies that came later.")
      .sample(number(counters.filled));
  text.metric("yunjian_ingest_records_total", "counter", "Records accepted since the start.")
      .sample(number(counters.records));
  text.metric("yunjian_ingest_body_bytes_total", "counter", "Bytes of bodies as they came.")
      .sample(number(counters.body_bytes));
  text.metric("yunjian_ingest_line_bytes_total", "counter", "Bytes of record lines.")
      .sample(number(counters.line_bytes));
  return text.take();
}

std::string ingest_metrics(const IngestHandler::Counters& counters) {
  MetricsText text;
  text.metric("yunjian_ingest_posts_total", "counter", "Posts that reached the verifier.")
      .sample(number(counters.posts));
  text.metric("yunjian_ingest_posts_refused_total", "counter", "Posts refused as a whole.")
      .sample("reason", "certificate", number(counters.certificates_refused))
      .sample("reason", "malformed", number(counters.posts_malformed))
      .sample("reason", "log", number(counters.posts_failed));
  text.metric("yunjian_certificate_renewals_total", "counter",
              "Requests for a new client certificate that got one.")
      .sample(number(counters.renewals));
  text.metric("yunjian_clock_agents_off", "gauge", "Agents whose clock is more than 5 s off.")
      .sample(number(counters.clocks_off));
  text.metric("yunjian_clock_off_seconds_max", "gauge", "How far the worst of them is off.")
      .sample(static_cast<double>(counters.clock_off_ms_max) / 1000);
  text.metric("yunjian_agent_gaps_total", "counter", "Gap records in accepted batches.")
      .sample("cause", "spool", number(counters.gaps_of_spool))
      .sample("cause", "other", number(counters.gaps - counters.gaps_of_spool));
  text.metric("yunjian_witnessed_receipts_total", "counter",
              "Receipts under a witnessed checkpoint that agents asked for.")
      .sample("result", "given", number(counters.witnessed_given))
      .sample("result", "not_yet", number(counters.witnessed_waits));
  return text.take();
}

std::string enrol_metrics(const EnrolHandler::Counters& counters) {
  MetricsText text;
  text.metric("yunjian_enrol_tokens_refused_total", "counter",
              "Requests to enrol with a token that nobody made.")
      .sample(number(counters.tokens_refused));
  text.metric("yunjian_enrol_too_often_total", "counter", "Those of them that were answered 429.")
      .sample(number(counters.too_often));
  return text.take();
}

std::string log_metrics(const EvidenceLog::Stats& stats) {
  MetricsText text;
  text.metric("yunjian_commits_total", "counter", "Groups committed by one fsync each.")
      .sample(number(stats.commits));
  text.metric("yunjian_commit_entries_total", "counter", "Entries in them.")
      .sample(number(stats.entries));
  text.metric("yunjian_commit_sync_seconds_total", "counter", "Time in fsync of the WAL.")
      .sample(stats.sync_seconds);
  text.metric("yunjian_commit_publish_seconds_total", "counter",
              "Time in tiles, signature and anchor.")
      .sample(stats.publish_seconds);
  text.metric("yunjian_wal_bytes", "gauge", "Bytes of the WAL.").sample(number(stats.wal_bytes));
  text.metric("yunjian_wal_segments_waiting", "gauge", "Closed WAL segments that are not filed.")
      .sample(number(stats.segments_to_file));
  text.metric("yunjian_parts", "gauge", "Parts that make up the log.").sample(number(stats.parts));
  text.metric("yunjian_part_bytes", "gauge", "Bytes of the parts.")
      .sample(number(stats.part_bytes));
  return text.take();
}

std::string filing_metrics(const FilingThread::Status& status) {
  MetricsText text;
  text.metric("yunjian_filing_steps_total", "counter", "Segments filed and parts joined.")
      .sample(number(status.steps));
  text.metric("yunjian_filing_seconds_total", "counter", "Time spent in them.")
      .sample(status.seconds);
  text.metric("yunjian_filing_failed", "gauge", "1 while the last step failed.")
      .sample(number(status.error ? 1 : 0));
  return text.take();
}

std::string listener_metrics(const ListenerCounters& ingest, const ListenerCounters& api) {
  MetricsText text;
  const auto both = [&](std::string_view name, std::string_view type, std::string_view help,
                        std::uint64_t ListenerCounters::*counter) {
    text.metric(name, type, help)
        .sample("listener", "ingest", number(ingest.*counter))
        .sample("listener", "api", number(api.*counter));
  };
  using C = ListenerCounters;
  both("yunjian_http_connections", "gauge", "Open connections.", &C::connections_open);
  both("yunjian_http_connections_total", "counter", "Accepted.", &C::connections_accepted);
  both("yunjian_http_refused_total", "counter", "Beyond a limit.", &C::connections_refused);
  both("yunjian_http_handshakes_failed_total", "counter", "Failed.", &C::handshakes_failed);
  both("yunjian_http_requests_total", "counter", "That reached a handler.", &C::requests);
  both("yunjian_http_malformed_total", "counter", "Refused before it.", &C::malformed);
  both("yunjian_http_overloaded_total", "counter", "Answered 503 before it.", &C::overloaded);
  both("yunjian_http_timeouts_total", "counter", "Cut for slowness.", &C::timeouts);
  return text.take();
}

std::string host_metrics(const HostPlaces& facts) {
  MetricsText text;
  const auto data = ledger::read_disk_space(facts.data);
  const auto anchor = ledger::read_disk_space(ledger::parent_directory(facts.anchor));
  text.metric("yunjian_disk_bytes", "gauge", "Size of the file system, by what lies on it.");
  if (data) text.sample("place", "data", number(data->bytes));
  if (anchor) text.sample("place", "anchor", number(anchor->bytes));
  text.metric("yunjian_disk_free_bytes", "gauge", "Free bytes of it.");
  if (data) text.sample("place", "data", number(data->free_bytes));
  if (anchor) text.sample("place", "anchor", number(anchor->free_bytes));
  text.metric("yunjian_server_certificate_end_timestamp_seconds", "gauge",
              "When the server certificate in use ends.")
      .sample(static_cast<double>(facts.certificate_end.time_since_epoch().count()) / 1e6);
  return text.take();
}

}  // namespace yunjian::collector
