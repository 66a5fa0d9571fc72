#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "auditor/stream_check.h"
#include "ledger/note.h"

namespace yunjian::auditor {

// One thing that the log says about a stream, with bytes of its own, so that another thread may
// check it.
struct StreamTask {
  enum class Kind { enrolment, batch, late_body, late_lines, purge };
  Kind kind = Kind::batch;
  std::uint64_t leaf = 0;    // at which it stands
  ledger::Hash leaf_hash{};  // of an enrolment or header
  std::string bytes;         // the leaf; of late bodies and a purge the stream's id
  std::optional<std::string> body;
  std::uint64_t from = 0;  // of a purge; the batch of a late body
  std::uint64_t to = 0;    // of a purge
  // Of a batch: the latest time that the log had signed before it. Of a purge: no batch of its day
  // was in the log later than this.
  ledger::Time time{};
};

// Streams of some of the agents (an agent's incarnations stay together), and what is found in them.
// Fed in the order of the log. One thread at a time.
class StreamTable {
 public:
  explicit StreamTable(const ledger::Verifier& log) : log_(log), tools_(log.suite()) {}

  // The log goes on for a dead one; before any of its streams.
  void succeed(const ledger::Verifier& dead, const DeadLog* known) {
    dead_ = dead;
    dead_log_ = known;
  }

  void take(const StreamTask& task);
  void finish();  // bodies that are still absent

  struct Enrolled {
    std::uint64_t leaf = 0;
    ledger::Hash leaf_hash{};
    std::string stream;
    std::string unit;
    std::string host;
  };
  const std::vector<Enrolled>& unendorsed() const { return unendorsed_; }
  std::uint64_t enrolments() const { return enrolments_; }
  std::uint64_t streams() const { return streams_.size(); }
  StreamCounts counts() const;
  void add_ends(std::map<std::string, DeadEnd>& ends) const;  // where each stream stands
  CheckTools& tools() { return tools_; }

  // For a state file: streams, one after another, each ended by an empty line.
  std::string save() const;
  ledger::Result<void> load_stream(std::string_view text);
  void load_enrolled(Enrolled unendorsed) { unendorsed_.push_back(std::move(unendorsed)); }
  void load_enrolments(std::uint64_t count) { enrolments_ = count; }

 private:
  void enrolment(const StreamTask& task);
  void inherited(const StreamTask& task, const ledger::Enrolment& enrolment);
  void check_before(const StreamTask& task, const ledger::Enrolment& enrolment,
                    StreamCheck* before);
  void check_end(const StreamCheck& stream);
  void tell_dead_end(StreamCheck& stream) const;
  void batch(const StreamTask& task);
  void purge(const StreamTask& task);
  void late_body(const StreamTask& task);

  ledger::Verifier log_;
  std::optional<ledger::Verifier> dead_;
  const DeadLog* dead_log_ = nullptr;  // may be null
  CheckTools tools_;
  std::map<std::string, StreamCheck, std::less<>> streams_;
  std::vector<Enrolled> unendorsed_;
  std::uint64_t enrolments_ = 0;
};

// Where the streams stood that save() wrote; what cannot be read is left out.
std::map<std::string, DeadEnd> stream_ends(std::string_view saved, const ledger::Verifier& log);

}  // namespace yunjian::auditor
