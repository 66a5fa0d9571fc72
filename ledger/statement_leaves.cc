#include "ledger/statement_leaves.h"

#include "ledger/batch.h"
#include "ledger/leaves.h"

namespace yunjian::ledger {
namespace {

constexpr std::string_view retirement_form = "yunjian/retirement/v1";
constexpr std::string_view endorsement_form = "yunjian/endorsement/v1";
constexpr std::string_view report_form = "yunjian/report/v1";

bool is_month(std::string_view month) {
  return month.size() == 7 && parse_rfc3339(std::string(month) + "-01").has_value();
}

std::string form_line(std::string_view form) { return std::string(form) + "\n"; }

}  // namespace

std::string format_retirement(const Retirement& retirement) {
  std::string out = form_line(retirement_form);
  append_field(out, "agent", retirement.agent);
  append_field(out, "incarnation", retirement.incarnation);
  append_field(out, "batches", retirement.batches);
  append_field(out, "head", retirement.head);
  append_field(out, "retired", retirement.retired);
  return out;
}

Result<Retirement> parse_retirement(std::string_view text) {
  FieldReader reader(text, retirement_form);
  Retirement retirement;
  retirement.agent = reader.take("agent", is_agent_id);
  retirement.incarnation = reader.take_number("incarnation");
  if (retirement.incarnation == 0) reader.refuse("incarnation");
  retirement.batches = reader.take_number("batches");
  retirement.head = reader.take_hash("head");
  retirement.retired = reader.take_time("retired");
  if (auto done = reader.finish(); !done) return failure(done);
  return retirement;
}

std::string format_endorsement(const Endorsement& endorsement) {
  std::string out = form_line(endorsement_form);
  append_field(out, "origin", endorsement.origin);
  append_field(out, "leaf", endorsement.leaf);
  append_field(out, "hash", endorsement.hash);
  append_field(out, "endorsed", endorsement.endorsed);
  return out;
}

Result<Endorsement> parse_endorsement(std::string_view text) {
  FieldReader reader(text, endorsement_form);
  Endorsement endorsement;
  endorsement.origin = reader.take("origin", is_origin);
  endorsement.leaf = reader.take_number("leaf");
  endorsement.hash = reader.take_hash("hash");
  endorsement.endorsed = reader.take_time("endorsed");
  if (auto done = reader.finish(); !done) return failure(done);
  return endorsement;
}

Result<Endorsement> open_endorsement(std::string_view note_bytes, std::string_view origin,
                                     std::span<const Verifier> authorities) {
  auto note = open_note(note_bytes, {authorities.begin(), authorities.end()});
  if (!note) return failure(note, "not signed by an authority's key");
  auto endorsement = parse_endorsement(note->text);
  if (!endorsement) return endorsement;
  if (endorsement->origin != origin) {
    return fail(ErrorKind::reject, "the endorsement is for the log '" + endorsement->origin + "'");
  }
  return endorsement;
}

std::string format_report(const Report& report) {
  std::string out = form_line(report_form);
  append_field(out, "month", report.month);
  append_field(out, "size", report.size);
  append_field(out, "manifest", report.manifest);
  append_field(out, "sealed", report.sealed);
  return out;
}

Result<Report> parse_report(std::string_view text) {
  FieldReader reader(text, report_form);
  Report report;
  report.month = reader.take("month", is_month);
  report.size = reader.take_number("size");
  report.manifest = reader.take_hash("manifest");
  report.sealed = reader.take_time("sealed");
  if (auto done = reader.finish(); !done) return failure(done);
  return report;
}

}  // namespace yunjian::ledger
