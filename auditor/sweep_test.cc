#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <map>
#include <random>
#include <thread>

#include "auditor/directory_evidence.h"
#include "auditor/testing/damage_objects.h"
#include "auditor/testing/sample_log.h"
#include "auditor/testing/sample_usage.h"
#include "auditor/verifier.h"

// Seeded damage to a sealed directory of more than 1 MiB: flips, cuts, deletions, swaps and
// duplications of files and of what lies in them, the latter with all checksums, tiles and the
// checkpoint made anew by somebody who holds the log's key. Each must be reported, with the right
// object named. YUNJIAN_SWEEP=100000 sets how many (some minutes in a release build).
namespace yunjian::auditor {
namespace {

using testing::DamageObjects;
using testing::SampleLog;
using testing::SampleUsage;

constexpr std::size_t directory_bytes_min = 1U << 20;
constexpr unsigned threads = 2;
constexpr std::size_t frames_per_segment = 12;

std::uint64_t wanted_damages() {
  const char* asked = std::getenv("YUNJIAN_SWEEP");
  return asked == nullptr ? 1500 : std::strtoull(asked, nullptr, 10);
}

// Half of the threads look at a directory with a part.
DamageObjects::Layout fill(SampleLog& log, bool part) {
  log.enrol("collector", "collector");
  const std::size_t a = log.enrol("water-bureau", "web-01");
  const std::size_t b = log.enrol("health-bureau", "db-01");
  SampleUsage usage(log.now());
  for (int round = 0; round < 16; ++round) {
    for (const std::size_t stream : {a, b}) {
      std::vector<std::string> lines;
      for (int i = 0; i < 24; ++i) lines.push_back(log.random_line(3000));
      log.seal(stream, lines);
    }
    log.seal(a, {usage.minute(10 + round)});
    log.advance(std::chrono::seconds(60));
    if (round == 5) {
      log.seal(a, {usage.hour()});
      log.seal(b, {log.random_line(60)}, true);
      log.seal(b, {log.gap_line(std::to_string(log.last().batch))});
    }
    if (round % 8 == 7) log.add_roster(log.agents());
  }
  const std::size_t filed = part ? log.entries().size() / 2 : 0;
  log.write_with_part(filed, frames_per_segment);
  return {filed, frames_per_segment};
}

struct Damage {
  std::string kind;                // "flip wal/…"
  std::vector<std::string> files;  // that were damaged; or
  std::vector<std::size_t> entries;
  // The order of the leaves alone is another: only a root can tell, over the leaves up to there.
  bool root_only = false;
  bool twins = false;  // the entry stands beside its double: either is the one too many
};

// One thread's copy of the directory, damaged and restored again and again.
class Patient {
 public:
  explicit Patient(bool part) : layout_(fill(log_, part)), objects_(log_, layout_) {
    for (const std::string& path : log_.files().paths()) {
      files_.emplace(path, log_.files().content(path).value());
      names_.push_back(path);
    }
    entries_ = log_.entries();
    head_ = {log_.leaf_hashes().size(),
             ledger::merkle_root(*testing::sample_suite().hasher(), log_.leaf_hashes())};
  }
  std::uint64_t bytes() const {
    std::uint64_t sum = 0;
    for (const auto& [path, content] : files_) sum += content.size();
    return sum;
  }
  // Damages, verifies, restores. Empty: well reported; else what was missed. nullopt: the seed
  // changes nothing.
  std::optional<std::string> treat(std::uint64_t seed,
                                   std::map<std::string, std::uint64_t>& kinds) {
    std::mt19937_64 random(seed);
    const auto damage =
        layout_.filed == 0 && random() % 4 == 0 ? damage_entries(random) : damage_files(random);
    if (!damage) return std::nullopt;
    ++kinds[damage->kind];
    const std::string missed = verify(*damage);
    restore();
    return missed;
  }

