#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "agent/enrol.h"
#include "agent/spool/spool.h"
#include "agent/state_directory.h"

namespace yunjian::agent {

// The change to the log that goes on for a dead one, without anybody's help.
//
// Life: a post is answered with an offer, the successor leaf of another log -> read_offer(): it is
// by the key it names and names our log as the dead one -> the running stream is sealed to its end
// -> prepare_succession()                                          [durable: succession.json]
// -> carry_out(): enrolled there as the next incarnation, endorsed by the key that the old stream
// announced last; sources go on where they were                    [durable: as any enrolment]
// -> the headers still held are shown, the oldest batch of them is taken  [durable: inherited.json]
// -> succession.json goes. Cut anywhere, carry_out() goes on from what is there. OldStreams then
// ships the old stream again, also what the dead log had given receipts for.

struct SuccessorOffer {
  std::string vkey;  // of the log that makes it
  std::string leaf;
};
// `problem`: what was answered; `checkpoint`: the newest note given to this agent, may be empty.
// Reject: not an offer for the log of `identity`, or the two checkpoints contradict each other.
ledger::Result<SuccessorOffer> read_offer(std::string_view problem, const AgentIdentity& identity,
                                          std::string_view checkpoint);

struct Succession {
  std::string stream;     // that ends
  std::string vkey;       // of the new log
  std::string enrolment;  // leaf of the stream that ends
  std::string head;       // its last header note; empty: it sealed nothing
};
// Nothing: none is under way.
ledger::Result<std::optional<Succession>> read_succession(ledger::FileSystem& files,
                                                          const StatePaths& paths);
// Of a stream whose last seal is durable. Reject: a seal is in doubt, or its last header is lost.
ledger::Result<void> prepare_succession(ledger::FileSystem& files, const StatePaths& paths,
                                        const SuccessorOffer& offer);
// Before the new log knows of the change: the old stream goes on.
ledger::Result<void> give_up_succession(ledger::FileSystem& files, const StatePaths& paths);

// What speaks to the new log, with the certificate of the old stream or the new one; a test brings
// its own.
class SuccessorServer : public EnrolServer {
 public:
  // POST of frames to a path, with the certificate that the new log has given.
  virtual ledger::Result<HttpAnswer> post_frames(std::string_view path,
                                                 std::string_view frames) = 0;
};
struct SuccessorAddress {
  std::vector<std::string> urls;  // as configured; empty: those that enrolment told
  std::string proxy;
};
std::unique_ptr<SuccessorServer> make_successor_server(ledger::FileSystem& files,
                                                       const StatePaths& paths,
                                                       SuccessorAddress address);

struct SuccessionTools {
  ledger::FileSystem* files;
  ledger::Random* random;
  const ledger::Clock* clock;
  SuccessorServer* server;
};
// Errors as of enrol(). Reject before the identity has changed: give_up_succession() may follow.
ledger::Result<void> carry_out(const Succession& succession, const StatePaths& paths,
                               const SuccessionTools& tools);

// In the directory of an old stream: which log takes it again, and from which batch on.
struct InheritedStream {
  std::string vkey;
  std::uint64_t batch = 0;
};
ledger::Result<InheritedStream> read_inherited(ledger::FileSystem& files, const StatePaths& paths);

}  // namespace yunjian::agent
