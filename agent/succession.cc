#include "agent/succession.h"

#include <fmt/format.h>

#include "agent/json_object.h"
#include "agent/ship/curl_uploader.h"
#include "ledger/batch.h"
#include "ledger/record.h"
#include "ledger/successor.h"
#include "ledger/wire.h"

namespace yunjian::agent {
namespace {

using ledger::ErrorKind;
using ledger::fail;
using ledger::failure;
using ledger::Result;

constexpr std::string_view enrol_path = "/ingest/v1/successor";
constexpr std::string_view link_path = "/ingest/v1/inherited";
constexpr std::string_view begin_path = "/ingest/v1/inherited/begin";

StatePaths old_paths(const StatePaths& paths, const std::string& stream) {
  return StatePaths(ledger::join_path(paths.old, stream));
}

// The answers of the three paths are alike: what is wrong stands in "detail".
Result<void> check_answer(const HttpAnswer& answer) {
  if (answer.status == 200) return {};
  const auto json = JsonObject::parse(answer.body);
  const bool later = answer.status == 429 || answer.status >= 500;
  return fail(later ? ErrorKind::retry : ErrorKind::reject,
              fmt::format("the new log does not take the old stream (HTTP {}): {}", answer.status,
                          json ? json->text("detail") : std::string()));
}

class CurlSuccessorServer : public SuccessorServer {
 public:
  CurlSuccessorServer(ledger::FileSystem& files, StatePaths paths, SuccessorAddress address)
      : files_(&files), paths_(std::move(paths)), address_(std::move(address)) {}

  Result<HttpAnswer> fetch_ca() override {
    return fail(ErrorKind::reject, "the CA is the one that this host trusts already");
  }

  // The certificate of the stream that ends, wherever the change has got to.
  Result<HttpAnswer> post(const std::string& json, const std::string& ca_file) override {
    auto succession = read_succession(*files_, paths_);
    if (!succession) return failure(succession);
    ledger::require(succession->has_value(), "a succession is under way");
    const StatePaths old = old_paths(paths_, (*succession)->stream);
    auto moved = files_->exists(old.tls_certificate);
    if (!moved) return failure(moved);
    auto key_moved = files_->exists(old.tls_key);
    if (!key_moved) return failure(key_moved);
    auto uploader = open(*key_moved ? old.tls_key : paths_.tls_key,
                         *moved ? old.tls_certificate : paths_.tls_certificate, ca_file);
    if (!uploader) return failure(uploader);
    return (*uploader)->ask(enrol_path, json);
  }

  Result<HttpAnswer> post_frames(std::string_view path, std::string_view frames) override {
    if (!frames_) {
      auto uploader = open(paths_.tls_key, paths_.tls_certificate, paths_.ca);
      if (!uploader) return failure(uploader);
      frames_ = std::move(*uploader);
    }
    return frames_->post_to(path, frames);
  }

 private:
  Result<std::unique_ptr<CurlUploader>> open(const std::string& key, const std::string& certificate,
                                             const std::string& ca) {
    std::vector<std::string> urls = address_.urls;
    if (urls.empty()) {
      auto identity = known_identity();
      if (!identity) return failure(identity);
      urls = identity->ingest;
    }
    return std::make_unique<CurlUploader>(
        std::move(urls),
        CurlOptions{
            .ca_file = ca, .cert_file = certificate, .key_file = key, .proxy = address_.proxy});
  }
  // While the change is between the two, only the old one is there.
  Result<AgentIdentity> known_identity() {
    auto identity = read_identity(*files_, paths_);
    if (identity) return identity;
    auto succession = read_succession(*files_, paths_);
    if (!succession) return failure(succession);
    if (!*succession) return identity;
    return read_identity(*files_, old_paths(paths_, (*succession)->stream));
  }

  ledger::FileSystem* files_;
  StatePaths paths_;
  SuccessorAddress address_;
  std::unique_ptr<CurlUploader> frames_;
};

// Shows the new log the headers that are held, from the last one back, and gives it the first.
class Linking {
 public:
  Linking(Spool& spool, SuccessorServer& server) : spool_(spool), server_(server) {}

