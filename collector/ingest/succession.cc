#include "collector/ingest/succession.h"

#include <fmt/format.h>

#include "collector/ingest/problems.h"
#include "ledger/leaves.h"
#include "ledger/record.h"

namespace yunjian::collector {
namespace {

using ledger::Result;

constexpr std::chrono::days token_life{36500};
// Each first key takes one: an agent that lost its own before it was answered comes with another.
constexpr std::uint64_t token_uses = 1000;

tl::unexpected<Problem> refuse(Problem problem) { return tl::unexpected(std::move(problem)); }

template <typename T>
tl::unexpected<Problem> unavailable(const Result<T>& failed) {
  return refuse(failure_problem(failed.error()));
}

tl::unexpected<Problem> invalid(std::string detail) {
  return refuse({.status = 400,
                 .slug = "succession-invalid",
                 .title = "The request of an agent of the lost log is not valid",
                 .detail = std::move(detail)});
}

tl::unexpected<Problem> not_linked(std::string detail) {
  return refuse({.status = 409,
                 .slug = "not-linked",
                 .title = "The headers do not lead back from the end of the stream",
                 .detail = std::move(detail)});
}

std::string text_of(const ledger::ParsedRecord& json, std::string_view key) {
  return std::string(json.find(key).value_or(""));
}

Response linked_response(const std::string& stream, std::string_view how, std::uint64_t batch) {
  return {.body = fmt::format("{{\"stream\":\"{}\",\"{}\":{}}}", stream, how, batch)};
}

}  // namespace

Result<bool> SuccessionDesk::is_heir(const std::string& agent) const {
  if (!parts_.log.predecessor()) return false;
  auto known = parts_.catalog.agent(Scope::all(), agent);
  if (!known) return ledger::failure(known);
  if (!*known) return true;
  const auto stream = parts_.log.stream(ledger::stream_id(agent, (*known)->incarnation));
  return stream && stream->inherited;
}

Response SuccessionDesk::tell() const {
  auto leaf = parts_.log.leaf(1);
  if (!leaf) return failure_response(leaf.error());
  // Flat, without the member `retry`: agents read it with the reader of records.
  std::string body = R"({"status":409)";
  for (const auto& [name, text] :
       {std::pair<std::string_view, std::string>("type", "urn:yunjian:problem:successor"),
        {"title", "This log goes on for one that is lost"},
        {"detail", "Seal the end of the stream, then POST /ingest/v1/successor."},
        {"vkey", parts_.log.verifier().vkey()},
        {"leaf", *leaf}}) {
    body += fmt::format(",\"{}\":", name);
    ledger::append_json_string(body, text);
  }
  return {.status = 409, .content_type = "application/problem+json", .body = body + "}"};
}

Response SuccessionDesk::enrol(const Request& request) {
  if (!parts_.log.predecessor()) return no_such_path(request.path);
  auto json = ledger::parse_record(request.body);
  if (!json) return problem_response(invalid("The body is not one flat JSON object.").value());
  auto key = ledger::from_base64(text_of(**json, "key"));
  if (!key) return problem_response(invalid("\"key\" is not base64.").value());
  auto ended = ended_stream(request, **json);
  if (!ended) return problem_response(ended.error());
  if (auto opened = open_inherited(*ended, text_of(**json, "enrolment")); !opened) {
    return problem_response(opened.error());
  }
  auto token = token_for(*ended, *key);
  if (!token) return problem_response(token.error());
  return parts_.enrol.enrol({.token = std::move(*token),
                             .first_key = std::move(*key),
                             .csr = text_of(**json, "csr"),
                             .inherited = std::move(ended->inherited)},
                            **json);
}

// What the agent shows of the stream: its enrolment, by the dead log's key, and its last header.
OrProblem<SuccessionDesk::Ended> SuccessionDesk::ended_stream(
    const Request& request, const ledger::ParsedRecord& json) const {
  const ledger::Suite& suite = parts_.log.suite();
  const std::string leaf = text_of(json, "enrolment");
  auto check = ledger::verify_enrolment(leaf, *parts_.log.predecessor(), std::nullopt);
  if (!check) return invalid("\"enrolment\": " + check.error().message);
  Ended ended{std::move(check->enrolment), {}};
  if (ended.enrolment.agent != request.client_common_name) {
    return invalid("\"enrolment\" is of another agent than the client certificate");
  }
  if (const auto host = json.find("host"); host && *host != ended.enrolment.host) {
    return invalid("\"host\" is another one than in the enrolment");
  }
  ended.inherited = {suite.hasher()->leaf(leaf), ended.enrolment.first_key};
  const std::string head = text_of(json, "head");
  if (head.empty()) return ended;
  auto sealed = ledger::read_header(head, suite);
  if (!sealed) return invalid("\"head\": " + sealed.error().message);
  if (sealed->header.agent != ended.enrolment.agent ||
      sealed->header.incarnation != ended.enrolment.incarnation) {
    return invalid("\"head\" is of another stream than the enrolment");
  }
  ended.inherited = {suite.hasher()->leaf(head), sealed->header.next_key};
  return ended;
}

// The stream is here afterwards, and so is the unit that the dead log had given the host.
OrProblem<void> SuccessionDesk::open_inherited(const Ended& ended, const std::string& leaf) {
  const std::lock_guard one_at_a_time(opening_);
  const ledger::Enrolment& enrolment = ended.enrolment;
  auto known = parts_.catalog.agent(Scope::all(), enrolment.agent);
  if (!known) return unavailable(known);
  if (*known && (*known)->incarnation > enrolment.incarnation) return {};  // a repeat, or too late
  const std::string id = ledger::stream_id(enrolment.agent, enrolment.incarnation);
  if (!parts_.log.stream(id)) {
    std::vector<Entry> entries;
    entries.emplace_back(LeafEntry{leaf});
    auto committed = parts_.log.commit(std::move(entries));
    if (!committed) return unavailable(committed);
  }
  if (*known) return {};
  auto units = parts_.catalog.units(Scope::units({enrolment.unit}));
  if (!units) return unavailable(units);
  if (units->empty()) {
    auto put = parts_.catalog.put_units({{.id = enrolment.unit, .name = enrolment.unit}});
    if (!put) return unavailable(put);
  }
  // Without a certificate in use: nothing of the stream is taken before the agent is enrolled here.
  auto put = parts_.catalog.put_agent({.id = enrolment.agent,
                                       .incarnation = enrolment.incarnation,
                                       .host = enrolment.host,
                                       .unit = enrolment.unit,
                                       .certificate_sha256 = {},
                                       .enrolled = parts_.clock.wall()});
  if (!put) return unavailable(put);
  return {};
}

// Nobody else can know it: it is made of this collector's secret and the agent.
OrProblem<std::string> SuccessionDesk::token_for(const Ended& ended, const std::string& first_key) {
  const std::string agent = ended.enrolment.agent;
  const std::string token = ledger::to_hex(
      ledger::as_view(ledger::sha256("yunjian/succession\n" + parts_.secret + "\n" + agent)));
  const ledger::Time now = parts_.clock.wall();
  auto there = parts_.catalog.enrol_token(token, first_key, now);
  if (there) return token;
  if (there.error().kind != ledger::ErrorKind::reject) return unavailable(there);
  auto added = parts_.catalog.add_enrol_token(token,
                                              {.unit = ended.enrolment.unit,
                                               .agent = agent,
                                               .uses = token_uses,
                                               .expires = now + token_life},
                                              now);
  if (!added && !parts_.catalog.reservation(token, first_key)) return unavailable(added);
  return token;
}

// The header that the next incarnation's enrolment names.
OrProblem<ledger::Hash> SuccessionDesk::head_of(const StreamState& stream) const {
  const auto next = parts_.log.stream(ledger::stream_id(stream.agent, stream.incarnation + 1));
  if (!next) return not_linked("the next incarnation is not enrolled here yet");
  auto leaf = parts_.log.leaf(next->enrolment_leaf);
  if (!leaf) return unavailable(leaf);
  auto note = ledger::parse_note(*leaf);
  if (!note) return unavailable(note);
  auto enrolment = ledger::parse_enrolment(note->text);
  if (!enrolment) return unavailable(enrolment);
  if (!enrolment->previous) return not_linked("the next incarnation names no header");
  return *enrolment->previous;
}

Response SuccessionDesk::link(const Request& request) {
  auto frames = ledger::split_frames(request.body);
  if (!frames) return problem_response(invalid(frames.error().message).value());
  std::string id;
  for (const ledger::FrameRef& frame : *frames) {
    auto sealed = ledger::read_header(frame.header, parts_.log.suite());
    if (!sealed) return problem_response(invalid(sealed.error().message).value());
    id = ledger::stream_id(sealed->header.agent, sealed->header.incarnation);
    const auto stream = parts_.log.stream(id);
    if (!stream || !stream->inherited || stream->agent != request.client_common_name) {
      return problem_response(
          invalid("stream " + id + " is not inherited from this agent").value());
    }
    if (stream->begun) return linked_response(id, "begun", stream->first_batch);
    if (auto added = add_link(*stream, frame); !added) return problem_response(added.error());
  }
  const std::lock_guard lock(chains_mutex_);
  return linked_response(id, "linked", chains_[id].lowest.header.batch);
}

// The first one is the stream's end; a chain may always be shown again from there.
OrProblem<void> SuccessionDesk::add_link(const StreamState& stream, const ledger::FrameRef& frame) {
  const ledger::Suite& suite = parts_.log.suite();
  auto sealed = ledger::read_header(frame.header, suite);
  if (!sealed) return invalid(sealed.error().message);
  const ledger::BatchHeader& header = sealed->header;
  const std::string id = ledger::stream_id(stream.agent, stream.incarnation);
  Chain chain{*sealed, suite.hasher()->leaf(frame.header)};
  auto head = head_of(stream);
  if (!head) return refuse(std::move(head).error());
  const std::lock_guard lock(chains_mutex_);
  if (chain.leaf_hash != *head) {
    const auto there = chains_.find(id);
    if (there == chains_.end()) return not_linked("begin with the last header of the stream");
    const ledger::SealedHeader& behind = there->second.lowest;
    if (behind.header.previous != chain.leaf_hash || behind.header.batch != header.batch + 1 ||
        behind.header.first_record != header.first_record + header.records) {
      return not_linked(fmt::format("batch {} is not the one that batch {} names", header.batch,
                                    behind.header.batch));
    }
    if (!ledger::header_signed_by(behind, suite, parts_.log.predecessor()->name(),
                                  header.next_key)) {
      return not_linked(fmt::format("batch {} is not signed by the key that batch {} announced",
                                    behind.header.batch, header.batch));
    }
  }
  if (auto good = check_first(stream, *sealed); !good) return good;
  chains_.insert_or_assign(id, std::move(chain));
  return {};
}

// Batch 0 hangs on the enrolment.
OrProblem<void> SuccessionDesk::check_first(const StreamState& stream,
                                            const ledger::SealedHeader& sealed) const {
  if (sealed.header.batch > 0) return {};
  auto leaf = parts_.log.leaf_hash(stream.enrolment_leaf);
  if (!leaf) return unavailable(leaf);
  if (sealed.header.previous == *leaf &&
      ledger::header_signed_by(sealed, parts_.log.suite(), parts_.log.predecessor()->name(),
                               stream.first_key)) {
    return {};
  }
  return not_linked("batch 0 does not follow the enrolment");
}

Response SuccessionDesk::begin(const Request& request) {
  auto frames = ledger::split_frames(request.body);
  if (!frames) return problem_response(invalid(frames.error().message).value());
  if (frames->size() != 1) return problem_response(invalid("one frame is asked for").value());
  auto sealed = ledger::read_header(frames->front().header, parts_.log.suite());
  if (!sealed) return problem_response(invalid(sealed.error().message).value());
  const std::string id = ledger::stream_id(sealed->header.agent, sealed->header.incarnation);
  ledger::Hash linked{};
  {
    const std::lock_guard lock(chains_mutex_);
    const auto chain = chains_.find(id);
    if (chain == chains_.end()) {
      return problem_response(not_linked("show the headers of the stream first").value());
    }
    linked = chain->second.leaf_hash;
  }
  auto answer = parts_.verifier.begin(frames->front(), request.client_common_name, linked);
  if (!answer) return failure_response(answer.error());
  if (answer->verdict == ledger::Verdict::accepted) {
    const std::lock_guard lock(chains_mutex_);
    chains_.erase(id);
  }
  Response response;
  response.content_type = "application/x-ndjson";
  ledger::append_answer(response.body, *answer);
  return response;
}

}  // namespace yunjian::collector