 private:
  std::string verify(const Damage& damage) {
    DirectoryEvidence evidence(log_.files(), "/data", testing::sample_suite());
    LogVerifier verifier(log_.verifier(), head_);
    const auto result = verifier.run(evidence);
    if (!result) return damage.kind + ": an error instead of a finding";
    const int code = result->findings.exit_code(false);
    if (code != 1 && code != 2) return damage.kind + ": exit " + std::to_string(code);
    std::string named;
    for (const Finding& finding : result->findings.kept()) {
      using enum FindingKind;
      if (finding.kind != tampered && finding.kind != missing) continue;
      if (names(finding, damage)) return {};
      named += "|" + finding.place;
    }
    std::string wanted;
    for (const std::string& file : damage.files) wanted += " " + file;
    for (const std::size_t entry : damage.entries) wanted += " entry " + std::to_string(entry);
    return damage.kind + ": no finding names" + wanted + ", but " + named;
  }

  bool names(const Finding& finding, const Damage& damage) const {
    const testing::NamedPlace place(finding.place);
    const auto entry = [&](std::size_t at) {
      if (objects_.names_entry(finding, at)) return true;
      if (damage.twins && place.leaves.from == at + 1 && place.leaves.to == at + 1) return true;
      // Without an entry that no stream misses the log is only shorter.
      const bool shorter =
          damage.kind == "drop an entry" && !place.leaves.is_empty() && place.leaves.from >= at;
      return damage.root_only && (place.leaves.holds(at) || shorter);
    };
    const auto file = [&](const std::string& path) { return objects_.names_file(finding, path); };
    return std::ranges::any_of(damage.files, file) || std::ranges::any_of(damage.entries, entry);
  }

  void restore() {
    log_.entries() = entries_;
    for (const std::string& path : log_.files().paths()) {
      if (!files_.contains(path)) REQUIRE(log_.files().remove(path));
    }
    for (const auto& [path, content] : files_) {
      const auto now = log_.files().content(path);
      if (!now || *now != content) log_.files().overwrite(path, content);
    }
  }

  static Damage of_files(std::string kind, std::vector<std::string> files) {
    return {std::move(kind), std::move(files), {}, false};
  }

  std::optional<Damage> damage_files(std::mt19937_64& random) {
    const std::string path = names_[random() % names_.size()];
    const std::string other = names_[random() % names_.size()];
    const std::string& content = files_.at(path);
    const std::string folder =
        path.substr(6, path.find_last_of('/') - std::min<std::size_t>(path.find_last_of('/'), 6));
    switch (random() % 6) {
      case 0: {
        std::string flipped = content;
        const std::uint64_t bit = random() % (flipped.size() * 8);
        flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
        log_.files().overwrite(path, flipped);
        return of_files("flip a bit of " + folder, {path});
      }
      case 1:
        log_.files().overwrite(path, content.substr(0, random() % content.size()));
        return of_files("cut " + folder, {path});
      case 2:
        REQUIRE(log_.files().remove(path));
        return of_files("delete " + folder, {path});
      case 3:
        if (files_.at(other) == content) return std::nullopt;
        log_.files().overwrite(path, files_.at(other));
        log_.files().overwrite(other, content);
        return of_files("swap files", {path, other});
      case 4:
        if (files_.at(other) == content) return std::nullopt;
        log_.files().overwrite(other, content);
        return of_files("put a file over another", {other});
      default: {
        // A piece of the file once more, in another place of it.
        const std::size_t from = random() % content.size();
        const std::size_t length = 1 + random() % std::min<std::size_t>(content.size() - from, 512);
        const std::size_t to = random() % content.size();
        std::string copied = content;
        copied.insert(to, content.substr(from, length));
        if (copied.substr(0, content.size()) == content && path.ends_with("checkpoint")) {
          return std::nullopt;
        }
        log_.files().overwrite(path, copied);
        return of_files("double a piece of " + folder, {path});
      }
    }
  }

