#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "auditor/findings.h"
#include "auditor/shown_checkpoints.h"
#include "auditor/usage_check.h"
#include "ledger/batch.h"
#include "ledger/leaves.h"

namespace yunjian::auditor {

// Work done and time spent by one thread on one level of the check.
struct LevelTime {
  std::chrono::nanoseconds headers{0};
  std::chrono::nanoseconds bodies{0};
  std::chrono::nanoseconds hours{0};  // against minutes, in bodies
};

// What bodies are checked with, reused from batch to batch, and where findings go. One thread.
struct CheckTools {
  explicit CheckTools(const ledger::Suite& suite) : hasher(suite.hasher()) {}
  // Adds a finding made at the leaf that is being checked.
  void found(FindingKind kind, std::string place, std::string zh, std::string en) {
    findings.add({kind, std::move(place), std::move(zh), std::move(en), leaf});
  }
  std::unique_ptr<ledger::Hasher> hasher;
  ledger::BodyDecoder decoder;
  std::string lines;
  Findings findings;
  ShownCheckpoints shown;  // by agents' own records
  LevelTime time;
  std::uint64_t leaf = 0;
  ledger::Time log_time{};  // the latest that the log had signed before this leaf
};

struct StreamCounts {
  std::uint64_t batches = 0;
  std::uint64_t records = 0;
  std::uint64_t bodies = 0;         // checked against their roots
  std::uint64_t records_read = 0;   // in them
  std::uint64_t bodies_absent = 0;  // declared or not
  std::uint64_t bodies_purged = 0;  // by a purge leaf
  std::uint64_t batches_missing = 0;
  std::uint64_t silences = 0;
  HourCounts hours;
  void add(const StreamCounts& other);
};

// Where a stream ended in a dead log, as far as that was verified.
struct DeadEnd {
  std::uint64_t batches = 0;
  std::uint64_t records = 0;
  ledger::Hash head{};   // leaf hash of its last header, or of its enrolment
  std::string next_key;  // raw, announced there
};
struct DeadLog {
  std::map<std::string, DeadEnd> streams;
  bool held = false;  // its batches were read now; else they were verified once
};

// The enrolment behind an inherited stream: it names the header that the stream ends with.
struct NextEnrolment {
  std::uint64_t leaf = 0;
  std::string bytes;
  ledger::Hash head{};
};

// Batches whose bodies a purge leaf says are gone, both ends inclusive: of a day whose batches were
// all in the log before `until`.
struct PurgedRange {
  std::uint64_t from = 0;
  std::uint64_t to = 0;
  ledger::Time until{};
};

// A host that is on seals once a minute; a longer pause than this is told.
inline constexpr std::chrono::seconds silence_after{180};

// One stream as the log tells it: numbers without holes, each header linked to the one before and
// signed by the key that one announced, each body under its header's root, absent bodies named by a
// gap record or a purge, hours as their minutes. Fed in the order of the log.
class StreamCheck {
 public:
  StreamCheck(const ledger::Suite& suite, std::string origin, const ledger::Enrolment& enrolment,
              const ledger::Hash& enrolment_leaf);

  // The stream is of a dead log: it may begin here at any batch.
  void inherit(const std::string& dead_origin);
  // Where it ended in the dead log; `held`: its batches were read there now.
  void know_dead_end(const DeadEnd& end, bool held);
  // Behind it the agent went on in this log; not called when nothing had been sealed.
  void ends_before(NextEnrolment next) { next_ = std::move(next); }
  const std::optional<NextEnrolment>& next() const { return next_; }
  bool is_inherited() const { return inherited_; }
  bool reached_end() const { return next_ && head_ == next_->head; }

  // Goes on behind this header, whose own place in the stream is not checked: of an export.
  void start_behind(const ledger::BatchHeader& header, const ledger::Hash& leaf_hash);

  // `leaf_hash` of the header; `body` as the store holds it.
  void batch(const ledger::SealedHeader& sealed, const ledger::Hash& leaf_hash,
             std::optional<std::string_view> body, CheckTools& tools);
  void late_body(std::uint64_t batch, std::string_view body, CheckTools& tools);
  void late_lines(std::uint64_t batch, std::string_view lines, CheckTools& tools);
  void purged(PurgedRange range, CheckTools& tools);  // at the purge's leaf
  void finish(CheckTools& tools);                     // bodies that are still absent

  const std::string& id() const { return id_; }
  const std::string& unit() const { return unit_; }
  const std::string& host() const { return host_; }
  const ledger::Hash& head() const { return head_; }
  const std::string& next_key() const { return next_key_; }
  DeadEnd end() const { return {next_batch_, next_record_, head_, next_key_}; }
  const StreamCounts& counts() const { return counts_; }

  // Where the check stands, as lines of a state file, and back. Reject: not such lines.
  std::string save() const;
  static ledger::Result<StreamCheck> load(const ledger::Suite& suite, std::string origin,
                                          std::string_view text);

 private:
  struct AbsentBody {
    ledger::Hash root{};
    std::uint64_t first_record = 0;
    std::uint64_t records = 0;
    ledger::Time logged{};  // it came in no earlier
  };
  using NumberedBody = std::pair<const std::uint64_t, AbsentBody>;      // batch and what it must be
  using Ranges = std::vector<std::pair<std::uint64_t, std::uint64_t>>;  // inclusive, of batches

  StreamCheck(const ledger::Suite& suite, std::string origin)
      : suite_(&suite), origin_(std::move(origin)) {}
  bool order(const ledger::BatchHeader& header, const std::string& place, CheckTools& tools);
  void check_header(const ledger::SealedHeader& sealed, const std::string& place,
                    CheckTools& tools);
  void check_pause(const ledger::BatchHeader& header, CheckTools& tools);
  void begin_inherited(const ledger::SealedHeader& sealed, const std::string& place,
                       CheckTools& tools);
  void check_dead_end(const ledger::BatchHeader& header, const ledger::Hash& leaf_hash,
                      const std::string& place, CheckTools& tools);
  void finish_inherited(CheckTools& tools);
  bool check_lines(const NumberedBody& wanted, std::string_view joined, CheckTools& tools,
                   std::string& problem);
  bool check_body(const NumberedBody& wanted, std::string_view body, CheckTools& tools,
                  std::string& problem);
  void read_lines(const std::vector<std::string_view>& lines, std::uint64_t first,
                  CheckTools& tools);
  void note_gap(std::string_view line);
  void finish_absent(const NumberedBody& absent, bool declared,
                     const std::optional<ledger::Time>& purged, CheckTools& tools);
  void load_line(std::string_view line, bool& good);

  const ledger::Suite* suite_;
  std::string origin_;
  std::string id_;
  std::string unit_;
  std::string host_;
  ledger::Hash head_{};
  std::string next_key_;
  std::uint64_t next_batch_ = 0;
  std::uint64_t next_record_ = 0;
  ledger::Time last_sealed_{};
  bool inherited_ = false;
  bool begun_ = true;              // false: an inherited stream without a batch yet
  std::uint64_t first_batch_ = 0;  // that is here, and its first record
  std::uint64_t first_record_ = 0;
  std::optional<DeadEnd> dead_end_;
  bool dead_held_ = false;
  std::optional<NextEnrolment> next_;
  std::map<std::uint64_t, AbsentBody> absent_;
  Ranges declared_;
  std::vector<PurgedRange> purged_;
  UsageCheck usage_;
  std::uint64_t usage_next_ = 0;  // batch whose body goes on where the last one ended
  StreamCounts counts_;
};

}  // namespace yunjian::auditor
