#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

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

// The keys and counters of one stream and the crash order in which they move.
//
// Life of a seal, with what is durable after each step:
//   1. prepare(): state {key k, key k+1, header facts, old context, new context} is durable.
//   2. the owner makes the frame durable (spool or WAL).
//   3. commit(): state {key k+1, advanced, new context} is durable, key k is gone. Only now may the
//   frame be shipped.
// A crash between 1 and 2 (frame torn or absent): recover(nullopt) keeps the old context and the
// *same* two keys, so the next prepare() reseals. Between 2 and 3: recover(frame) adopts it and
// does step 3. One thread. After a failed write the ratchet refuses everything (fatal): the process
// must restart and recover.
class Ratchet {
 public:
  struct Identity {
    std::string origin;
    std::string agent;
    std::uint64_t incarnation = 1;
    Hash enrolment_leaf{};  // previous of batch 0
  };

  // Writes the first state: `first_key` signs batch 0. Fails when the file is there.
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
  bool in_doubt() const;  // opened between steps 1 and 3: recover() must come first

  // `last_whole_frame` = header note of the frame numbered next_batch() if the owner's durable
  // store holds it whole. Corrupt: that frame is not by the prepared key or does not continue the
  // stream.
  Result<void> recover(std::optional<std::string_view> last_whole_frame);

  struct Content {
    Hash root{};
    std::uint64_t records = 0;
    Time sealed{};
    std::string boot_id;
    std::uint64_t boot_ms = 0;
    std::vector<std::string> flags;
  };
  // Step 1; returns the signed header note. Must be followed by commit() (or a restart).
  Result<std::string> prepare(Random& random, const Content& content, SealContext context);
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
