#include "collector/projection.h"

#include "collector/catalog/list_entries.h"
#include "collector/projected_rights.h"
#include "ledger/record.h"
#include "rules/month/register_fold.h"

namespace yunjian::collector {

using ledger::ErrorKind;
using ledger::Result;

namespace {

// Applies acts in the order in which they were made.
class Projection {
 public:
  explicit Projection(Catalog& catalog) : catalog_(catalog), rights_(catalog) {}

  Result<void> take(std::string_view line) {
    // Nearly all acts are looks; they are passed over without being read.
    const bool candidate = line.find("\"register\"") != std::string_view::npos ||
                           line.find("\"finding\"") != std::string_view::npos ||
                           line.find("\"outcome\"") != std::string_view::npos ||
                           line.find("\"what\":\"agent\"") != std::string_view::npos ||
                           line.find("\"what\":\"retire\"") != std::string_view::npos ||
                           ProjectedRights::may_be(line);
    if (!candidate) return {};
    const auto record = ledger::parse_record(line);
    if (!record) return {};
    RegistryEntry entry;
    if (rules::read_register_act(**record, entry)) return put(entry);
    if (const auto stepped = rules::read_finding_act(**record)) return step(*stepped);
    StoredOutcome outcome;
    if (rules::read_outcome_act(**record, outcome)) {
      ++done_.outcomes;
      outcomes_.push_back(std::move(outcome));
      return outcomes_.size() < outcomes_at_once ? Result<void>() : put_outcomes();
    }
    const auto what = (*record)->find("what");
    if (what == "agent" || what == "retire") return end_certificate(**record);
    auto moved = rights_.take(**record);
    if (!moved) return ledger::failure(moved);
    if (*moved) ++done_.rights;
    return {};
  }
  Result<void> finish() { return put_outcomes(); }
  const Projected& done() const { return done_; }

 private:
  // A month has one for each host, and each transaction waits for the disk.
  static constexpr std::size_t outcomes_at_once = 4096;

  Result<void> put_outcomes() {
    auto put = catalog_.put_outcomes(outcomes_);
    if (put) outcomes_.clear();
    return put;
  }
  Result<void> put(const RegistryEntry& entry) {
    ++done_.entries;
    if (entry.kind == "unit") return catalog_.put_units({unit_of_entry(entry)});
    if (entry.kind == "host") return catalog_.put_hosts({host_of_entry(entry)});
    // A kind of a later version is not known here and stays in the records.
    if (find_kind(entry.kind) == nullptr) return {};
    return catalog_.put_entries({entry});
  }

  Result<void> step(const rules::FindingStepped& stepped) {
    Finding finding = stepped.finding;
    auto known = catalog_.finding(Scope::all(), finding.id);
    if (!known) return ledger::failure(known);
    if (*known) finding.opened = (*known)->opened;
    auto put = catalog_.put_finding(finding, stepped.event);
    if (!put && put.error().kind == ErrorKind::retry) return {};  // its row is there
    if (put) ++done_.findings;
    return put;
  }

  // A certificate that was taken away does not come back with an older copy of the catalog.
  Result<void> end_certificate(const ledger::ParsedRecord& record) {
    const std::string id(record.find("agent").value_or(""));
    const auto incarnation = record.find_integer("incarnation");
    const auto time = ledger::parse_time(record.find("time").value_or(""));
    if (!incarnation || !time) return {};
    auto agent = catalog_.agent(Scope::all(), id);
    if (!agent) return ledger::failure(agent);
    if (!*agent || (*agent)->incarnation != *incarnation) return {};
    ++done_.revocations;
    return catalog_.revoke_agent({.agent = id,
                                  .incarnation = *incarnation,
                                  .reason = std::string(record.find("reason").value_or("retired")),
                                  .revoked = *time});
  }

  Catalog& catalog_;
  ProjectedRights rights_;
  std::vector<StoredOutcome> outcomes_;  // not in the catalog yet; in no other act's way
  Projected done_;
};

Result<void> take_batch(const EvidenceLog& log, std::uint64_t number, std::uint64_t from,
                        Projection& projection) {
  auto row = log.batch_row(log.own_stream(), number);
  if (!row) return ledger::failure(row);
  if (!*row || (*row)->records == 0) return {};
  auto joined = log.lines(log.own_stream(), number);
  if (!joined && joined.error().kind == ErrorKind::reject) return {};  // purged
  if (!joined) return ledger::failure(joined);
  std::string_view rest = *joined;
  for (std::uint64_t record = (*row)->first_record; !rest.empty(); ++record) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    if (record >= from) {
      if (auto taken = projection.take(rest.substr(0, end)); !taken) return taken;
    }
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return {};
}

// Hosts that came by enrolment and were never entered.
Result<std::uint64_t> add_enrolled(Catalog& catalog, const EvidenceLog& log) {
  std::uint64_t added = 0;
  for (const StreamInfo& stream : log.streams()) {
    if (stream.id == log.own_stream()) continue;
    auto host = catalog.host(Scope::all(), stream.state.host);
    if (!host) return ledger::failure(host);
    auto unit = catalog.units(Scope::units({stream.state.unit}));
    if (!unit) return ledger::failure(unit);
    if (*host || unit->empty()) continue;
    Host unseen;
    unseen.id = unseen.name = stream.state.host;
    unseen.unit = stream.state.unit;
    if (auto put = catalog.put_hosts({unseen}); !put) return ledger::failure(put);
    ++added;
  }
  return added;
}

}  // namespace

Result<Projected> project_acts(Catalog& catalog, const EvidenceLog& log) {
  auto from = catalog.projected_acts();
  if (!from) return ledger::failure(from);
  Projection projection(catalog);
  const auto own = log.stream(log.own_stream());
  const std::uint64_t sealed = own ? own->next_record : 0;
  if (own && *from < sealed) {
    auto first = log.row_of_record(log.own_stream(), *from);
    if (!first) return ledger::failure(first);
    for (std::uint64_t batch = *first ? (*first)->number : 0; batch < own->next_batch; ++batch) {
      if (auto taken = take_batch(log, batch, *from, projection); !taken) {
        return ledger::failure(taken);
      }
    }
  }
  const auto waiting = log.unsealed_own_records();
  for (std::size_t i = 0; i < waiting.size(); ++i) {
    if (sealed + i < *from) continue;
    if (auto taken = projection.take(waiting[i]); !taken) return ledger::failure(taken);
  }
  if (auto finished = projection.finish(); !finished) return ledger::failure(finished);
  auto hosts = add_enrolled(catalog, log);
  if (!hosts) return ledger::failure(hosts);
  if (auto kept = catalog.set_projected_acts(sealed + waiting.size()); !kept) {
    return ledger::failure(kept);
  }
  Projected done = projection.done();
  done.hosts = *hosts;
  return done;
}

}  // namespace yunjian::collector
