#include "collector/witness/witness_push.h"

#include <fmt/format.h>

namespace yunjian::collector {

using ledger::ErrorKind;
using ledger::Result;

namespace {

constexpr int attempts_max = 3;  // a witness that others feed too may move while we ask

// "<url>/add-checkpoint", whether the prefix ends in a slash or not.
std::string address_of(std::string url) {
  while (url.ends_with('/')) url.pop_back();
  return url + "/add-checkpoint";
}

std::string first_line(std::string_view text) {
  std::string line(text.substr(0, std::min<std::size_t>(text.find('\n'), 200)));
  for (char& c : line) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  }
  return line;
}

std::string words_for(WitnessSays says, const WitnessAnswer& answer) {
  const std::string said = first_line(answer.body);
  switch (says) {
    case WitnessSays::cosigned:
      return "";
    case WitnessSays::other_size:
      return "it moves faster than it can be asked";
    case WitnessSays::unknown_log:
      return "it does not know this log's origin (404); have it added there";
    case WitnessSays::untrusted:
      return "it does not trust this log's key (403); compare the vkey it was given";
    case WitnessSays::misunderstood:
      return fmt::format("it answered {} '{}'", answer.status, said);
    case WitnessSays::inconsistent:
      return fmt::format("it has seen another history of this log (422) '{}'", said);
    case WitnessSays::not_now:
      return fmt::format("not now ({})", answer.status);
  }
  return "";
}

}  // namespace

WitnessVerdict judge_witness(const WitnessAnswer& answer) {
  using enum WitnessSays;
  switch (answer.status) {
    case 200:
      return {cosigned, 0};
    case 404:
      return {unknown_log, 0};
    case 403:
      return {untrusted, 0};
    case 422:
      return {inconsistent, 0};
    case 429:
      return {not_now, 0};
    case 409: {
      std::string_view body = answer.body;
      if (!answer.content_type.starts_with("text/x.tlog.size") || !body.ends_with('\n')) break;
      body.remove_suffix(1);
      if (const auto size = ledger::parse_decimal(body)) return {other_size, *size};
      break;
    }
    default:
      if (answer.status >= 500) return {not_now, 0};
  }
  return {misunderstood, 0};
}

std::string format_add_checkpoint(std::uint64_t old_size, const std::vector<ledger::Hash>& proof,
                                  std::string_view checkpoint) {
  std::string body = fmt::format("old {}\n", old_size);
  for (const ledger::Hash& hash : proof) body += ledger::to_base64(ledger::as_view(hash)) + "\n";
  body += '\n';
  body += checkpoint;
  return body;
}

Result<std::vector<std::string>> ask_before_signing(const std::vector<std::string>& urls,
                                                    const WitnessPost& post,
                                                    const ledger::Checkpoint& tree,
                                                    std::string_view checkpoint) {
  std::vector<std::string> not_asked;
  const std::string body = format_add_checkpoint(tree.tree.size, {}, checkpoint);
  for (const std::string& url : urls) {
    auto answer = post(address_of(url), body);
    if (!answer) {
      not_asked.push_back(fmt::format("witness {} was not asked: {}", url, answer.error().message));
      continue;
    }
    const WitnessVerdict verdict = judge_witness(*answer);
    if (verdict.says == WitnessSays::inconsistent) {
      return ledger::fail(ErrorKind::fatal,
                          fmt::format("witness {} has seen another tree of {} leaves of this log: "
                                      "nothing is signed. Restore the data that it saw, or open a "
                                      "successor",
                                      url, tree.tree.size));
    }
    if (verdict.says == WitnessSays::other_size && verdict.size > tree.tree.size) {
      return ledger::fail(ErrorKind::fatal,
                          fmt::format("witness {} has seen {} leaves of this log, here are {}: "
                                      "leaves that were signed are lost, nothing is signed. "
                                      "Restore them, or open a successor (init --successor-of)",
                                      url, verdict.size, tree.tree.size));
    }
    if (verdict.says != WitnessSays::cosigned && verdict.says != WitnessSays::other_size) {
      not_asked.push_back(
          fmt::format("witness {} told nothing: {}", url, words_for(verdict.says, *answer)));
    }
  }
  return not_asked;
}

WitnessPush::WitnessPush(const EvidenceLog& log, Cosignatures& cosignatures,
                         std::vector<std::string> urls, WitnessPost post)
    : log_(log), cosignatures_(cosignatures), post_(std::move(post)) {
  for (std::string& url : urls) {
    witnesses_.push_back({.url = std::move(url), .size = 0, .signed_note = {}, .told = {}});
  }
}

std::vector<WitnessPush::Event> WitnessPush::push() {
  std::vector<Event> events;
  if (witnesses_.empty()) return events;
  const std::string note = cosignatures_.candidate();
  const auto checkpoint = ledger::open_checkpoint(note, log_.verifier());
  if (!checkpoint) return events;
  for (Witness& witness : witnesses_) {
    if (witness.signed_note == note) continue;
    bool alarm = false;
    std::string said = push_to(witness, note, checkpoint->tree, alarm);
    if (said.empty()) witness.signed_note = note;
    if (said != witness.told) {
      const std::string text = said.empty() ? "it cosigns" : said;
      events.push_back({.url = witness.url, .text = text, .alarm = alarm});
    }
    witness.told = std::move(said);
  }
  return events;
}

// Empty when it signed; otherwise what to tell.
std::string WitnessPush::push_to(Witness& witness, std::string_view note,
                                 const ledger::TreeHead& tree, bool& alarm) {
  for (int attempt = 0; attempt < attempts_max; ++attempt) {
    if (witness.size > tree.size) return "";  // it signed a later one in the meantime
    auto proof = log_.consistency(witness.size, tree.size);
    if (!proof) return proof.error().message;
    auto answer = post_(address_of(witness.url), format_add_checkpoint(witness.size, *proof, note));
    if (!answer) return answer.error().message;
    const WitnessVerdict verdict = judge_witness(*answer);
    if (verdict.says == WitnessSays::cosigned) {
      witness.size = tree.size;
      auto added = cosignatures_.add(std::string(note) + answer->body);
      return added ? "" : "its answer is no cosignature: " + added.error().message;
    }
    if (verdict.says != WitnessSays::other_size || verdict.size == witness.size) {
      alarm = verdict.says == WitnessSays::inconsistent;
      return words_for(verdict.says, *answer);
    }
    if (verdict.size > log_.size()) {
      alarm = true;
      return fmt::format("it has seen {} leaves of this log, here are {}", verdict.size,
                         log_.size());
    }
    witness.size = verdict.size;
  }
  return words_for(WitnessSays::other_size, {});
}

}  // namespace yunjian::collector