  // The batch with which the stream begins there. Nothing: nothing is held.
  Result<std::optional<std::uint64_t>> run() {
    std::uint64_t next = spool_.empty() ? 0 : spool_.next_batch();
    std::optional<std::uint64_t> lowest;
    while (next > 0 && next > spool_.first_batch() && !begun_) {
      auto post = headers_below(next);
      if (!post) return failure(post);
      if (post->empty()) break;
      auto answer = server_.post_frames(link_path, *post);
      if (!answer) return failure(answer);
      if (auto good = check_answer(*answer); !good) return failure(good);
      const auto json = ledger::parse_record(answer->body);
      if (json) begun_ = (*json)->find_integer("begun");
      lowest = next;
    }
    if (begun_ || !lowest) return begun_;
    return begin(*lowest);
  }

 private:
  // As many as one post takes; `next` moves down. What cannot be read ends the chain.
  Result<std::string> headers_below(std::uint64_t& next) {
    std::string post;
    for (std::size_t i = 0; i < ledger::post_frames_max && next > spool_.first_batch(); ++i) {
      auto header = spool_.header(next - 1);
      if (!header && header.error().kind != ErrorKind::corrupt) return failure(header);
      if (!header || !*header) break;
      ledger::append_frame(post, **header, {});
      --next;
    }
    return post;
  }

  Result<std::optional<std::uint64_t>> begin(std::uint64_t batch) {
    auto held = spool_.read(batch);
    if (!held) return failure(held);
    if (!*held) return fail(ErrorKind::corrupt, "a batch of the old stream is gone");
    std::string post;
    ledger::append_frame(post, (*held)->entry.header, (*held)->entry.body);
    auto answer = server_.post_frames(begin_path, post);
    if (!answer) return failure(answer);
    if (auto good = check_answer(*answer); !good) return failure(good);
    const auto lines = ledger::parse_answers(answer->body);
    if (!lines || lines->size() != 1) {
      return fail(ErrorKind::retry, "the new log's answer is not understood");
    }
    const ledger::Verdict verdict = lines->front().verdict;
    if (verdict == ledger::Verdict::accepted || verdict == ledger::Verdict::duplicate) {
      return std::optional(batch);
    }
    return fail(ErrorKind::reject,
                "the new log does not take the old stream: " + lines->front().problem);
  }

