#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ledger/base/file_system.h"
#include "ledger/base/random.h"
#include "ledger/batch.h"

namespace yunjian::ledger {

// A sealed batch as it is stored and shipped.
struct Frame {
  std::string header;  // the whole note
  std::string body;    // zstd, or empty (no records, or hollow)
};

// What the owner wants remembered with a seal: opaque to the ratchet, one blob each, any bytes.
struct SealContext {
  std::string positions;  // where each source goes on reading
  std::string open_hour;  // usage samples of sealed minutes
};

// How many batches one prepare() may cover.
inline constexpr std::size_t run_batches_max = 16;

// The keys and counters of one stream and the crash order in which they move. What moves is a run:
// one batch, or several that were ready at the same time and share the durable steps.
//
// Life of a run, with what is durable after each step:
//   1. prepare(): state {key k, the keys that the run announces, each header's facts, the old
//   context, the context after each batch} is durable.
//   2. the owner makes the frames durable (spool or WAL), in order.
//   3. commit(): state {last announced key, advanced, new context} is durable, the keys that signed
//   the run are gone. Only now may a frame of the run be shipped.
// A crash between 1 and 3: recover(frames) adopts the frames that are there whole from the first
// on, and does step 3 for them. The others keep the *same* keys, so that the next prepare() seals
// them anew, with the context behind the last adopted one. One thread.
//
// Full (no room for the new state): nothing has changed, the step may be tried again. After any
// other failed write the ratchet refuses everything (fatal): the process must restart and recover.
class Ratchet {
 public:
  struct Identity {
    std::string origin;
    std::string agent;
    std::uint64_t incarnation = 1;
    Hash enrolment_leaf{};  // previous of batch 0
  };

  struct Opening {
    Identity identity;
    const PrivateKey& first_key;  // signs batch 0
    SealContext context;          // what the owner wants to go on from
  };
  // Writes the first state. Fails when the file is there.
  static Result<Ratchet> create(FileSystem& files, const std::string& path, Opening opening);
  // The same without a context.
  static Result<Ratchet> create(FileSystem& files, const std::string& path, Identity identity,
                                const PrivateKey& first_key);
  // Reads the state; reject when there is none, corrupt when its checksum is wrong.
  static Result<Ratchet> open(FileSystem& files, std::string path);

  Ratchet(Ratchet&&) noexcept;
  Ratchet& operator=(Ratchet&&) noexcept;
  ~Ratchet();

  const Suite& suite() const;
  const Identity& identity() const;
  const SealContext& context() const;  // of the last committed seal
  std::uint64_t next_batch() const;
  std::uint64_t next_record() const;
  const Hash& previous() const;
  bool in_doubt() const { return in_doubt_batches() > 0; }  // opened between steps 1 and 3
  std::size_t in_doubt_batches() const;                     // of the run that was prepared

  // `frames` = header notes from next_batch() on that the owner's durable store holds whole, at
  // most in_doubt_batches(). Must come first when in_doubt(). Corrupt: a frame is not the one that
  // was prepared.
  Result<void> recover(const std::vector<std::string>& frames);

  struct Content {
    Hash root{};
    std::uint64_t records = 0;
    Time sealed{};
    std::string boot_id;
    std::uint64_t boot_ms = 0;
    std::vector<std::string> flags;
  };
  struct Planned {
    Content content;
    SealContext context;  // as it is after this batch
  };
  // Step 1 for 1 to run_batches_max batches; returns the signed header notes. Must be followed by
  // commit() (or a restart).
  Result<std::vector<std::string>> prepare(Random& random, std::vector<Planned> run);
  // The same for a run of one.
  Result<std::string> prepare(Random& random, Content content, SealContext context);
  Result<void> commit();  // step 3

  // Signs the enrolment of the stream's next incarnation with the key that the last header
  // announced (or the enrolment, before the first): its endorsement. Reject: another text, or a
  // seal is in doubt.
  Result<SignatureLine> endorse(std::string_view enrolment_text) const;

 private:
  struct Impl;
  explicit Ratchet(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace yunjian::ledger
