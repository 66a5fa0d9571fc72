#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "auditor/alarm_statement.h"
#include "auditor/findings.h"
#include "auditor/key_file.h"
#include "auditor/proof_source.h"
#include "ledger/base/clock.h"
#include "ledger/checkpoint.h"

namespace yunjian::auditor {

// What a witness asks a log for, and tells it. Errors as TileSource.
class WitnessedLog : public TileSource {
 public:
  virtual ledger::Result<std::string> candidate() = 0;   // what it wants signed
  virtual ledger::Result<std::string> checkpoint() = 0;  // its newest
  // Gives the cosigned note back; the log's answer in its own words.
  virtual ledger::Result<std::string> post(const std::string& note) = 0;
};

// Follows one log. It signs a tree only after it has seen that the tree continues the one that it
// signed before, and only after the whole note is durable in its own state: so a rolled-back state
// is the only way to make it sign two histories. One thread.
//
// Life of a cosignature: the candidate is fetched -> its consistency with the kept note is computed
// from the log's own tiles -> the note is kept [durable] -> it is cosigned -> kept with the
// cosignature -> posted to the log.
class Witness {
 public:
  struct Options {
    std::string state;                       // directory
    std::chrono::seconds stale_after{7200};  // a log makes a roster each hour
    // Checkpoints that other commands verified before (PinnedState): compared too.
    std::optional<std::string> pinned_note;
  };
  // `key` outlives it. Corrupt: the kept note is damaged or of another log.
  static ledger::Result<Witness> open(ledger::FileSystem& files, const ledger::Verifier& log,
                                      const OwnKey& key, Options options);

  struct Outcome {
    std::optional<Finding> alarm;  // split view, roll-back, stale checkpoint, silent log
    std::string evidence;          // file that holds what proves it, when there is one
    bool cosigned = false;         // a larger tree than before
    std::uint64_t size = 0;        // of the tree that is signed now
    std::string answer;            // of the log to the post, or why it was not told
    bool told = false;             // the log took the cosignature
  };
  // One round. Errors are the machine's: the state cannot be kept.
  ledger::Result<Outcome> step(WitnessedLog& source, ledger::Time now);

 private:
  Witness(ledger::FileSystem& files, const ledger::Verifier& log, const OwnKey& key,
          Options options)
      : files_(&files), log_(log), key_(&key), options_(std::move(options)) {}

  ledger::Result<Outcome> silent(const ledger::Error& error, ledger::Time now);
  ledger::Result<Outcome> look(WitnessedLog& source, const std::string& note,
                               const ledger::TreeHead& tree, ledger::Time now);
  ledger::Result<Outcome> grown(WitnessedLog& source, const std::string& note,
                                const ledger::TreeHead& tree, ledger::Time now);
  ledger::Result<Outcome> rolled_back(WitnessedLog& source, ledger::Time now);
  ledger::Result<Outcome> split(const std::string& before, const std::string& note,
                                WitnessedLog& source, ledger::Time now);
  ledger::Result<std::optional<Outcome>> differs(WitnessedLog& source, const std::string& before,
                                                 const std::string& note, ledger::Time now);
  ledger::Result<void> tell(WitnessedLog& source, Outcome& outcome);
  ledger::Result<std::string> keep_statement(AlarmStatement::Kind kind, const std::string& before,
                                             const std::string& shown, ledger::Time now);
  ledger::Result<std::string> keep_evidence(std::string_view kind, const std::string& bytes,
                                            ledger::Time now);
  ledger::Result<std::string> keep_file(std::string_view kind, const std::string& bytes,
                                        const std::string& about, ledger::Time now);
  std::string path() const;
  ledger::Result<void> keep();
  std::uint64_t size_seen() const;  // by this witness, or by what was verified besides

  ledger::FileSystem* files_;
  ledger::Verifier log_;
  const OwnKey* key_;
  Options options_;
  std::string note_;       // kept: the newest that was verified, with our cosignature when made
  ledger::TreeHead tree_;  // of it
  ledger::Time grew_{};    // when it was kept first
  bool told_ = false;      // the log has our signature on it
};

}  // namespace yunjian::auditor