  Spool& spool_;
  SuccessorServer& server_;
  std::optional<std::uint64_t> begun_;
};

Result<void> link_old_stream(const Succession& succession, const StatePaths& paths,
                             const SuccessionTools& tools) {
  const StatePaths old = old_paths(paths, succession.stream);
  auto there = tools.files->exists(old.inherited);
  if (!there) return failure(there);
  if (*there || succession.head.empty()) return {};
  auto spool = Spool::open(*tools.files, old.spool, SpoolLimits{});
  if (!spool) return failure(spool);
  auto batch = Linking(*spool, *tools.server).run();
  if (!batch) return failure(batch);
  if (!*batch) return {};
  return replace_file(*tools.files, old.inherited,
                      format_json({{"vkey", succession.vkey}, {"batch", **batch}}), 0644);
}

}  // namespace

Result<SuccessorOffer> read_offer(std::string_view problem, const AgentIdentity& identity,
                                  std::string_view checkpoint) {
  auto json = ledger::parse_record(problem);
  if (!json) return failure(json, "the offer of a log that goes on for ours");
  SuccessorOffer offer{.vkey = std::string((*json)->find("vkey").value_or("")),
                       .leaf = std::string((*json)->find("leaf").value_or(""))};
  auto log = ledger::Verifier::from_vkey(offer.vkey);
  if (!log) return failure(log, "the vkey of a log that says it goes on for ours");
  auto successor = ledger::verify_successor(offer.leaf, *log);
  if (!successor) return failure(successor);
  if (successor->previous != identity.vkey) {
    return fail(ErrorKind::reject,
                fmt::format("the collector's log {} goes on for another log than {}", log->name(),
                            identity.origin));
  }
  const auto ours = ledger::Verifier::from_vkey(identity.vkey);
  if (!ours || checkpoint.empty()) return offer;
  const auto given = ledger::open_checkpoint(checkpoint, *ours);
  const auto named = ledger::open_checkpoint(successor->checkpoint, *ours);
  if (given && named && given->tree.size == named->tree.size && given->tree != named->tree) {
    return fail(ErrorKind::reject,
                "the log that says it goes on for ours names another tree than the one that this "
                "agent was given a checkpoint of: tell the authority, and keep this host's state "
                "directory");
  }
  return offer;
}

Result<std::optional<Succession>> read_succession(ledger::FileSystem& files,
                                                  const StatePaths& paths) {
  auto there = files.exists(paths.succession);
  if (!there) return failure(there);
  if (!*there) return std::optional<Succession>();
  auto text = files.read_file(paths.succession);
  if (!text) return failure(text);
  auto json = JsonObject::parse(*text);
  if (!json) return failure(json, paths.succession);
  return std::optional(Succession{.stream = json->text("stream"),
                                  .vkey = json->text("vkey"),
                                  .enrolment = json->text("enrolment"),
                                  .head = json->text("head")});
}

Result<void> prepare_succession(ledger::FileSystem& files, const StatePaths& paths,
                                const SuccessorOffer& offer) {
  auto identity = read_identity(files, paths);
  if (!identity) return failure(identity);
  auto enrolment = files.read_file(paths.enrolment);
  if (!enrolment) return failure(enrolment);
  auto ratchet = ledger::Ratchet::open(files, paths.ratchet);
  if (!ratchet) return failure(ratchet);
  if (ratchet->in_doubt()) return fail(ErrorKind::reject, "the last seal is not durable");
  std::string head;
  if (ratchet->next_batch() > 0) {
    auto spool = Spool::open(files, paths.spool, SpoolLimits{});
    if (!spool) return failure(spool);
    auto header = spool->header(ratchet->next_batch() - 1);
    if (!header) return failure(header);
    if (!*header) return fail(ErrorKind::reject, "the last header is not in the spool any more");
    head = std::move(**header);
  }
  return replace_file(files, paths.succession,
                      format_json({{"stream", identity->stream()},
                                   {"vkey", offer.vkey},
                                   {"enrolment", *enrolment},
                                   {"head", head}}),
                      0600);
}

Result<void> give_up_succession(ledger::FileSystem& files, const StatePaths& paths) {
  if (auto removed = files.remove(paths.succession); !removed) return removed;
  return files.sync_directory(paths.directory);
}

std::unique_ptr<SuccessorServer> make_successor_server(ledger::FileSystem& files,
                                                       const StatePaths& paths,
                                                       SuccessorAddress address) {
  return std::make_unique<CurlSuccessorServer>(files, paths, std::move(address));
}

Result<void> carry_out(const Succession& succession, const StatePaths& paths,
                       const SuccessionTools& tools) {
  auto note = ledger::parse_note(succession.enrolment);
  if (!note) return failure(note, paths.succession);
  auto ended = ledger::parse_enrolment(note->text);
  if (!ended) return failure(ended, paths.succession);
  EnrolOptions options{.token = "succession " + succession.vkey,
                       .ca_fingerprint = {},
                       .state = paths.directory,
                       .host = ended->host,
                       .suite = ended->suite,
                       .succession = EnrolSuccession{.vkey = succession.vkey,
                                                     .leaf = succession.enrolment,
                                                     .head = succession.head,
                                                     .ended = *ended}};
  auto identity = enrol(
      options,
      {.files = tools.files, .random = tools.random, .clock = tools.clock, .server = tools.server});
  if (!identity) return failure(identity);
  if (auto linked = link_old_stream(succession, paths, tools); !linked) return linked;
  return give_up_succession(*tools.files, paths);
}

Result<InheritedStream> read_inherited(ledger::FileSystem& files, const StatePaths& paths) {
  auto text = files.read_file(paths.inherited);
  if (!text) return failure(text);
  auto json = JsonObject::parse(*text);
  if (!json) return failure(json, paths.inherited);
  return InheritedStream{.vkey = json->text("vkey"), .batch = json->number("batch")};
}

}  // namespace yunjian::agent
