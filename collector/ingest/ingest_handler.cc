#include "collector/ingest/ingest_handler.h"

#include <algorithm>
#include <optional>

#include "collector/ingest/problems.h"
#include "ledger/record.h"
#include "ledger/wire.h"

namespace yunjian::collector {
namespace {

constexpr std::string_view batches_path = "/ingest/v1/batches";
constexpr std::string_view certificate_path = "/ingest/v1/certificate";
constexpr std::string_view successor_path = "/ingest/v1/successor";
constexpr std::string_view inherited_path = "/ingest/v1/inherited";
constexpr std::string_view begin_path = "/ingest/v1/inherited/begin";
constexpr std::string_view witnessed_path = "/ingest/v1/witnessed/";
constexpr HandlerRoute ingest_routes[] = {
    {"POST", batches_path},   {"POST", certificate_path}, {"POST", successor_path},
    {"POST", inherited_path}, {"POST", begin_path},       {"GET", "/ingest/v1/witnessed/{}/{}"}};
constexpr std::string_view json_type = "application/json";
constexpr std::string_view frames_type = "application/octet-stream";
// Enough for a stray request to get its 404 instead of a 413.
constexpr std::uint64_t elsewhere_bytes_max = 64U << 10;

bool takes_frames(std::string_view path) {
  return path == batches_path || path == inherited_path || path == begin_path;
}

// Whose path this is; what is behind the witnessed one is looked at there.
const HandlerRoute* route_of(std::string_view path) {
  for (const HandlerRoute& route : ingest_routes) {
    const bool tail = route.pattern.starts_with(witnessed_path);
    if (tail ? path.starts_with(witnessed_path) : path == route.pattern) return &route;
  }
  return nullptr;
}

// What is wrong with a request before anybody looks at who sent it.
std::optional<Response> misdirected(const Request& request) {
  const HandlerRoute* route = route_of(request.path);
  if (route == nullptr) return no_such_path(request.path);
  if (request.method != route->method) return method_not_allowed(route->method);
  if (route->method == "GET") return std::nullopt;
  const bool frames = takes_frames(request.path);
  const std::string_view wanted = frames ? frames_type : json_type;
  if (request.header("content-type") != wanted || !request.header("content-encoding").empty()) {
    return problem_response({.status = 415,
                             .slug = "unsupported-media-type",
                             .title = frames ? "The body is not frames" : "The body is not JSON",
                             .detail = "POST " + request.path + " takes " + std::string(wanted) +
                                       " without Content-Encoding."});
  }
  return std::nullopt;
}

Response certificate_refused() {
  return problem_response(
      {.status = 403,
       .slug = "certificate-not-current",
       .title = "This certificate is not in use",
       .detail =
           "The client certificate is not the one this agent was given last: it was replaced "
           "by a newer enrolment or revoked, another machine forked the stream with it, or it "
           "is no agent's. Enrol the host with a new token."});
}

Response malformed_post(const std::string& why) {
  return problem_response({.status = 400,
                           .slug = "malformed-frames",
                           .title = "The body cannot be split into frames",
                           .detail = why + "; nothing of this post was looked at"});
}

Response answers_response(const std::vector<ledger::Answer>& answers) {
  Response response;
  response.content_type = "application/x-ndjson";
  for (const ledger::Answer& answer : answers) ledger::append_answer(response.body, answer);
  return response;
}

}  // namespace

std::span<const HandlerRoute> IngestHandler::routes() { return ingest_routes; }

IngestHandler::IngestHandler(Parts parts)
    : parts_(std::move(parts)),
      desk_({.catalog = parts_.catalog,
             .authority = parts_.authority,
             .clock = parts_.clock,
             .validity = parts_.certificate_validity}) {}

Response IngestHandler::handle(const Request& request) {
  Response response = answer(request);
  response.headers.emplace_back("Yunjian-Time", ledger::format_time(parts_.clock.wall()));
  return response;
}

Response IngestHandler::answer(const Request& request) {
  if (auto wrong = misdirected(request)) return std::move(*wrong);
  if (request.path == successor_path) return enrol_successor(request);
  auto use =
      parts_.catalog.certificate_use(request.client_common_name, request.client_certificate_sha256);
  if (!use) {
    ++posts_failed_;
    return failure_response(use.error());
  }
  if (*use == CertificateUse::refused) return refuse_certificate(request);
  if (request.path == certificate_path) return renew(request);
  if (request.path.starts_with(witnessed_path)) return witnessed(request);
  watch_clock(request);
  if (parts_.full != nullptr && *parts_.full) {
    ++posts_failed_;
    return failure_response(
        ledger::Error{ledger::ErrorKind::full,
                      "the collector's disk is 95 % full: nothing is accepted until there is room",
                      {}});
  }
  if (request.path == batches_path) return take(request, *use);
  if (parts_.succession == nullptr) return no_such_path(request.path);
  return request.path == begin_path ? parts_.succession->begin(request)
                                    : parts_.succession->link(request);
}

// Whoever was revoked gets no certificate by way of the lost log either.
Response IngestHandler::enrol_successor(const Request& request) {
  if (parts_.succession == nullptr) return no_such_path(request.path);
  auto revoked = is_revoked(request.client_common_name);
  if (!revoked) return failure_response(revoked.error());
  if (!*revoked) return parts_.succession->enrol(request);
  ++certificates_refused_;
  return certificate_refused();
}

ledger::Result<bool> IngestHandler::is_revoked(const std::string& agent) const {
  auto revoked = parts_.catalog.revoked_agents();
  if (!revoked) return ledger::failure(revoked);
  return revoked->contains(agent);
}

Response IngestHandler::refuse_certificate(const Request& request) {
  auto revoked = is_revoked(request.client_common_name);
  if (!revoked) return failure_response(revoked.error());
  if (parts_.succession != nullptr && !*revoked) {
    auto heir = parts_.succession->is_heir(request.client_common_name);
    if (!heir) return failure_response(heir.error());
    if (*heir) return parts_.succession->tell();
  }
  ++certificates_refused_;
  return certificate_refused();
}

Response IngestHandler::renew(const Request& request) {
  Response response = desk_.renew(request);
  if (response.status == 200) ++renewals_;
  return response;
}

Response IngestHandler::witnessed(const Request& request) {
  const std::string_view rest = std::string_view(request.path).substr(witnessed_path.size());
  const std::size_t slash = std::min(rest.find('/'), rest.size());
  const std::string_view id = rest.substr(0, slash);
  const auto stream = ledger::parse_stream_id(id);
  const auto batch = ledger::parse_decimal(rest.substr(std::min(slash + 1, rest.size())));
  if (!stream || !batch || stream->agent != request.client_common_name) {
    return no_such_path(request.path);
  }
  auto receipt = parts_.witnessed
                     ? parts_.witnessed(id, *batch)
                     : ledger::Result<std::optional<std::string>>(std::optional<std::string>());
  if (!receipt && receipt.error().kind == ledger::ErrorKind::reject) {
    return problem_response({.status = 404,
                             .slug = "no-such-batch",
                             .title = "The log does not hold this batch",
                             .detail = receipt.error().message});
  }
  if (!receipt) return failure_response(receipt.error());
  Response response;
  if (!*receipt) {
    ++witnessed_waits_;
    response.status = 204;
    return response;
  }
  ++witnessed_given_;
  response.content_type = "text/plain; charset=utf-8";
  response.body = std::move(**receipt);
  return response;
}

void IngestHandler::watch_clock(const Request& request) {
  const auto offset = parse_clock_offset(request.header(clock_offset_header));
  if (!offset) return;
  const auto alarm = clocks_.observe(request.client_common_name, *offset);
  if (alarm) raise(*alarm, request.client_common_name);
}

// A record that cannot be written now is not a reason to refuse the batches: the gauge tells too.
void IngestHandler::raise(const ClockAlarm& alarm, const std::string& agent) {
  if (!parts_.record) return;
  static_cast<void>(parts_.record(
      clock_alarm_record(parts_.clock.wall(), alarm, {.agent = agent, .host = host_of(agent)})));
}

// The evidence is in the fork leaf; the alarm is for those who read records.
void IngestHandler::watch_forks(const std::vector<ledger::Answer>& answers,
                                const std::string& agent) {
  for (const ledger::Answer& answer : answers) {
    if (answer.verdict != ledger::Verdict::fork || !parts_.record) continue;
    {
      const std::scoped_lock lock(forked_mutex_);
      if (!forked_.insert(answer.stream).second) continue;
    }
    std::string line;
    ledger::RecordWriter writer(line, parts_.clock.wall(), "collector");
    writer.text("what", "alarm").text("agent", agent).text("alarm", "fork");
    writer.integer("batch", answer.batch).text("host", host_of(agent));
    writer.text("state", "raised").text("stream", answer.stream);
    writer.finish();
    static_cast<void>(parts_.record(std::move(line)));
  }
}

// The renewal of a machine that brought a fork goes out of use and leaves the certificate of the
// one whose batches are the log's; a batch that was accepted makes it current. Where both speak
// with one certificate, nobody can tell them apart: the alarm and the state of the agent say so.
ledger::Result<void> IngestHandler::settle_renewal(const Request& request,
                                                   const std::vector<ledger::Answer>& answers) {
  const auto any = [&](ledger::Verdict verdict) {
    return std::ranges::any_of(answers,
                               [&](const auto& answer) { return answer.verdict == verdict; });
  };
  if (any(ledger::Verdict::fork)) return parts_.catalog.drop_renewal(request.client_common_name);
  if (!any(ledger::Verdict::accepted)) return {};
  return parts_.catalog.promote_renewal(request.client_common_name,
                                        request.client_certificate_sha256);
}

Response IngestHandler::take(const Request& request, CertificateUse use) {
  auto frames = ledger::split_frames(request.body);
  if (!frames) {
    ++posts_malformed_;
    return malformed_post(frames.error().message);
  }
  ++posts_;
  std::vector<GapSeen> gaps;
  auto answers = parts_.verifier.answer(*frames, request.client_common_name, &gaps);
  if (!answers) {
    ++posts_failed_;
    return failure_response(answers.error());
  }
  watch_forks(*answers, request.client_common_name);
  if (use == CertificateUse::renewal) {
    auto settled = settle_renewal(request, *answers);
    if (!settled) return failure_response(settled.error());
  }
  raise(gaps, request.client_common_name);
  return answers_response(*answers);
}

// Bodies that an agent gave up are an alarm; other gaps are counted, and found by search.
void IngestHandler::raise(const std::vector<GapSeen>& gaps, const std::string& agent) {
  gaps_ += gaps.size();
  for (const GapSeen& gap : gaps) {
    if (!gap.cause.starts_with("spool-")) continue;
    ++gaps_of_spool_;
    if (!parts_.record) continue;
    std::string line;
    ledger::RecordWriter writer(line, parts_.clock.wall(), "collector");
    writer.text("what", "alarm").text("agent", agent).text("alarm", gap.cause);
    if (!gap.batches.empty()) writer.text("batches", gap.batches);
    writer.integer("bytes", gap.bytes).integer("count", gap.count).text("host", host_of(agent));
    writer.text("stream", gap.stream);
    writer.finish();
    static_cast<void>(parts_.record(std::move(line)));
  }
}

std::string IngestHandler::host_of(const std::string& agent) const {
  const auto known = parts_.catalog.agent(Scope::all(), agent);
  return known && *known ? (*known)->host : std::string();
}

std::uint64_t IngestHandler::body_bytes_max(std::string_view, std::string_view path) const {
  return takes_frames(path) ? ledger::post_bytes_max : elsewhere_bytes_max;
}

IngestHandler::Counters IngestHandler::counters() const {
  return {.posts = posts_,
          .certificates_refused = certificates_refused_,
          .posts_malformed = posts_malformed_,
          .posts_failed = posts_failed_,
          .renewals = renewals_,
          .clocks_off = clocks_.off(),
          .clock_off_ms_max = clocks_.largest().count(),
          .gaps = gaps_,
          .gaps_of_spool = gaps_of_spool_,
          .witnessed_given = witnessed_given_,
          .witnessed_waits = witnessed_waits_};
}

}  // namespace yunjian::collector
