#include "collector/upkeep.h"

#include <fmt/format.h>

#include "collector/admin_socket.h"
#include "collector/data_directory.h"
#include "collector/query/record_deriver.h"
#include "collector/tokens.h"
#include "ledger/posix/hard_link.h"

namespace yunjian::collector {

using ledger::ErrorKind;
using ledger::Result;

namespace {

// Whoever holds the data, asked for one part of a command after another.
class Holder {
 public:
  explicit Holder(const UpkeepTools& tools) : tools_(tools) {}

  Result<AdminAnswer> ask(const char* command) {
    const AdminRequest part{.command = command, .fields = {}, .who = local_operator()};
    if (here_) return here_->admin().run(part);
    auto answer = ask_admin(DataDirectory{tools_.config.data}.admin_socket(), part);
    if (!answer) return ledger::failure(answer);
    if (*answer) return std::move(**answer);
    auto opened = tools_.open();
    if (!opened) return ledger::failure(opened);
    here_ = std::move(*opened);
    for (const auto& line : here_->recovered()) tools_.say(line);
    return here_->admin().run(part);
  }
  Result<void> stop() { return here_ ? here_->stop() : Result<void>(); }

 private:
  const UpkeepTools& tools_;
  std::unique_ptr<Collector> here_;  // when nobody serves
};

Result<StoreRepair::Report> mend(ledger::FileSystem& files, const CollectorConfig& config,
                                 const std::string& copy) {
  const DataDirectory directory{config.data};
  auto facts = read_log_facts(files, directory.log_facts());
  if (!facts) return ledger::failure(facts);
  if (!copy.empty()) {
    auto theirs = read_log_facts(files, DataDirectory{copy}.log_facts());
    if (!theirs) return ledger::failure(theirs, "--from");
    if (theirs->vkey != facts->vkey) {
      return ledger::fail(ErrorKind::reject, fmt::format("{} is a copy of another log", copy));
    }
  }
  auto lock = files.lock(directory.lock());
  if (!lock && lock.error().kind == ErrorKind::retry) {
    return ledger::fail(ErrorKind::retry,
                        fmt::format("{} is open in a collector: stop it before its files are "
                                    "mended",
                                    config.data));
  }
  if (!lock) return ledger::failure(lock);
  const Deriver deriver = make_deriver(rules::Classifier::builtin());
  return StoreRepair(
             files, {.data = config.data, .copy = copy, .suite = facts->suite, .deriver = &deriver})
      .run();
}

}  // namespace

Result<BackupWriter::Summary> back_up(const UpkeepTools& tools, const AdminRequest& request) {
  auto options = backup_options(tools.config, request);
  if (!options) return ledger::failure(options);
  Holder holder(tools);
  options->begin = [&]() -> Result<BackupPlan> {
    auto answer = holder.ask("backup begin");
    if (!answer) return ledger::failure(answer);
    return read_backup_plan(std::move(*answer));
  };
  options->end = [&]() -> Result<void> {
    auto answer = holder.ask("backup end");
    return answer ? Result<void>() : ledger::failure(answer);
  };
  auto done = BackupWriter({.files = tools.system.files,
                            .clock = tools.system.clock,
                            .link = ledger::make_hard_link},
                           std::move(*options))
                  .run();
  if (auto stopped = holder.stop(); !stopped && done) return ledger::failure(stopped);
  return done;
}

std::string told(const BackupWriter::Summary& done) {
  return fmt::format(
      "log of {} leaves, {} files of {} bytes; new since the copy before: {} files of {} bytes",
      done.leaves, done.files, done.bytes, done.copied_files, done.copied_bytes);
}

std::string told(const StoreRepair::Report& done) {
  return fmt::format(
      "{} parts read, {} made anew, {} files from the copy, {} tiles written anew; lost: the "
      "records of {} batches, the headers of {} leaves",
      done.parts, done.made_anew, done.from_copy, done.tiles, done.batches_lost, done.leaves_lost);
}

Result<StoreRepair::Report> repair_store(const UpkeepTools& tools, const AdminRequest& request) {
  auto done = mend(tools.system.files, tools.config, request.field("from"));
  if (!done) return done;
  for (const auto& line : done->done) tools.say(line);
  auto collector = tools.open();
  if (!collector) return ledger::failure(collector, "the log, behind the repair");
  for (const auto& line : (*collector)->recovered()) tools.say(line);
  auto recorded = (*collector)
                      ->admin()
                      .run({.command = "repaired",
                            .fields = {{"made_anew", std::to_string(done->made_anew)},
                                       {"from_copy", std::to_string(done->from_copy)},
                                       {"tiles", std::to_string(done->tiles)},
                                       {"batches_lost", std::to_string(done->batches_lost)},
                                       {"leaves_lost", std::to_string(done->leaves_lost)}},
                            .who = local_operator()});
  if (auto stopped = (*collector)->stop(); !stopped) return ledger::failure(stopped);
  if (!recorded) return ledger::failure(recorded);
  return done;
}

}  // namespace yunjian::collector
