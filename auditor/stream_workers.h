#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "auditor/stream_table.h"
#include "auditor/work_thread.h"

namespace yunjian::auditor {

// Checks streams on several threads: an agent's streams always on the same one, in the order of the
// log, so that what is found does not depend on how many there are. give() waits when much is
// waiting. With no threads everything is done at once by the caller.
class StreamWorkers {
 public:
  StreamWorkers(const ledger::Verifier& log, unsigned threads);
  ~StreamWorkers();
  StreamWorkers(const StreamWorkers&) = delete;
  StreamWorkers& operator=(const StreamWorkers&) = delete;

  // Waits for what is waiting, then tells all tables.
  void succeed(const ledger::Verifier& dead, const DeadLog* known);
  void give(std::string_view agent, StreamTask task);
  // Returns when nothing waits; until the next give() the tables may be read.
  void drain();
  const std::vector<std::unique_ptr<StreamTable>>& tables() const { return tables_; }
  StreamTable& table_of(std::string_view agent);

 private:
  std::size_t place_of(std::string_view agent) const;

  std::vector<std::unique_ptr<StreamTable>> tables_;
  std::vector<std::unique_ptr<WorkThread>> workers_;  // end before the tables do
};

}  // namespace yunjian::auditor
