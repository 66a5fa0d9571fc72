#include "collector/store/entry_facts.h"

#include <utility>

#include "ledger/record.h"
#include "ledger/statement_leaves.h"
#include "ledger/successor.h"

namespace yunjian::collector {

using ledger::ErrorKind;
using ledger::fail;
using ledger::Hash;
using ledger::Result;

namespace {

Result<EntryFacts> examine_enrolment(std::string_view leaf, const ExamineContext& context) {
  auto note = ledger::parse_note(leaf);
  if (!note) return failure(note);
  auto enrolment = ledger::parse_enrolment(note->text);
  if (!enrolment) return failure(enrolment);
  EnrolmentFacts facts;
  const auto predecessor = context.known.predecessor();
  facts.inherited = predecessor && enrolment->origin == predecessor->name();
  const auto announced = context.known.announced_key(*enrolment);
  auto check = ledger::verify_enrolment(
      leaf, facts.inherited ? *predecessor : context.log,
      announced ? std::optional<std::string_view>(*announced) : std::nullopt);
  if (!check) return failure(check);
  facts.stream = ledger::stream_id(check->enrolment.agent, check->enrolment.incarnation);
  facts.check = std::move(*check);
  facts.leaf_hash = context.hasher.leaf(leaf);
  if (predecessor && !facts.inherited && !announced && enrolment->previous) {
    facts.awaiting = leaf;
  }
  return facts;
}

// Whether the batch is the one that an inherited stream ends with.
void examine_end(BatchFacts& facts, const ExamineContext& context) {
  const auto leaf = context.known.awaiting(facts.stream, facts.leaf_hash);
  if (!leaf) return;
  facts.closed_by = ledger::stream_id(facts.header.agent, facts.header.incarnation + 1);
  const auto check = ledger::verify_enrolment(*leaf, context.log, facts.header.next_key);
  facts.endorses = check && check->endorsed;
}

Result<EntryFacts> examine_successor(std::string_view leaf, const ExamineContext& context) {
  auto successor = ledger::verify_successor(leaf, context.log);
  if (!successor) return failure(successor);
  return SuccessorFacts{successor->previous, context.hasher.leaf(leaf)};
}

Result<EntryFacts> examine_fork(std::string_view leaf, const ExamineContext& context) {
  auto note = ledger::open_note(leaf, {context.log});
  if (!note) return failure(note);
  auto fork = ledger::parse_fork(note->text);
  if (!fork) return failure(fork);
  ForkFacts facts;
  facts.stream = ledger::stream_id(fork->agent, fork->incarnation);
  facts.refused = context.hasher.leaf(fork->refused);
  facts.leaf_hash = context.hasher.leaf(leaf);
  return facts;
}

Result<EntryFacts> examine_retirement(std::string_view leaf, const ExamineContext& context) {
  auto note = ledger::open_note(leaf, {context.log});
  if (!note) return failure(note);
  auto retirement = ledger::parse_retirement(note->text);
  if (!retirement) return failure(retirement);
  return RetirementFacts{ledger::stream_id(retirement->agent, retirement->incarnation),
                         retirement->batches, retirement->head, context.hasher.leaf(leaf)};
}

Result<EntryFacts> examine_endorsement(std::string_view leaf, const ExamineContext& context) {
  auto note = ledger::open_note(leaf, {context.log});
  if (!note) return failure(note);
  auto endorsement = ledger::parse_endorsement(note->text);
  if (!endorsement) return failure(endorsement);
  return EndorsementFacts{endorsement->leaf, context.hasher.leaf(leaf)};
}

struct Examiner {
  const ExamineContext& context;

  Result<EntryFacts> operator()(const ledger::WalBatch& batch) const {
    if (batch.unit.size() > 255 || batch.host.size() > 255) {
      return fail(ErrorKind::reject, "the unit or host of a batch is longer than 255 bytes");
    }
    if (batch.header.size() > ledger::header_bytes_max ||
        batch.body.size() > ledger::body_encoded_bytes_max) {
      return fail(ErrorKind::reject, "a batch header or body is beyond its limit");
    }
    auto sealed = ledger::read_header(batch.header, context.suite);
    if (!sealed) return failure(sealed);
    BatchFacts facts;
    facts.header = std::move(sealed->header);
    facts.stream = ledger::stream_id(facts.header.agent, facts.header.incarnation);
    facts.leaf_hash = context.hasher.leaf(batch.header);
    facts.unit = batch.unit;
    facts.host = batch.host;
    facts.hollow = batch.hollow;
    facts.span = batch.span;
    const bool body_wanted = facts.header.records > 0 && !batch.hollow;
    if (batch.body.empty() == body_wanted || (batch.hollow && facts.header.records == 0)) {
      return fail(ErrorKind::reject, "a batch's body does not fit its header");
    }
    examine_end(facts, context);
    return facts;
  }

  Result<EntryFacts> operator()(const ledger::WalLeaf& entry) const {
    if (entry.leaf.size() > leaf_entry_bytes_max) {
      return fail(ErrorKind::reject, "a leaf is longer than 16 KiB");
    }
    auto name = ledger::leaf_name(entry.leaf);
    if (!name) return failure(name);
    if (*name == "batch") return fail(ErrorKind::reject, "a batch header is no leaf of its own");
    if (*name == "enrolment") return examine_enrolment(entry.leaf, context);
    if (*name == "fork") return examine_fork(entry.leaf, context);
    if (*name == "successor") return examine_successor(entry.leaf, context);
    if (*name == "endorsement") return examine_endorsement(entry.leaf, context);
    if (*name == "retirement") return examine_retirement(entry.leaf, context);
    return LeafFacts{context.hasher.leaf(entry.leaf)};
  }

  Result<EntryFacts> operator()(const ledger::WalBodyFill& fill) const {
    if (fill.body.empty() || fill.body.size() > ledger::body_encoded_bytes_max ||
        fill.stream.size() > 255) {
      return fail(ErrorKind::reject, "a late body is empty or beyond its limit");
    }
    return FillFacts{std::string(fill.stream), fill.batch, fill.span};
  }

  Result<EntryFacts> operator()(const ledger::WalForkBody& fork) const {
    if (fork.body.size() > ledger::body_encoded_bytes_max || fork.stream.size() > 255) {
      return fail(ErrorKind::reject, "a fork's body is beyond its limit");
    }
    return ForkBodyFacts{std::string(fork.stream)};
  }

  Result<EntryFacts> operator()(const ledger::WalOwnRecord& record) const {
    if (record.line.empty() || record.line.size() > ledger::record_bytes_max ||
        record.line.find('\n') != std::string_view::npos) {
      return fail(ErrorKind::reject, "a record is one line of at most 64 KiB, and not empty");
    }
    return OwnRecordFacts{std::string(record.line)};
  }
};

}  // namespace

std::optional<Hash> leaf_hash_of(const EntryFacts& facts) {
  return std::visit(
      [](const auto& entry) -> std::optional<Hash> {
        if constexpr (requires { entry.leaf_hash; }) return entry.leaf_hash;
        return std::nullopt;
      },
      facts);
}

Result<EntryFacts> examine(const ledger::WalEntry& entry, const ExamineContext& context) {
  return std::visit(Examiner{context}, entry);
}

}  // namespace yunjian::collector
