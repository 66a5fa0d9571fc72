#include "collector/ingest/enrolment.h"

#include <algorithm>
#include <array>
#include <chrono>

#include "collector/ingest/problems.h"
#include "ledger/note.h"

namespace yunjian::collector {
namespace {

using ledger::Error;
using ledger::ErrorKind;
using ledger::Result;
using ledger::StreamName;

// Beyond it the host's certificate checks and the times in its records would be worthless.
constexpr std::chrono::hours clock_difference_max{24};

tl::unexpected<Problem> refuse(Problem problem) { return tl::unexpected(std::move(problem)); }

template <typename T>
tl::unexpected<Problem> unavailable(const Result<T>& failed) {
  return refuse(failure_problem(failed.error()));
}

Problem invalid(std::string detail) {
  return {.status = 400,
          .slug = "enrolment-invalid",
          .title = "The enrolment request is not valid",
          .detail = std::move(detail)};
}

Problem conflict(std::string slug, std::string detail) {
  return {.status = 409,
          .slug = std::move(slug),
          .title = "The host cannot be enrolled like this",
          .detail = std::move(detail)};
}

Problem token_refused(const Error& error) {
  if (error.kind != ErrorKind::reject) return failure_problem(error);
  return {.status = 403,
          .slug = "enrol-token-refused",
          .title = "The enrol token is not good",
          .detail = error.message};
}

Problem agent_unknown(const std::string& agent) {
  return conflict("agent-unknown", "The token opens the next incarnation of agent " + agent +
                                       ", which this log does not know; ask for a token without "
                                       "--agent.");
}

Problem incarnation_taken(const std::string& agent, std::uint64_t incarnation) {
  return conflict("incarnation-taken",
                  "Incarnation " + std::to_string(incarnation) + " of agent " + agent +
                      " was opened by another enrolment, or the one before it went on meanwhile; "
                      "ask for a new token with --agent.");
}

OrProblem<void> check_application(const EnrolmentOffice::Application& application,
                                  const ledger::Suite& suite) {
  if (!suite.is_public_key(application.first_key)) {
    return refuse(
        invalid("\"key\" is not a raw public key of the suite " + std::string(suite.name())));
  }
  auto csr = check_csr(application.csr);
  if (!csr) return refuse(invalid("\"csr\": " + csr.error().message));
  return {};
}

OrProblem<void> check_clock(const std::string& text, ledger::Time now) {
  if (text.empty()) return {};
  auto time = ledger::parse_rfc3339(text);
  if (!time) return refuse(invalid("\"time\": " + time.error().message));
  const auto difference = *time < now ? now - *time : *time - now;
  if (difference <= clock_difference_max) return {};
  return refuse(conflict("clock", "The host's clock says " + ledger::format_time(*time) +
                                      ", the collector's " + ledger::format_time(now) +
                                      ": set the wrong one (NTP) and enrol again."));
}

// Before the key is looked at, which is one of the wished suite: agents try another one then.
OrProblem<void> check_suite(const EnrolmentOffice::Wish& wish, const ledger::Suite& suite) {
  if (wish.suite == suite.name()) return {};
  return refuse(conflict("suite-mismatch", "This log uses the suite " + std::string(suite.name()) +
                                               "; enrol with that one."));
}

OrProblem<void> check_wish(const EnrolmentOffice::Wish& wish, ledger::Time now) {
  if (!ledger::is_host_name(wish.host)) {
    return refuse(
        invalid("\"host\" must be lower-case letters, digits, '.', '-' and '_', beginning "
                "with a letter or digit; enrol with --host."));
  }
  return check_clock(wish.time, now);
}

}  // namespace

OrProblem<Reservation> EnrolmentOffice::reserve(const Application& application, const Wish& wish) {
  const std::lock_guard one_at_a_time(mutex_);
  const ledger::Time now = parts_.clock.wall();
  // Before anything is worked out for a stranger.
  auto token = parts_.catalog.enrol_token(application.token, application.first_key, now);
  if (!token) return refuse(token_refused(token.error()));
  auto good = check_suite(wish, parts_.log.suite());
  if (good) good = check_application(application, parts_.log.suite());
  if (good) good = check_wish(wish, now);
  if (!good) return refuse(std::move(good).error());
  auto known = parts_.catalog.reservation(application.token, application.first_key);
  if (!known) return unavailable(known);
  if (!*known) return new_reservation(application, wish, *token);
  if ((*known)->host == wish.host) return std::move(**known);
  return refuse(conflict("host-changed", "This key was reserved for host " + (*known)->host +
                                             "; enrol with --host " + (*known)->host +
                                             ", or anew with another token."));
}

OrProblem<Reservation> EnrolmentOffice::new_reservation(const Application& application,
                                                        const Wish& wish,
                                                        const EnrolTokenSpec& token) {
  auto enrolment = proposal(application, wish, token);
  if (!enrolment) return refuse(std::move(enrolment).error());
  auto host = check_host(enrolment->host, enrolment->unit);
  if (!host) return refuse(std::move(host).error());
  Reservation reservation{.token_id = token_id(application.token),
                          .first_key = application.first_key,
                          .agent = enrolment->agent,
                          .incarnation = enrolment->incarnation,
                          .unit = enrolment->unit,
                          .host = enrolment->host,
                          .text = ledger::format_enrolment(*enrolment)};
  auto reserved = parts_.catalog.reserve(application.token, reservation);
  if (!reserved) return refuse(token_refused(reserved.error()));
  return reservation;
}

OrProblem<ledger::Enrolment> EnrolmentOffice::proposal(const Application& application,
                                                       const Wish& wish,
                                                       const EnrolTokenSpec& token) const {
  ledger::Enrolment enrolment{.origin = parts_.log.verifier().name(),
                              .agent = token.agent,
                              .incarnation = 1,
                              .unit = token.unit,
                              .host = wish.host,
                              .suite = wish.suite,
                              .first_key = application.first_key,
                              .previous = std::nullopt,
                              .enrolled = parts_.clock.wall()};
  if (token.agent.empty()) {
    std::array<std::uint8_t, 16> id{};
    parts_.random.fill(id);
    enrolment.agent = ledger::to_hex(ledger::as_view(id));
    return enrolment;
  }
  auto last = last_incarnation(token.agent);
  if (!last) return refuse(std::move(last).error());
  if (!*last) return refuse(agent_unknown(token.agent));
  if (application.inherited && !(*last)->inherited) {
    return refuse(incarnation_taken(token.agent, (*last)->incarnation));
  }
  enrolment.incarnation = (*last)->incarnation + 1;
  enrolment.previous = application.inherited ? application.inherited->head : (*last)->head;
  if (enrolment.unit.empty()) enrolment.unit = (*last)->unit;
  return enrolment;
}

OrProblem<EnrolmentOffice::Enrolled> EnrolmentOffice::complete(const Application& application,
                                                               const std::string& signatures) {
  const std::lock_guard one_at_a_time(mutex_);
  auto token =
      parts_.catalog.enrol_token(application.token, application.first_key, parts_.clock.wall());
  if (!token) return refuse(token_refused(token.error()));
  auto good = check_application(application, parts_.log.suite());
  if (!good) return refuse(std::move(good).error());
  auto reservation = parts_.catalog.reservation(application.token, application.first_key);
  if (!reservation) return unavailable(reservation);
  if (!*reservation) {
    return refuse(conflict("not-reserved",
                           "Nothing is reserved for this token and key; repeat the first step."));
  }
  if (!(*reservation)->certificate.empty()) return enrolled(**reservation);
  return finish(application, std::move(**reservation), signatures);
}

OrProblem<EnrolmentOffice::Enrolled> EnrolmentOffice::finish(const Application& application,
                                                             Reservation reservation,
                                                             const std::string& signatures) {
  auto host = check_host(reservation.host, reservation.unit);
  if (!host) return refuse(std::move(host).error());
  auto leaf = commit_leaf(reservation, signatures, application.inherited);
  if (!leaf) return refuse(std::move(leaf).error());
  reservation.leaf = std::move(*leaf);
  auto certificate = parts_.authority.issue_client(
      application.csr, {reservation.agent, reservation.incarnation, parts_.certificate_validity},
      parts_.clock.wall());
  if (!certificate) return unavailable(certificate);
  reservation.certificate = std::move(*certificate);
  // The agent before the reservation: what is finished is answered without looking further, so that
  // the certificate must be in use by then.
  auto introduced = introduce(reservation);
  if (!introduced) return refuse(std::move(introduced).error());
  auto finished = parts_.catalog.finish(application.token, reservation);
  if (!finished) return unavailable(finished);
  return enrolled(reservation);
}

// The leaf as it stands in the log on return: committed now, or by an attempt that was cut off.
OrProblem<std::string> EnrolmentOffice::commit_leaf(const Reservation& reservation,
                                                    const std::string& signatures,
                                                    const std::optional<Inherited>& inherited) {
  auto last = last_incarnation(reservation.agent);
  if (!last) return refuse(std::move(last).error());
  if (*last && (*last)->incarnation == reservation.incarnation) {
    return adopted_leaf(reservation, **last);
  }
  if ((*last ? (*last)->incarnation : 0) + 1 != reservation.incarnation) {
    return refuse(incarnation_taken(reservation.agent, reservation.incarnation));
  }
  if (inherited && std::count(signatures.begin(), signatures.end(), '\n') < 2) {
    return refuse(
        invalid("\"signature\" needs a second line by the key that the stream announced"));
  }
  std::optional<Inherited> previous = inherited;
  if (*last && !inherited) previous = Inherited{(*last)->head, (*last)->next_key};
  auto leaf = signed_leaf(reservation, signatures, previous);
  if (!leaf) return leaf;
  std::vector<Entry> entries;
  entries.emplace_back(LeafEntry{*leaf});
  auto committed = parts_.log.commit(std::move(entries));
  if (!committed && committed.error().kind == ErrorKind::reject) {
    return refuse(invalid("The log does not take this enrolment: " + committed.error().message));
  }
  if (!committed) return unavailable(committed);
  return leaf;
}

OrProblem<std::string> EnrolmentOffice::adopted_leaf(const Reservation& reservation,
                                                     const StreamState& there) const {
  auto leaf = parts_.log.leaf(there.enrolment_leaf);
  if (!leaf) return unavailable(leaf);
  if (!leaf->starts_with(reservation.text + "\n")) {
    return refuse(incarnation_taken(reservation.agent, reservation.incarnation));
  }
  return std::move(*leaf);
}

OrProblem<std::string> EnrolmentOffice::signed_leaf(
    const Reservation& reservation, const std::string& signatures,
    const std::optional<Inherited>& previous) const {
  auto enrolment = ledger::parse_enrolment(reservation.text);
  if (!enrolment) return unavailable(enrolment);
  if (previous && enrolment->previous != previous->head) {
    return refuse(incarnation_taken(reservation.agent, reservation.incarnation));
  }
  auto note = ledger::parse_note(reservation.text + "\n" + signatures);
  if (!note || note->text != reservation.text) {
    return refuse(invalid("\"signature\" is not lines of a signed note"));
  }
  const auto& suite = parts_.log.suite();
  const std::string name = ledger::agent_key_name(enrolment->origin, enrolment->agent);
  std::vector<ledger::Verifier> keys{{suite, name, enrolment->first_key}};
  if (previous) keys.emplace_back(suite, name, previous->next_key);
  for (std::size_t i = 0; i < note->signatures.size(); ++i) {
    if (i >= keys.size() || !keys[i].verify(note->text, note->signatures[i])) {
      return refuse(invalid("line " + std::to_string(i + 1) +
                            " of \"signature\" is not by the first key, or the second not by the "
                            "key that the previous incarnation announced"));
    }
  }
  auto ours = parts_.log.sign(reservation.text);
  if (!ours) return unavailable(ours);
  note->signatures.insert(note->signatures.begin(), std::move(*ours));
  return ledger::format_note(reservation.text, note->signatures);
}

OrProblem<void> EnrolmentOffice::introduce(const Reservation& reservation) {
  auto host = parts_.catalog.host(Scope::all(), reservation.host);
  if (!host) return unavailable(host);
  if (!*host) {
    Host unseen;
    unseen.id = unseen.name = reservation.host;
    unseen.unit = reservation.unit;
    auto put = parts_.catalog.put_hosts({unseen});
    if (!put) return unavailable(put);
  }
  auto facts = read_certificate(reservation.certificate);
  if (!facts) return unavailable(facts);
  auto noted =
      parts_.catalog.note_certificate_end(reservation.agent, facts->sha256, facts->not_after);
  if (!noted) return unavailable(noted);
  auto put = parts_.catalog.put_agent({.id = reservation.agent,
                                       .incarnation = reservation.incarnation,
                                       .host = reservation.host,
                                       .unit = reservation.unit,
                                       .certificate_sha256 = facts->sha256,
                                       .enrolled = parts_.clock.wall()});
  if (!put) return unavailable(put);
  return {};
}

OrProblem<EnrolmentOffice::Enrolled> EnrolmentOffice::enrolled(
    const Reservation& reservation) const {
  const auto stream =
      parts_.log.stream(ledger::stream_id(reservation.agent, reservation.incarnation));
  if (!stream) {
    return refuse(failure_problem({ErrorKind::corrupt, "a finished enrolment is not in the log"}));
  }
  auto receipt = parts_.log.receipt(stream->enrolment_leaf);
  if (!receipt) return unavailable(receipt);
  return Enrolled{reservation.certificate, reservation.leaf, std::move(*receipt)};
}

OrProblem<void> EnrolmentOffice::check_host(const std::string& host,
                                            const std::string& unit) const {
  auto units = parts_.catalog.units(Scope::units({unit}));
  if (!units) return unavailable(units);
  if (units->empty()) {
    return refuse(conflict("unit-unknown", "The token is for unit \"" + unit +
                                               "\", which the collector does not know; import it "
                                               "with `yunjian-collector unit import`."));
  }
  auto known = parts_.catalog.host(Scope::all(), host);
  if (!known) return unavailable(known);
  if (!*known || (*known)->unit == unit) return {};
  return refuse(
      conflict("host-of-another-unit",
               "Host " + host +
                   " belongs to another unit than the token; enrol with --host and a name "
                   "that is not taken, or correct the host list."));
}

// Incarnations follow each other without holes; the catalog says where to begin looking.
OrProblem<std::optional<StreamState>> EnrolmentOffice::last_incarnation(
    const std::string& agent) const {
  auto known = parts_.catalog.agent(Scope::all(), agent);
  if (!known) return unavailable(known);
  std::uint64_t incarnation = *known ? (*known)->incarnation : 1;
  std::optional<StreamState> last;
  while (auto next = parts_.log.stream(ledger::stream_id(agent, incarnation))) {
    last = std::move(next);
    ++incarnation;
  }
  return last;
}

}  // namespace yunjian::collector
