#pragma once

#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "collector/witness/cosignatures.h"
#include "collector/witness/witness_client.h"
#include "ledger/checkpoint.h"

namespace yunjian::collector {

// What a C2SP witness says to an add-checkpoint, as a decision.
enum class WitnessSays {
  cosigned,       // 200: cosignature lines follow
  other_size,     // 409 with text/x.tlog.size: it stands at another size
  unknown_log,    // 404: it does not know this origin
  untrusted,      // 403: it does not know this log's key
  misunderstood,  // 400, or anything that the specification does not know
  inconsistent,   // 422: what it saw before is not the beginning of this log
  not_now,        // 5xx, 429
};
struct WitnessVerdict {
  WitnessSays says = WitnessSays::not_now;
  std::uint64_t size = 0;  // with other_size
};
WitnessVerdict judge_witness(const WitnessAnswer& answer);

// Body of an add-checkpoint request.
std::string format_add_checkpoint(std::uint64_t old_size, const std::vector<ledger::Hash>& proof,
                                  std::string_view checkpoint);

// Before anything is signed: asks each witness whether it has seen more of this log than
// `checkpoint`, the newest note that was signed. Fatal: one has, or it saw another history. Gives
// what could not be asked, one line each.
ledger::Result<std::vector<std::string>> ask_before_signing(const std::vector<std::string>& urls,
                                                            const WitnessPost& post,
                                                            const ledger::Checkpoint& tree,
                                                            std::string_view checkpoint);

// Gives the candidate checkpoint to C2SP witnesses (tlog-witness, add-checkpoint) and keeps what
// they sign. One thread; counters() and problems() by any.
class WitnessPush {
 public:
  WitnessPush(const EvidenceLog& log, Cosignatures& cosignatures, std::vector<std::string> urls,
              WitnessPost post);

  // Once to every witness that has not signed the candidate yet. Gives what is to be told of those
  // that changed their mind: one line each, `alarm` when a witness says that history was changed.
  struct Event {
    std::string url;
    std::string text;
    bool alarm = false;
  };
  std::vector<Event> push();

 private:
  struct Witness {
    std::string url;
    std::uint64_t size = 0;   // the newest that it signed, as far as it was told
    std::string signed_note;  // candidate that it signed last
    std::string told;         // what was said last
  };
  std::string push_to(Witness& witness, std::string_view note, const ledger::TreeHead& tree,
                      bool& alarm);

  const EvidenceLog& log_;
  Cosignatures& cosignatures_;
  std::vector<Witness> witnesses_;
  const WitnessPost post_;
};

}  // namespace yunjian::collector