  // Entries changed and everything derived from them made anew, as an operator would.
  std::optional<Damage> damage_entries(std::mt19937_64& random) {
    auto& entries = log_.entries();
    const std::size_t at = random() % entries.size();
    const std::size_t other = random() % entries.size();
    Damage damage{"", {}, {at}, false};
    switch (random() % 5) {
      case 0:
        if (at == other) return std::nullopt;
        damage.kind = "swap entries";
        damage.entries.push_back(other);
        std::swap(entries[at], entries[other]);
        break;
      case 1:
        damage.kind = "drop an entry";
        entries.erase(entries.begin() + static_cast<std::ptrdiff_t>(at));
        break;
      case 2:
        damage.kind = "double an entry";
        damage.entries.push_back(other);
        damage.twins = at == other;
        entries.insert(entries.begin() + static_cast<std::ptrdiff_t>(other), entries[at]);
        break;
      case 3: {
        damage.kind = "flip a bit of a leaf";
        const std::uint64_t bit = random() % (entries[at].leaf.size() * 8);
        char& byte = entries[at].leaf[bit / 8];
        byte = static_cast<char>(byte ^ (1 << (bit % 8)));
        break;
      }
      default:
        if (entries[at].body.empty() || entries[other].body.empty() || at == other ||
            entries[at].hollow) {
          return std::nullopt;
        }
        damage.kind = "put another body";
        entries[at].body = entries[other].body;
        break;
    }
    const bool moved = damage.kind != "flip a bit of a leaf" && damage.kind != "put another body";
    damage.root_only = moved && !shows_in_streams();
    log_.write(frames_per_segment);
    return damage;
  }

  // Whether some stream's batches do not follow each other any more. A tail that is gone, and other
  // leaves in another order, do not show there.
  bool shows_in_streams() const {
    std::map<std::string, std::uint64_t> next;
    for (const SampleLog::Entry& entry : log_.entries()) {
      if (entry.stream.empty()) continue;
      if (entry.batch != next[entry.stream]++) return true;
    }
    return false;
  }

  SampleLog log_;
  DamageObjects::Layout layout_;
  DamageObjects objects_;
  std::map<std::string, std::string> files_;
  std::vector<std::string> names_;
  std::vector<SampleLog::Entry> entries_;
  ledger::TreeHead head_;
};

TEST_CASE("seeded damage to a sealed directory is reported, and the right object is named" *
          doctest::test_suite("exhaustive")) {
  const std::uint64_t wanted = wanted_damages();
  std::atomic<std::uint64_t> next = 0;
  std::atomic<std::uint64_t> treated = 0;
  std::vector<std::map<std::string, std::uint64_t>> kinds(threads);
  std::vector<std::vector<std::string>> missed(threads);
  std::vector<std::thread> workers;
  for (unsigned t = 0; t < threads; ++t) {
    workers.emplace_back([&, t] {
      Patient patient(t % 2 == 1);
      ledger::require(patient.bytes() >= directory_bytes_min, "the directory is large enough");
      while (treated < wanted) {
        const std::uint64_t seed = next++;
        const auto result = patient.treat(seed, kinds[t]);
        if (!result) continue;
        ++treated;
        if (!result->empty() && missed[t].size() < 20) {
          missed[t].push_back("seed " + std::to_string(seed) + ": " + *result);
        }
      }
    });
  }
  for (std::thread& worker : workers) worker.join();
  for (const auto& each : missed) {
    for (const std::string& what : each) CHECK_MESSAGE(false, what);
  }
  std::map<std::string, std::uint64_t> sums;
  for (const auto& each : kinds) {
    for (const auto& [kind, count] : each) sums[kind] += count;
  }
  std::string told;
  for (const auto& [kind, count] : sums) told += "\n  " + std::to_string(count) + " " + kind;
  MESSAGE(treated.load() << " damages, each reported with its object:" << told);
}

}  // namespace
}  // namespace yunjian::auditor
