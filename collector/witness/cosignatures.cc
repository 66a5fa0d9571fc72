#include "collector/witness/cosignatures.h"

#include <fmt/format.h>

#include "ledger/checkpoint.h"

namespace yunjian::collector {

using ledger::ErrorKind;
using ledger::Result;
using ledger::SignatureLine;

namespace {

constexpr std::size_t timestamp_bytes = 8;
constexpr std::chrono::minutes clock_tolerance{10};

}  // namespace

std::optional<std::uint64_t> cosigned_at(const SignatureLine& line) {
  if (line.signature.size() <= timestamp_bytes) return std::nullopt;
  return ledger::get_u64be(line.signature.data());
}

std::string Cosignatures::Gathered::note() const {
  std::vector<SignatureLine> lines = {by_log};
  for (const auto& [place, line] : by_witness) lines.push_back(line);
  return ledger::format_note(text, lines);
}

Cosignatures::Cosignatures(const EvidenceLog& log, Tools tools, WitnessPolicy policy)
    : log_(log), tools_(std::move(tools)), policy_(std::move(policy)) {}

Result<std::unique_ptr<Cosignatures>> Cosignatures::open(const EvidenceLog& log, Tools tools,
                                                         WitnessPolicy policy) {
  std::unique_ptr<Cosignatures> opened(new Cosignatures(log, std::move(tools), std::move(policy)));
  const std::string newest = ledger::join_path(opened->tools_.directory, "newest");
  auto there = opened->tools_.files.exists(newest);
  if (!there) return failure(there);
  if (!*there) return opened;
  auto note = opened->tools_.files.read_file(newest);
  if (!note) return failure(note);
  auto checkpoint = ledger::open_checkpoint(*note, log.verifier());
  if (!checkpoint) return failure(checkpoint, newest);
  if (auto same = opened->is_of_this_log(checkpoint->tree); !same) return failure(same, newest);
  opened->witnessed_ = std::move(*note);
  opened->counts_.witnessed_size = checkpoint->tree.size;
  return opened;
}

std::string Cosignatures::candidate() {
  const std::lock_guard lock(mutex_);
  const auto now = tools_.clock.boot();
  if (candidate_.empty() || now - candidate_at_ >= candidate_interval) {
    candidate_ = log_.checkpoint();
    candidate_at_ = now;
  }
  return candidate_;
}

Result<Cosignatures::Standing> Cosignatures::add(std::string_view bytes) {
  auto checkpoint = ledger::open_checkpoint(bytes, log_.verifier());
  if (!checkpoint) return failure(checkpoint, "not a checkpoint of this log");
  if (auto same = is_of_this_log(checkpoint->tree); !same) return failure(same);
  auto note = ledger::parse_note(bytes);
  if (!note) return failure(note);
  auto lines = known_lines(*note);
  if (!lines) {
    const std::lock_guard lock(mutex_);
    ++counts_.refused;
    return failure(lines);
  }
  Gathered fresh{.text = note->text, .by_log = {}, .by_witness = std::move(*lines)};
  for (const SignatureLine& line : note->signatures) {
    if (log_.verifier().matches(line)) fresh.by_log = line;
  }
  return merge(std::move(fresh), checkpoint->tree);
}

Result<Cosignatures::Standing> Cosignatures::merge(Gathered fresh, const ledger::TreeHead& tree) {
  const std::lock_guard lock(mutex_);
  counts_.taken += fresh.by_witness.size();
  auto& gathered = gathering_.try_emplace(tree.size, fresh).first->second;
  gathered.by_witness.merge(fresh.by_witness);
  Standing standing{.size = tree.size,
                    .cosignatures = gathered.by_witness.size(),
                    .witnessed = counts_.witnessed_size};
  // A later signature on the newest one belongs to it too.
  if (standing.cosignatures >= policy_.quorum && tree.size >= counts_.witnessed_size) {
    if (auto kept = keep(gathered, tree.size); !kept) return failure(kept);
    standing.witnessed = tree.size;
    std::erase_if(gathering_, [&](const auto& each) { return each.first < tree.size; });
  }
  while (gathering_.size() > candidates_max) gathering_.erase(gathering_.begin());
  return standing;
}

Result<void> Cosignatures::is_of_this_log(const ledger::TreeHead& tree) const {
  if (tree.size > log_.size()) {
    return ledger::fail(
        ErrorKind::corrupt,
        fmt::format("this log's key signed a tree of {} leaves, but the log has {}: "
                    "it went back, or there is another log with its key",
                    tree.size, log_.size()));
  }
  auto root = log_.root(tree.size);
  if (!root) return failure(root);
  if (*root == tree.root) return {};
  return ledger::fail(
      ErrorKind::corrupt,
      fmt::format("this log's key signed two different trees of {} leaves", tree.size));
}

// The signatures that count, one a witness. Reject: one of them is bad, or none is known.
Result<std::map<std::size_t, SignatureLine>> Cosignatures::known_lines(
    const ledger::Note& note) const {
  const auto latest = std::chrono::duration_cast<std::chrono::seconds>(
      (tools_.clock.wall() + clock_tolerance).time_since_epoch());
  std::map<std::size_t, SignatureLine> lines;
  for (const SignatureLine& line : note.signatures) {
    for (std::size_t place = 0; place < policy_.witnesses.size(); ++place) {
      const ledger::Verifier& witness = policy_.witnesses[place];
      if (!witness.matches(line)) continue;
      const auto time = cosigned_at(line);
      if (!witness.verify(note.text, line) || !time) {
        return ledger::fail(ErrorKind::reject,
                            "the cosignature of " + witness.name() + " does not verify");
      }
      if (*time > static_cast<std::uint64_t>(latest.count())) {
        return ledger::fail(ErrorKind::reject, "the cosignature of " + witness.name() +
                                                   " is of the future: check the clocks");
      }
      lines.insert_or_assign(place, line);
    }
  }
  if (!lines.empty()) return lines;
  return ledger::fail(ErrorKind::reject,
                      policy_.witnesses.empty()
                          ? "no witnesses are configured here: [witness] keys in collector.toml"
                          : "no cosignature by a witness that is configured here");
}

Result<void> Cosignatures::keep(const Gathered& gathered, std::uint64_t size) {
  const std::string note = gathered.note();
  if (auto made = tools_.files.make_directory(tools_.directory, 0700); !made) return made;
  const ledger::Time now = tools_.clock.wall();
  const std::string day = ledger::format_time(now).substr(0, 10);
  for (const std::string& name : {day, std::string("newest")}) {
    const std::string path = ledger::join_path(tools_.directory, name);
    if (auto kept = ledger::replace_file(tools_.files, path, note, 0600); !kept) return kept;
  }
  witnessed_ = note;
  counts_.witnessed_size = size;
  counts_.witnessed_at = now;
  return {};
}

std::string Cosignatures::witnessed() const {
  const std::lock_guard lock(mutex_);
  return witnessed_;
}

Cosignatures::Counts Cosignatures::counts() const {
  const std::lock_guard lock(mutex_);
  return counts_;
}

}  // namespace yunjian::collector
