#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "collector/config.h"
#include "collector/store/own_stream.h"
#include "collector/witness/checkpoint_history.h"
#include "collector/witness/roster_keeper.h"
#include "collector/witness/witness_push.h"

namespace yunjian::collector {

// What keeps this collector's operator honest, joined: rosters, cosignatures, the push to
// witnesses. Life: open() -> step() about once a second -> destroyed. Witnesses may be slow, so a
// thread of its own asks them; what they say becomes records in step().
class WitnessService {
 public:
  struct Parts {
    EvidenceLog& log;
    OwnStream& own;
    ledger::FileSystem& files;
    ledger::Clock& clock;
  };
  static ledger::Result<std::unique_ptr<WitnessService>> open(const Parts& parts,
                                                              const std::string& data,
                                                              const WitnessConfig& config);
  ~WitnessService();
  WitnessService(const WitnessService&) = delete;
  WitnessService& operator=(const WitnessService&) = delete;

  void start_pushing();
  // Makes the roster that is due, and records of what witnesses said.
  ledger::Result<void> step();

  // What an agent that frees bodies only behind witnesses asks for: see IngestHandler::Parts.
  ledger::Result<std::optional<std::string>> witnessed_receipt(std::string_view stream,
                                                               std::uint64_t batch) const;

  Cosignatures& cosignatures() { return *cosignatures_; }
  ListFiles& lists() { return lists_; }
  std::string metrics() const;  // any thread

 private:
  WitnessService(const Parts& parts, const std::string& data, const WitnessConfig& config);
  void run();
  ledger::Result<void> record_silence(const RosterKeeper::Made& made);

  const Parts parts_;
  const WitnessConfig config_;
  ListFiles lists_;
  RosterKeeper rosters_;
  CheckpointHistory history_;
  std::unique_ptr<Cosignatures> cosignatures_;
  std::unique_ptr<WitnessPush> push_;

  mutable std::mutex mutex_;  // protects all below
  std::condition_variable stopped_;
  bool stopping_ = false;
  std::vector<WitnessPush::Event> events_;
  std::uint64_t alarms_ = 0;
  std::uint64_t rosters_made_ = 0;
  std::uint64_t agents_ = 0;
  std::uint64_t silent_ = 0;
  std::thread thread_;
};

// Reject: a key of the configuration is none; the text says which.
ledger::Result<std::vector<ledger::Verifier>> verifiers_of(const std::vector<std::string>& vkeys);

// Asks the witnesses of the configuration whether they have seen more than the anchor says. Fatal:
// one has. Gives what could not be asked. Nothing is signed here.
ledger::Result<std::vector<std::string>> ask_witnesses_before_start(ledger::FileSystem& files,
                                                                    const std::string& anchor,
                                                                    const ledger::Verifier& log,
                                                                    const WitnessConfig& config);

}  // namespace yunjian::collector
