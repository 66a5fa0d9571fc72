#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "auditor/findings.h"
#include "auditor/proof_source.h"
#include "ledger/archive/tiles.h"
#include "ledger/checkpoint.h"
#include "ledger/list_leaves.h"

namespace yunjian::auditor {

// Receives a log's evidence in its order. The views are valid during the call.
class EvidenceVisitor {
 public:
  virtual ~EvidenceVisitor() = default;
  // Leaf `index` counts from 0 without holes. `body` is what the store holds for a batch: absent
  // when there is none.
  virtual void leaf(std::string_view bytes, std::optional<std::string_view> body) = 0;
  // A body that was stored later for a batch whose leaf had none.
  virtual void late_body(std::string_view stream, std::uint64_t batch, std::string_view body) = 0;
  // The same as lines joined by LF, from where bodies are kept as columns: there all of them come
  // behind their leaves.
  virtual void late_lines(std::string_view stream, std::uint64_t batch, std::string lines) = 0;
  virtual void found(Finding finding) = 0;  // damage of the container itself
  virtual bool wants_body(
      std::string_view leaf) = 0;  // asked before a body is fetched over the network
};

// A replacement that a stop left before its rename: no file of the log has such a name, so nothing
// can be hidden in it, and what it was to become is missed under its own name.
inline bool is_unfinished(std::string_view name) { return name.ends_with(".new"); }

// Where evidence comes from: a running collector or a copied data directory. One thread, used once.
class Evidence : public TileSource {
 public:
  virtual ledger::Result<std::string> checkpoint() = 0;  // the note as it is published
  // Calls `visitor` for what there is of the log's first `size` leaves, or of all there are when a
  // copied directory holds more. Errors: retry (a server that does not answer), fatal (the
  // machine); damage is a finding, not an error.
  virtual ledger::Result<void> visit(std::uint64_t size, EvidenceVisitor& visitor) = 0;
  // May be called during a visit. Errors: reject (it is not there), retry, fatal. Nothing of it is
  // checked here.
  virtual ledger::Result<std::string> list(std::uint64_t leaf, const ledger::ListHead& head) = 0;
  // The newest checkpoint that enough witnesses signed, with their lines.
  virtual ledger::Result<std::string> witnessed() = 0;
  // Checkpoints that were kept over the days, signed by the log and perhaps by witnesses; none of
  // them checked here.
  struct KeptNote {
    std::string place;
    std::string note;
  };
  virtual std::vector<KeptNote> history() { return {}; }
  // The leaves before this one were verified before. True: visit() will begin there.
  virtual bool begin_at(std::uint64_t) { return false; }
  // True: a leaf comes with its body, so that a check may stop between any two and go on there.
  virtual bool gives_whole_leaves() const { return false; }
};

}  // namespace yunjian::auditor
