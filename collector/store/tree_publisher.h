#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "ledger/archive/tiles.h"
#include "ledger/base/file_system.h"
#include "ledger/checkpoint.h"

namespace yunjian::collector {

// A checkpoint that may be shown to anybody.
struct Published {
  std::string note;
  ledger::TreeHead tree;
};

// The Merkle tree over the leaves and what is signed over it. A checkpoint is signed only over
// leaves that are durable in the WAL, and is durable in the anchor before anybody sees it: whoever
// saw it, the anchor names it or a larger tree. Tiles and checkpoint file are derived.
// One thread; tiles() may be read by any.
class TreePublisher {
 public:
  struct Paths {
    std::string directory;   // holds tile/
    std::string checkpoint;  // file in it
    std::string anchor;      // file outside it
  };
  struct Signer {
    const ledger::Suite& suite;
    const ledger::Verifier& verifier;
    std::function<ledger::Result<ledger::SignatureLine>(std::string_view text)> sign;
  };

  // First checkpoint of a new log; neither checkpoint nor anchor may exist.
  static ledger::Result<void> create(ledger::FileSystem& files, const Paths& paths,
                                     const Signer& signer, const ledger::Hash& leaf0);
  // What was signed before the start: the anchor and, when it is there, the checkpoint file. Fatal:
  // the anchor is missing or not by this key. Corrupt: the checkpoint file is not by this key.
  struct Signed {
    ledger::TreeHead anchor;
    ledger::TreeHead checkpoint;  // empty tree when there is no file
  };
  static ledger::Result<Signed> read_signed(ledger::FileSystem& files, const Paths& paths,
                                            const ledger::Verifier& verifier);
  // All leaves that are there: those that are filed, by the peaks of their tree, and those that
  // the WAL holds.
  struct Leaves {
    std::uint64_t filed = 0;
    std::vector<ledger::Hash> filed_peaks;
    std::function<ledger::Result<ledger::Hash>(std::uint64_t leaf)> filed_hash;
    std::vector<ledger::Hash> behind;
    std::uint64_t size() const { return filed + behind.size(); }
  };
  // Fatal: what was signed before is not a prefix of `leaves`. A tree within what is filed is
  // compared by open(), with the tiles.
  static ledger::Result<void> check(const Signed& before, const Signer& signer,
                                    const Leaves& leaves);
  // Rewrites missing tiles. Corrupt: tiles are of other leaves. Fatal: see check().
  static ledger::Result<std::unique_ptr<TreePublisher>> open(ledger::FileSystem& files,
                                                             const Paths& paths,
                                                             const Signer& signer,
                                                             const Leaves& leaves);
  ledger::Result<void> check_filed(const Signed& before) const;

  // Adds leaves that are durable in the WAL and signs over them; the anchor is durable on return,
  // the checkpoint may be shown. Signs anew over the same tree when `leaves` is empty.
  ledger::Result<Published> publish(std::span<const ledger::Hash> leaves);
  // Writes tiles and the checkpoint file over them, for whoever reads a copied data directory.
  // After publish(), not necessarily each time.
  ledger::Result<void> store(const Published& published);

  const ledger::TileStore& tiles() const { return *tiles_; }

 private:
  TreePublisher(ledger::FileSystem& files, Paths paths, Signer signer,
                std::unique_ptr<ledger::TileStore> tiles)
      : files_(files),
        paths_(std::move(paths)),
        signer_(std::move(signer)),
        tiles_(std::move(tiles)) {}

  ledger::FileSystem& files_;
  const Paths paths_;
  const Signer signer_;
  std::unique_ptr<ledger::TileStore> tiles_;
};

}  // namespace yunjian::collector
