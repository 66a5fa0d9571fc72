#include "collector/api/witness_routes.h"

#include <fmt/format.h>

#include "collector/api/json.h"
#include "collector/api/parameters.h"
#include "collector/api/unit_counts.h"
#include "ledger/record_proof.h"
#include "ledger/statement_leaves.h"

namespace yunjian::collector {

namespace {

Response plain_text(std::string body) {
  Response response;
  response.content_type = "text/plain; charset=utf-8";
  response.body = std::move(body);
  return response;
}

Outcome<void> no_parameters(const Call& call) {
  auto parameters = Parameters::read(call.request, {});
  if (!parameters) return handed_on(parameters);
  return {};
}

Refusal unprocessable(std::string detail) {
  return refuse(422, "not-accepted", "What was sent does not count here", std::move(detail));
}

// Tells everybody who reads the own stream; the answer to whoever asked does not wait for it.
void alarm(const ApiContext& context, std::string_view cause, std::string_view detail) {
  Act act(context.clock->wall(), "alarm");
  act.text("cause", cause).text("detail", detail);
  static_cast<void>(context.commit_act(act.line()));
}

// The endorsement with this log's signature added, when what it names is what the log holds.
Outcome<std::string> endorsed_leaf(const ApiContext& context, const std::string& body) {
  const EvidenceLog& log = *context.log;
  auto endorsement = ledger::open_endorsement(body, log.verifier().name(), context.authorities);
  if (!endorsement) return unprocessable(endorsement.error().message);
  auto hash = log.leaf_hash(endorsement->leaf);
  if (!hash && hash.error().kind != ledger::ErrorKind::reject) return storage_problem(hash.error());
  if (!hash || *hash != endorsement->hash) {
    return unprocessable(fmt::format("leaf {} of this log is another one", endorsement->leaf));
  }
  auto leaf = log.leaf(endorsement->leaf);
  if (!leaf) return storage_problem(leaf.error());
  auto name = ledger::leaf_name(*leaf);
  if (!name || *name != "enrolment") {
    return unprocessable(fmt::format("leaf {} is no enrolment", endorsement->leaf));
  }
  auto note = ledger::parse_note(body);
  auto signature = log.sign(note->text);
  if (!signature) return storage_problem(signature.error());
  note->signatures.push_back(std::move(*signature));
  return ledger::format_note(note->text, note->signatures);
}

ledger::Result<void> add_line(const ApiContext& context, const EvidenceLog::StoredBatch& batch,
                              ledger::RecordProof& proof) {
  const ledger::Suite& suite = context.log->suite();
  auto sealed = ledger::read_header(batch.frame.header, suite);
  if (!sealed) return ledger::failure(sealed);
  ledger::BodyDecoder decoder;
  std::string joined;
  if (auto decoded = decoder.decode(batch.frame.body, joined); !decoded) return decoded;
  auto lines = ledger::split_lines(joined, sealed->header.records);
  if (!lines) return ledger::failure(lines);
  const auto hasher = suite.hasher();
  std::vector<ledger::Hash> hashes;
  for (const std::string_view line : *lines) hashes.push_back(hasher->leaf(line));
  const std::uint64_t index = proof.number - sealed->header.first_record;
  auto path =
      ledger::prove_inclusion(*hasher, index, hashes.size(), ledger::subtrees_of(*hasher, hashes));
  if (!path) return ledger::failure(path);
  proof.line = (*lines)[index];
  proof.line_path = std::move(*path);
  proof.header = batch.frame.header;
  if (sealed->header.batch == 0) return {};
  auto before = context.log->batch_row(proof.stream, sealed->header.batch - 1);
  if (!before) return ledger::failure(before);
  if (!*before) return ledger::fail(ledger::ErrorKind::corrupt, "the batch before is absent");
  auto previous = context.log->leaf((*before)->leaf);
  if (!previous) return ledger::failure(previous);
  proof.previous = std::move(*previous);
  return {};
}

ledger::Result<void> add_paths(const ApiContext& context, std::uint64_t leaf,
                               ledger::RecordProof& proof) {
  const auto stream = context.log->stream(proof.stream);
  if (!stream) return ledger::fail(ledger::ErrorKind::reject, "there is no such stream");
  const std::uint64_t enrolment = stream->enrolment_leaf;
  const std::vector<std::uint64_t> both = {leaf, enrolment};
  auto receipts = context.log->receipts(both);
  if (!receipts) return ledger::failure(receipts);
  auto header = ledger::parse_tlog_proof(receipts->front());
  auto enrolled = ledger::parse_tlog_proof(receipts->back());
  if (!header) return ledger::failure(header);
  if (!enrolled) return ledger::failure(enrolled);
  auto note = context.log->leaf(enrolment);
  if (!note) return ledger::failure(note);
  proof.enrolment = std::move(*note);
  proof.enrolment_index = enrolment;
  proof.enrolment_path = std::move(enrolled->path);
  proof.log = std::move(*header);
  return {};
}

}  // namespace

Outcome<Response> get_list(const ApiContext& context, const Call& call) {
  if (auto none = no_parameters(call); !none) return handed_on(none);
  const auto index = ledger::parse_decimal(call.parts[0]);
  if (!index || *index >= context.log->size()) return not_found();
  auto leaf = context.log->leaf(*index);
  if (!leaf) return storage_problem(leaf.error());
  const auto head = ledger::list_of_leaf(*leaf);
  if (!head) return not_found();
  auto lines = context.lists->read(*head, context.log->suite());
  if (!lines && lines.error().kind == ledger::ErrorKind::reject) return not_found();
  if (!lines) return storage_problem(lines.error());
  return plain_text(std::move(*lines));
}

Outcome<Response> get_candidate(const ApiContext& context, const Call& call) {
  if (auto none = no_parameters(call); !none) return handed_on(none);
  return plain_text(context.cosignatures->candidate());
}

Outcome<Response> get_witnessed(const ApiContext& context, const Call& call) {
  if (auto none = no_parameters(call); !none) return handed_on(none);
  std::string note = context.cosignatures->witnessed();
  if (note.empty()) return not_found();
  return plain_text(std::move(note));
}

Outcome<Response> post_cosignatures(const ApiContext& context, const Call& call) {
  if (auto none = no_parameters(call); !none) return handed_on(none);
  auto standing = context.cosignatures->add(call.request.body);
  if (!standing) {
    const ledger::Error& error = standing.error();
    if (error.kind == ledger::ErrorKind::corrupt) {
      alarm(context, "split-view", error.message);
      return refuse(409, "other-history", "This is not the log's history", error.message);
    }
    if (error.kind == ledger::ErrorKind::reject) return unprocessable(error.message);
    return storage_problem(error);
  }
  Json json;
  json.begin_object()
      .member("size", standing->size)
      .member("cosignatures", std::uint64_t{standing->cosignatures})
      .member("quorum", std::uint64_t{context.cosignatures->policy().quorum})
      .member("witnessed", standing->witnessed)
      .end_object();
  Response response;
  response.body = json.take();
  return response;
}

Outcome<Response> post_endorsement(const ApiContext& context, const Call& call) {
  if (auto none = no_parameters(call); !none) return handed_on(none);
  auto leaf = endorsed_leaf(context, call.request.body);
  if (!leaf) return handed_on(leaf);
  auto recorded = record_look(context, look(context, call, "endorse"));
  if (!recorded) return handed_on(recorded);
  auto index = context.commit_leaf(std::move(*leaf));
  if (!index) return storage_problem(index.error());
  auto receipt = context.log->receipt(*index);
  if (!receipt) return storage_problem(receipt.error());
  Json json;
  json.begin_object().member("leaf", *index).member("receipt", std::string_view(*receipt));
  json.end_object();
  Response response;
  response.body = json.take();
  return response;
}

Outcome<Response> get_record_proof(const ApiContext& context, const Call& call) {
  if (auto none = no_parameters(call); !none) return handed_on(none);
  const auto number = ledger::parse_decimal(call.parts[1]);
  if (!ledger::parse_stream_id(call.parts[0]) || !number) return not_found();
  // Only a record that this credential may read is proven to it.
  auto record = context.records->record(call.credential.scope, call.parts[0], *number);
  if (!record && record.error().kind == ledger::ErrorKind::reject) return not_found();
  if (!record) return storage_problem(record.error());
  auto row = context.log->row_of_record(call.parts[0], *number);
  if (!row) return storage_problem(row.error());
  if (!*row) return not_found();
  auto batch = context.log->batch(call.parts[0], (*row)->number);
  if (!batch) return storage_problem(batch.error());
  ledger::RecordProof proof;
  proof.stream = call.parts[0];
  proof.number = *number;
  if (auto added = add_line(context, *batch, proof); !added) return storage_problem(added.error());
  if (auto added = add_paths(context, batch->leaf, proof); !added) {
    return storage_problem(added.error());
  }
  Act act = look(context, call, "export");
  UnitCounts counts;
  counts.add(record->unit);
  counts.tell(act);
  if (auto recorded = record_look(context, act); !recorded) return handed_on(recorded);
  return plain_text(ledger::format_proof(proof));
}

}  // namespace yunjian::collector
