#include "collector/api/inventory_routes.h"

#include <algorithm>
#include <bit>

#include "collector/api/json.h"
#include "collector/api/name_page.h"
#include "collector/api/parameters.h"
#include "collector/api/unit_counts.h"
#include "ledger/base/bytes.h"
#include "ledger/batch.h"
#include "ledger/wire.h"

namespace yunjian::collector {

using ledger::Time;

namespace {

struct LeafBatch {
  std::string stream;
  EvidenceLog::StoredBatch found;
};

// Reject: the leaf is no batch.
ledger::Result<LeafBatch> batch_of_leaf(const EvidenceLog& log, std::uint64_t index) {
  auto leaf = log.leaf(index);
  if (!leaf) return ledger::failure(leaf);
  auto sealed = ledger::read_header(*leaf, log.suite());
  if (!sealed) return ledger::failure(sealed);
  LeafBatch batch;
  batch.stream = ledger::stream_id(sealed->header.agent, sealed->header.incarnation);
  auto found = log.batch(batch.stream, sealed->header.batch);
  if (!found) return ledger::failure(found);
  batch.found = std::move(*found);
  return batch;
}

bool is_about_the_batch(const ledger::Error& error) {
  return error.kind == ledger::ErrorKind::reject || error.kind == ledger::ErrorKind::corrupt;
}

// The newest stream of a host, and how the host stands by it.
struct HostState {
  std::string stream;
  const StreamState* newest = nullptr;
};

std::map<std::string, HostState, std::less<>> newest_streams(
    const std::vector<StreamInfo>& streams) {
  std::map<std::string, HostState, std::less<>> hosts;
  for (const auto& stream : streams) {
    auto& host = hosts[stream.state.host];
    if (host.newest == nullptr || stream.state.enrolment_leaf > host.newest->enrolment_leaf) {
      host = {stream.id, &stream.state};
    }
  }
  return hosts;
}

void write_host(Json& json, const Host& host, const HostState& state, AgentState agent) {
  json.begin_object()
      .member("id", std::string_view(host.id))
      .member("unit", std::string_view(host.unit))
      .member("system", std::string_view(host.system))
      .member("name", std::string_view(host.name))
      .member("vcpus", host.vcpus)
      .member("memory_bytes", host.memory_bytes)
      .member("purpose", std::string_view(host.purpose))
      .member("address", std::string_view(host.address));
  json.member("state", to_string(agent));
  if (state.newest == nullptr) {
    json.null_member("stream").null_member("agent");
    json.null_member("last_received").null_member("last_sealed");
  } else {
    const auto& newest = *state.newest;
    json.member("stream", std::string_view(state.stream))
        .member("agent", std::string_view(newest.agent))
        .member("last_received", newest.last_received)
        .member("last_sealed", newest.last_sealed);
  }
  json.end_object();
}

void write_stream(Json& json, const StreamInfo& stream) {
  const auto& state = stream.state;
  json.begin_object()
      .member("stream", std::string_view(stream.id))
      .member("agent", std::string_view(state.agent))
      .member("incarnation", state.incarnation)
      .member("unit", std::string_view(state.unit))
      .member("host", std::string_view(state.host))
      .member("batches", state.next_batch)
      .member("records", state.next_record)
      .member("enrolment_leaf", state.enrolment_leaf)
      .member("endorsed", state.endorsed)
      .member("hollow", state.hollow)
      .member("forks", state.forks)
      .member("last_received", state.last_received)
      .member("last_sealed", state.last_sealed)
      .end_object();
}

}  // namespace

Outcome<Response> list_hosts(const ApiContext& context, const Call& call) {
  auto page = read_name_page(context, call);
  if (!page) return handed_on(page);
  const auto hosts = context.catalog->hosts(call.credential.scope);
  if (!hosts) return storage_problem(hosts.error());
  auto streams = context.log->streams();
  // A host that changed its unit: the streams it had before are not the new unit's business.
  std::erase_if(streams, [&](const StreamInfo& stream) {
    return !call.credential.scope.allows(stream.state.unit);
  });
  const auto newest = newest_streams(streams);
  const auto revoked = context.catalog->revoked_agents();
  if (!revoked) return storage_problem(revoked.error());
  const Time now = context.clock->wall();
  UnitCounts counts;
  Response response = answer_list(
      context, *page, *hosts,
      std::pair([](const Host& host) { return host.id; },
                [&](Json& json, const Host& host) {
                  counts.add(host.unit);
                  const auto found = newest.find(host.id);
                  const auto state = found == newest.end() ? HostState{} : found->second;
                  write_host(json, host, state, agent_state(state.newest, *revoked, now));
                }));
  return recorded(context, look(context, call, "query"), counts, std::move(response));
}

Outcome<Response> list_streams(const ApiContext& context, const Call& call) {
  auto page = read_name_page(context, call);
  if (!page) return handed_on(page);
  auto streams = context.log->streams();
  std::erase_if(streams, [&](const StreamInfo& stream) {
    return !call.credential.scope.allows(stream.state.unit);
  });
  UnitCounts counts;
  Response response = answer_list(context, *page, streams,
                                  std::pair([](const StreamInfo& stream) { return stream.id; },
                                            [&](Json& json, const StreamInfo& stream) {
                                              counts.add(stream.state.unit);
                                              write_stream(json, stream);
                                            }));
  return recorded(context, look(context, call, "query"), counts, std::move(response));
}

Outcome<Response> BatchReader::get_batch(const ApiContext& context, const Call& call) {
  auto parameters = Parameters::read(call.request, {});
  if (!parameters) return handed_on(parameters);
  if (!call.credential.scope.has_messages()) {
    return forbidden("Batches hold log messages, which this credential does not see.");
  }
  const auto number = ledger::parse_decimal(call.parts[1]);
  if (!ledger::parse_stream_id(call.parts[0]) || !number) return not_found();
  // Before anything is read of it: what cannot be read of somebody else's is not told either.
  auto row = context.log->batch_row(call.parts[0], *number);
  if (!row) return storage_problem(row.error());
  if (!*row || !call.credential.scope.allows_messages((*row)->unit)) return not_found();
  auto batch = context.log->batch(call.parts[0], *number);
  if (!batch && batch.error().kind == ledger::ErrorKind::reject) return not_found();
  if (!batch) return storage_problem(batch.error());
  if (auto recorded = record_taken(context, call, call.parts[0], *batch); !recorded) {
    return handed_on(recorded);
  }
  Response response;
  response.content_type = "application/octet-stream";
  ledger::append_frame(response.body, batch->frame.header, batch->frame.body);
  return response;
}

Outcome<Response> BatchReader::get_leaf_batches(const ApiContext& context, const Call& call) {
  auto parameters = Parameters::read(call.request, {});
  if (!parameters) return handed_on(parameters);
  const auto first = ledger::parse_decimal(call.parts[0]);
  const std::uint64_t leaves = context.log->size();
  if (!first || *first >= leaves) return not_found();
  Response response;
  response.content_type = "application/octet-stream";
  const std::uint64_t end = std::min(leaves, *first + leaf_batches_max);
  for (std::uint64_t i = *first; i < end && response.body.size() < leaf_batches_bytes; ++i) {
    auto batch = batch_of_leaf(*context.log, i);
    if (!batch && is_about_the_batch(batch.error())) continue;
    if (!batch) return storage_problem(batch.error());
    if (!call.credential.scope.allows_messages(batch->found.unit)) continue;
    if (auto recorded = record_taken(context, call, batch->stream, batch->found); !recorded) {
      return handed_on(recorded);
    }
    ledger::append_frame(response.body, batch->found.frame.header, batch->found.frame.body);
  }
  return response;
}

Outcome<void> BatchReader::record_taken(const ApiContext& context, const Call& call,
                                        const std::string& stream,
                                        const EvidenceLog::StoredBatch& batch) {
  auto sealed = ledger::read_header(batch.frame.header, context.log->suite());
  if (!sealed) return storage_problem(sealed.error());
  const std::string key = call.credential.id + ' ' + stream;
  const std::uint64_t records = batch.hollow ? 0 : sealed->header.records;
  const Taken taken = take(context.clock->wall(), key, records);
  if (!std::has_single_bit(taken.batches)) return {};
  Act act = look(context, call, "export");
  act.text("stream", stream).number("batches", taken.batches);
  UnitCounts counts;
  counts.add(batch.unit, taken.records);
  counts.tell(act);
  auto done = record_look(context, act);
  if (!done) give_back(key, records);
  return done;
}

// What did not leave is not counted: else the next one would pass unrecorded.
void BatchReader::give_back(const std::string& key, std::uint64_t records) {
  const std::lock_guard lock(mutex_);
  const auto found = taken_.find(key);
  if (found == taken_.end() || found->second.batches == 0) return;
  --found->second.batches;
  found->second.records -= std::min(records, found->second.records);
}

BatchReader::Taken BatchReader::take(Time now, const std::string& key, std::uint64_t records) {
  const std::lock_guard lock(mutex_);
  if (taken_.size() >= looks_max) taken_.clear();
  Taken& taken = taken_[key];
  if (now < taken.begun || now - taken.begun >= look_lasts) taken = {.begun = now};
  ++taken.batches;
  taken.records += records;
  return taken;
}

}  // namespace yunjian::collector
