#include "collector/api/inventory_routes.h"

#include <algorithm>

#include "collector/api/json.h"
#include "collector/api/parameters.h"
#include "collector/api/record_routes.h"
#include "ledger/base/bytes.h"
#include "ledger/batch.h"
#include "ledger/wire.h"

namespace yunjian::collector {

using ledger::Time;

namespace {

// Pages through a list sorted by name.
struct NamePage {
  std::string after;
  std::uint64_t limit = page_max;
  std::string question;
};

Outcome<NamePage> read_name_page(const ApiContext& context, const Call& call) {
  auto parameters = Parameters::read(call.request, {"limit", "cursor"});
  if (!parameters) return handed_on(parameters);
  auto limit = parameters->number("limit", {.otherwise = page_max, .min = 1, .max = page_max});
  if (!limit) return handed_on(limit);
  NamePage page{.after = {}, .limit = *limit, .question = parameters->question()};
  if (const auto cursor = parameters->optional_text("cursor")) {
    const auto after = context.cursors->open_name(*cursor, page.question);
    if (!after) return bad_request("Parameter 'cursor' is not one that was given for this list.");
    page.after = *after;
  }
  return page;
}

// `{"items":[…],"cursor":…}` over what lies behind the page's start. `name` and `write` take one
// item.
template <typename Items, typename Name, typename Write>
Response answer_list(const ApiContext& context, const NamePage& page, const Items& items,
                     const std::pair<Name, Write>& how) {
  const auto& [name, write] = how;
  Json json;
  json.begin_object().key("items").begin_array();
  std::uint64_t written = 0;
  std::string last;
  bool more = false;
  for (const auto& item : items) {
    if (!page.after.empty() && name(item) <= page.after) continue;
    if (written == page.limit) {
      more = true;
      break;
    }
    write(json, item);
    last = name(item);
    ++written;
  }
  json.end_array();
  if (more) {
    json.member("cursor", std::string_view(context.cursors->seal_name(last, page.question)));
  } else {
    json.null_member("cursor");
  }
  json.end_object();
  Response response;
  response.body = json.take();
  return response;
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

void write_host(Json& json, const Host& host, const HostState& state, Time now) {
  json.begin_object()
      .member("id", std::string_view(host.id))
      .member("unit", std::string_view(host.unit))
      .member("system", std::string_view(host.system))
      .member("name", std::string_view(host.name))
      .member("vcpus", host.vcpus)
      .member("memory_bytes", host.memory_bytes)
      .member("purpose", std::string_view(host.purpose))
      .member("address", std::string_view(host.address));
  if (state.newest == nullptr) {
    json.member("state", "never").null_member("stream").null_member("agent");
    json.null_member("last_received").null_member("last_sealed");
  } else {
    const auto& newest = *state.newest;
    const bool silent = now - newest.last_received >= silent_after;
    json.member("state", silent ? "silent" : "live")
        .member("stream", std::string_view(state.stream))
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
  const Time now = context.clock->wall();
  return answer_list(
      context, *page, *hosts,
      std::pair([](const Host& host) { return host.id; },
                [&](Json& json, const Host& host) {
                  const auto state = newest.find(host.id);
                  write_host(json, host, state == newest.end() ? HostState{} : state->second, now);
                }));
}

Outcome<Response> list_streams(const ApiContext& context, const Call& call) {
  auto page = read_name_page(context, call);
  if (!page) return handed_on(page);
  auto streams = context.log->streams();
  std::erase_if(streams, [&](const StreamInfo& stream) {
    return !call.credential.scope.allows(stream.state.unit);
  });
  return answer_list(context, *page, streams,
                     std::pair([](const StreamInfo& stream) { return stream.id; }, &write_stream));
}

Outcome<Response> BatchReader::get_batch(const ApiContext& context, const Call& call) {
  auto parameters = Parameters::read(call.request, {});
  if (!parameters) return handed_on(parameters);
  if (!may_see_events(call.credential)) {
    return forbidden("Batches hold log messages, which this credential's role does not see.");
  }
  const auto number = ledger::parse_decimal(call.parts[1]);
  if (!ledger::parse_stream_id(call.parts[0]) || !number) return not_found();
  auto batch = context.log->batch(call.parts[0], *number);
  if (!batch && batch.error().kind == ledger::ErrorKind::reject) return not_found();
  if (!batch) return storage_problem(batch.error());
  if (!call.credential.scope.allows(batch->unit)) return not_found();
  if (auto recorded = record_first_look(context, call); !recorded) return handed_on(recorded);
  Response response;
  response.content_type = "application/octet-stream";
  ledger::append_frame(response.body, batch->frame.header, batch->frame.body);
  return response;
}

Outcome<void> BatchReader::record_first_look(const ApiContext& context, const Call& call) {
  const Time now = context.clock->wall();
  const std::string key = call.credential.id + ' ' + call.parts[0];
  {
    const std::lock_guard lock(mutex_);
    const auto found = looked_.find(key);
    if (found != looked_.end() && now >= found->second && now - found->second < look_lasts) {
      return {};
    }
  }
  Act act = look(context, call, "export");
  act.text("stream", call.parts[0]);
  if (auto recorded = record_look(context, act); !recorded) return recorded;
  const std::lock_guard lock(mutex_);
  if (looked_.size() >= looks_max) looked_.clear();
  looked_[key] = now;
  return {};
}

}  // namespace yunjian::collector
