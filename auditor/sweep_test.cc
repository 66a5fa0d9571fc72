#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <map>
#include <random>
#include <thread>

#include "auditor/directory_evidence.h"
#include "auditor/testing/sample_log.h"
#include "auditor/verifier.h"

// Seeded damage to a sealed directory of more than 1 MiB: flips, cuts, deletions, swaps and
// duplications of files and of what lies in them, the latter with all checksums, tiles and the
// checkpoint made anew by somebody who holds the log's key. Each must be reported, with the right
// object named. YUNJIAN_SWEEP=100000 sets how many (some minutes in a release build).
namespace yunjian::auditor {
namespace {

using testing::SampleLog;

constexpr std::size_t directory_bytes_min = 1U << 20;
constexpr unsigned threads = 2;
constexpr std::size_t frames_per_segment = 12;

std::uint64_t wanted_damages() {
  const char* asked = std::getenv("YUNJIAN_SWEEP");
  return asked == nullptr ? 1500 : std::strtoull(asked, nullptr, 10);
}

void fill(SampleLog& log) {
  log.enrol("collector", "collector");
  const std::size_t a = log.enrol("water-bureau", "web-01");
  const std::size_t b = log.enrol("health-bureau", "db-01");
  for (int round = 0; round < 16; ++round) {
    for (const std::size_t stream : {a, b}) {
      std::vector<std::string> lines;
      for (int i = 0; i < 24; ++i) lines.push_back(log.random_line(3000));
      log.seal(stream, lines);
    }
    log.advance(std::chrono::seconds(60));
    if (round % 8 == 7) log.add_roster(log.agents());
  }
  log.write(frames_per_segment);
}

struct Damage {
  std::string kind;    // "flip wal/…"
  std::string object;  // what a finding has to name; several words, one of them is enough
};

// One thread's copy of the directory, damaged and restored again and again.
class Patient {
 public:
  Patient() {
    fill(log_);
    for (const std::string& path : log_.files().paths()) {
      files_.emplace(path, log_.files().content(path).value());
      names_.push_back(path);
    }
    entries_ = log_.entries();
    head_ = {log_.leaf_hashes().size(),
             ledger::merkle_root(*ledger::default_suite().hasher(), log_.leaf_hashes())};
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
    const auto damage = random() % 4 == 0 ? damage_entries(random) : damage_files(random);
    if (!damage) return std::nullopt;
    ++kinds[damage->kind];
    const std::string missed = verify(*damage);
    restore();
    return missed;
  }

 private:
  std::string verify(const Damage& damage) {
    DirectoryEvidence evidence(log_.files(), "/data", ledger::default_suite());
    LogVerifier verifier(log_.verifier(), head_);
    const auto result = verifier.run(evidence);
    if (!result) return damage.kind + ": an error instead of a finding";
    const int code = result->findings.exit_code(false);
    if (code != 1 && code != 2) return damage.kind + ": exit " + std::to_string(code);
    std::string named;
    for (const Finding& finding : result->findings.kept()) {
      if (finding.kind == FindingKind::notice) continue;
      named += (named.empty() ? "" : "|") + finding.place;
      std::string_view words = damage.object;
      while (!words.empty()) {
        const std::size_t end = std::min(words.find('|'), words.size());
        if (finding.place.find(words.substr(0, end)) != std::string::npos) return {};
        words.remove_prefix(std::min(end + 1, words.size()));
      }
    }
    return damage.kind + ": no finding names " + damage.object + ", but " + named;
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

  // A finding may name the file, or what the damage hides from view.
  static std::string named_by(const std::string& path) {
    const std::string name = path.substr(std::string_view("/data/").size());
    if (name.starts_with("wal/")) return name + "|stream |leaves |leaf ";
    if (name.starts_with("lists/")) return name + "|leaf ";
    if (name == "checkpoint") return "checkpoint|leaves ";
    return name + "|tile/|leaf ";  // a hash of level 0 is that of a leaf
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
        return Damage{"flip a bit of " + folder, named_by(path)};
      }
      case 1:
        log_.files().overwrite(path, content.substr(0, random() % content.size()));
        return Damage{"cut " + folder, named_by(path)};
      case 2:
        REQUIRE(log_.files().remove(path));
        return Damage{"delete " + folder, named_by(path)};
      case 3:
        if (files_.at(other) == content) return std::nullopt;
        log_.files().overwrite(path, files_.at(other));
        log_.files().overwrite(other, content);
        return Damage{"swap files", named_by(path) + "|" + named_by(other)};
      case 4:
        if (files_.at(other) == content) return std::nullopt;
        log_.files().overwrite(other, content);
        return Damage{"put a file over another", named_by(other)};
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
        return Damage{"double a piece of " + folder, named_by(path)};
      }
    }
  }

  // Entries changed and everything derived from them made anew, as an operator would.
  std::optional<Damage> damage_entries(std::mt19937_64& random) {
    auto& entries = log_.entries();
    const std::size_t at = random() % entries.size();
    const std::size_t other = random() % entries.size();
    std::string kind;
    std::string object = object_of(entries[at], at);
    switch (random() % 5) {
      case 0:
        if (at == other) return std::nullopt;
        kind = "swap entries";
        // Neighbours of two streams leave both streams whole: only the log's order is another.
        object += "|" + object_of(entries[other], other) + "|leaves ";
        std::swap(entries[at], entries[other]);
        break;
      case 1:
        kind = "drop an entry";
        if (at + 1 < entries.size()) object += "|leaf " + std::to_string(at);
        object += "|leaves ";
        entries.erase(entries.begin() + static_cast<std::ptrdiff_t>(at));
        break;
      case 2:
        kind = "double an entry";
        object += "|leaf " + std::to_string(other) + "|leaves ";
        entries.insert(entries.begin() + static_cast<std::ptrdiff_t>(other), entries[at]);
        break;
      case 3: {
        kind = "flip a bit of a leaf";
        const std::uint64_t bit = random() % (entries[at].leaf.size() * 8);
        char& byte = entries[at].leaf[bit / 8];
        byte = static_cast<char>(byte ^ (1 << (bit % 8)));
        object += "|leaf " + std::to_string(at);
        break;
      }
      default:
        if (entries[at].body.empty() || entries[other].body.empty() || at == other) {
          return std::nullopt;
        }
        kind = "put another body";
        entries[at].body = entries[other].body;
        break;
    }
    log_.write(frames_per_segment);
    return Damage{kind, object};
  }

  static std::string object_of(const SampleLog::Entry& entry, std::size_t at) {
    std::string object = "leaf " + std::to_string(at);
    if (!entry.stream.empty()) {
      object += "|" + entry.stream + " batch " + std::to_string(entry.batch);
      // What an absent or moved batch leaves behind shows at its neighbours.
      object += "|" + entry.stream;
    }
    return entry.stream.empty() ? object + "|stream |leaf " : object;
  }

  SampleLog log_;
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
      Patient patient;
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
