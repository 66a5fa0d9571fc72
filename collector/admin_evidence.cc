#include <fmt/format.h>

#include "collector/admin.h"
#include "ledger/batch.h"
#include "ledger/checkpoint.h"
#include "ledger/statement_leaves.h"

// The commands that read evidence or write leaves: `verify`, `host retire`.

namespace yunjian::collector {

using ledger::ErrorKind;
using ledger::Result;

namespace {

struct Tally {
  std::uint64_t streams = 0;
  std::uint64_t batches = 0;
  std::uint64_t records = 0;
  std::uint64_t hollow = 0;
};

// Reads one stream from its enrolment to its newest batch and compares everything that a stream
// says about itself: chain, keys, roots.
class StreamCheck {
 public:
  StreamCheck(const EvidenceLog& log, const StreamInfo& stream)
      : log_(log), stream_(stream), hasher_(log.suite().hasher()) {}

  Result<void> run(Tally& tally) {
    auto enrolment = log_.leaf_hash(stream_.state.enrolment_leaf);
    if (!enrolment) return ledger::failure(enrolment);
    previous_ = *enrolment;
    key_ = stream_.state.first_key;
    const std::uint64_t begin = stream_.state.first_batch;
    begun_ = begin == 0;
    for (std::uint64_t number = begin; number < stream_.state.next_batch; ++number) {
      if (auto good = check(number, tally); !good) return good;
    }
    ++tally.streams;
    return {};
  }

 private:
  ledger::Failure wrong(std::uint64_t number, std::string_view what) const {
    return ledger::fail(ErrorKind::corrupt,
                        fmt::format("stream {} batch {}: {}", stream_.id, number, what));
  }
  Result<void> check(std::uint64_t number, Tally& tally);
  Result<void> check_body(const EvidenceLog::StoredBatch& batch, const ledger::BatchHeader& header);

  const EvidenceLog& log_;
  const StreamInfo& stream_;
  const std::unique_ptr<ledger::Hasher> hasher_;
  ledger::BodyDecoder decoder_;
  ledger::Hash previous_{};
  bool begun_ = true;  // false: what came before is of a lost log
  std::string key_;
  std::string lines_;
};

Result<void> StreamCheck::check(std::uint64_t number, Tally& tally) {
  auto batch = log_.batch(stream_.id, number);
  if (!batch) return ledger::failure(batch);
  auto sealed = ledger::read_header(batch->frame.header, log_.suite());
  if (!sealed) return ledger::failure(sealed);
  const auto& header = sealed->header;
  if (header.batch != number || (begun_ && header.previous != previous_)) {
    return wrong(number, "it does not continue the batch before it");
  }
  const auto dead = stream_.state.inherited ? log_.predecessor() : std::nullopt;
  const std::string& origin = dead ? dead->name() : log_.verifier().name();
  if (begun_ && !ledger::header_signed_by(*sealed, log_.suite(), origin, key_)) {
    return wrong(number, "its signature is not by the key that was announced");
  }
  auto leaf = log_.leaf(batch->leaf);
  if (!leaf) return ledger::failure(leaf);
  if (*leaf != batch->frame.header) return wrong(number, "its leaf in the log is another note");
  if (batch->hollow) {
    ++tally.hollow;
  } else if (auto good = check_body(*batch, header); !good) {
    return good;
  }
  previous_ = hasher_->leaf(batch->frame.header);
  key_ = header.next_key;
  begun_ = true;
  ++tally.batches;
  tally.records += header.records;
  return {};
}

Result<void> StreamCheck::check_body(const EvidenceLog::StoredBatch& batch,
                                     const ledger::BatchHeader& header) {
  if (auto decoded = decoder_.decode(batch.frame.body, lines_); !decoded && header.records > 0) {
    return wrong(header.batch, decoded.error().message);
  }
  if (header.records == 0) lines_.clear();
  auto lines = ledger::split_lines(lines_, header.records);
  if (!lines) return wrong(header.batch, lines.error().message);
  if (ledger::lines_root(*hasher_, *lines) == header.root) return {};
  return wrong(header.batch, "its records do not give the root in its header");
}

}  // namespace

// The agent's newest incarnation ends here; its host may be enrolled anew later. Its certificate
// goes first: no batch can come in between.
Result<AdminAnswer> AdminCommands::retire_host(const AdminRequest& request) {
  const std::string id = request.field("agent");
  std::optional<StreamInfo> newest;
  for (StreamInfo& stream : context_.log->streams()) {
    if (stream.state.agent != id || stream.id == context_.log->own_stream()) continue;
    if (!newest || newest->state.incarnation < stream.state.incarnation) newest = std::move(stream);
  }
  if (!newest) {
    return ledger::fail(ErrorKind::reject, fmt::format("--agent '{}' was never enrolled here", id));
  }
  const StreamState& state = newest->state;
  if (state.retired) {
    return ledger::fail(ErrorKind::reject, fmt::format("agent {} is retired already", id));
  }
  Act retired = act(request, "retire");
  retired.text("agent", id).text("host", state.host).text("unit", state.unit);
  retired.number("incarnation", state.incarnation);
  if (auto ended = end_certificate(retired, id, "retired"); !ended) return ledger::failure(ended);
  const std::string text = ledger::format_retirement({.agent = id,
                                                      .incarnation = state.incarnation,
                                                      .batches = state.next_batch,
                                                      .head = state.head,
                                                      .retired = context_.clock->wall()});
  auto signature = context_.log->sign(text);
  if (!signature) return ledger::failure(signature);
  std::vector<Entry> entries;
  entries.emplace_back(LeafEntry{ledger::format_note(text, {*signature})});
  auto committed = context_.log->commit(std::move(entries));
  if (!committed) return ledger::failure(committed, "a batch came in; try again");
  return AdminAnswer{
      .out = fmt::format("{} (host {}, unit {}) is retired after {} batches: leaf {}\n", newest->id,
                         state.host, state.unit, state.next_batch, committed->leaves.front())};
}

Result<AdminAnswer> AdminCommands::verify(const AdminRequest&) {
  auto checkpoint = ledger::open_checkpoint(context_.log->checkpoint(), context_.log->verifier());
  if (!checkpoint) return ledger::failure(checkpoint, "checkpoint");
  Tally tally;
  for (const auto& stream : context_.log->streams()) {
    if (auto good = StreamCheck(*context_.log, stream).run(tally); !good) {
      return ledger::failure(good);
    }
  }
  return AdminAnswer{
      .out = fmt::format("good: checkpoint of {} leaves, {} streams, {} batches, {} records, {} "
                         "bodies absent\n",
                         checkpoint->tree.size, tally.streams, tally.batches, tally.records,
                         tally.hollow),
      .note =
          "This is the collector's own word. Whoever must not trust it runs `yunjian-audit "
          "verify`.\n"};
}

}  // namespace yunjian::collector
