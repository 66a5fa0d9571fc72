#include "ledger/leaves.h"

#include <algorithm>

#include "ledger/text_fields.h"

namespace yunjian::ledger {
namespace {

bool is_id(std::string_view id, std::size_t length_max) {
  const auto is_word = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
  return !id.empty() && id.size() <= length_max && is_word(id.front()) &&
         std::all_of(id.begin(), id.end(),
                     [&](char c) { return is_word(c) || c == '.' || c == '_' || c == '-'; });
}

std::string hash_or_dash(const std::optional<Hash>& hash) {
  return hash ? to_base64(as_view(*hash)) : "-";
}

}  // namespace

Result<std::string> leaf_name(std::string_view leaf) {
  std::string_view line = leaf.substr(0, leaf.find('\n'));
  constexpr std::string_view prefix = "yunjian/";
  constexpr std::string_view suffix = "/v1";
  if (line.size() > prefix.size() + suffix.size() && line.starts_with(prefix) &&
      line.ends_with(suffix)) {
    line.remove_prefix(prefix.size());
    line.remove_suffix(suffix.size());
    if (std::all_of(line.begin(), line.end(), [](char c) { return c >= 'a' && c <= 'z'; })) {
      return std::string(line);
    }
  }
  return fail(ErrorKind::reject, "the leaf's first line is not yunjian/<name>/v1");
}

bool is_unit_id(std::string_view id) { return is_id(id, 64); }
bool is_host_name(std::string_view id) { return is_id(id, 253); }
bool is_origin(std::string_view origin) { return origin.size() <= 128 && is_key_name(origin); }

std::string format_enrolment(const Enrolment& enrolment) {
  std::string out = "yunjian/enrolment/v1\n";
  append_field(out, "origin", enrolment.origin);
  append_field(out, "agent", enrolment.agent);
  append_field(out, "incarnation", std::to_string(enrolment.incarnation));
  append_field(out, "unit", enrolment.unit);
  append_field(out, "host", enrolment.host);
  append_field(out, "suite", enrolment.suite);
  append_field(out, "key", to_base64(enrolment.first_key));
  append_field(out, "previous", hash_or_dash(enrolment.previous));
  append_field(out, "enrolled", format_time(enrolment.enrolled));
  return out;
}

Result<Enrolment> parse_enrolment(std::string_view text) {
  FieldReader reader(text, "yunjian/enrolment/v1");
  Enrolment enrolment;
  enrolment.origin = reader.take("origin", is_origin);
  enrolment.agent = reader.take("agent", is_agent_id);
  enrolment.incarnation = reader.take_number("incarnation");
  if (enrolment.incarnation == 0) reader.refuse("incarnation");
  enrolment.unit = reader.take("unit", is_unit_id);
  enrolment.host = reader.take("host", is_host_name);
  enrolment.suite =
      reader.take("suite", [](std::string_view name) { return bool(find_suite(name)); });
  enrolment.first_key = reader.take_base64("key");
  if (!reader.failed() && !(*find_suite(enrolment.suite))->is_public_key(enrolment.first_key)) {
    reader.refuse("key");
  }
  enrolment.previous = reader.take_optional_hash("previous");
  enrolment.enrolled = reader.take_time("enrolled");
  auto done = reader.finish();
  if (!done) return failure(done);
  return enrolment;
}

Result<EnrolmentCheck> verify_enrolment(std::string_view leaf, const Verifier& log,
                                        std::optional<std::string_view> announced_key) {
  if (leaf.size() > leaf_bytes_max) {
    return fail(ErrorKind::reject, "an enrolment leaf is at most 4096 bytes long");
  }
  auto note = parse_note(leaf);
  if (!note) return failure(note);
  auto enrolment = parse_enrolment(note->text);
  if (!enrolment) return failure(enrolment);
  if (enrolment->origin != log.name()) {
    return fail(ErrorKind::reject, "the enrolment is for the log '" + enrolment->origin + "'");
  }
  const Suite& suite = **find_suite(enrolment->suite);
  const std::string key_name = agent_key_name(enrolment->origin, enrolment->agent);
  const auto signed_by = [&](const Verifier& key) {
    return std::any_of(note->signatures.begin(), note->signatures.end(),
                       [&](const SignatureLine& line) { return key.verify(note->text, line); });
  };
  if (!signed_by(log)) {
    return fail(ErrorKind::reject, "the enrolment is not signed by the log's key");
  }
  if (!signed_by(Verifier(suite, key_name, enrolment->first_key))) {
    return fail(ErrorKind::reject, "the enrolment is not signed by the agent's first key");
  }
  EnrolmentCheck check{std::move(*enrolment), false};
  if (announced_key) {
    check.endorsed = signed_by(Verifier(suite, key_name, std::string(*announced_key)));
  }
  return check;
}

std::string format_fork(const Fork& fork) {
  std::string out = "yunjian/fork/v1\n";
  append_field(out, "agent", fork.agent);
  append_field(out, "incarnation", std::to_string(fork.incarnation));
  append_field(out, "batch", std::to_string(fork.batch));
  append_field(out, "accepted", hash_or_dash(fork.accepted));
  append_field(out, "body", hash_or_dash(fork.body));
  append_field(out, "seen", format_time(fork.seen));
  append_field(out, "refused", to_base64(fork.refused));
  return out;
}

Result<Fork> parse_fork(std::string_view text) {
  FieldReader reader(text, "yunjian/fork/v1");
  Fork fork;
  fork.agent = reader.take("agent", is_agent_id);
  fork.incarnation = reader.take_number("incarnation");
  fork.batch = reader.take_number("batch");
  fork.accepted = reader.take_optional_hash("accepted");
  fork.body = reader.take_optional_hash("body");
  fork.seen = reader.take_time("seen");
  fork.refused = reader.take_base64("refused");
  auto done = reader.finish();
  if (!done) return failure(done);
  return fork;
}

}  // namespace yunjian::ledger
