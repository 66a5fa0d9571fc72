#include "auditor/stream_workers.h"

#include <algorithm>

namespace yunjian::auditor {

namespace {

std::size_t bytes_of(const StreamTask& task) {
  return sizeof task + task.bytes.size() + (task.body ? task.body->size() : 0);
}

}  // namespace

StreamWorkers::StreamWorkers(const ledger::Verifier& log, unsigned threads) {
  for (unsigned i = 0; i < std::max(threads, 1U); ++i) {
    tables_.push_back(std::make_unique<StreamTable>(log));
    if (threads > 0) workers_.push_back(std::make_unique<WorkThread>());
  }
}

StreamWorkers::~StreamWorkers() = default;

// Agent ids are random: their digits spread well.
std::size_t StreamWorkers::place_of(std::string_view agent) const {
  std::size_t sum = 0;
  for (const char c : agent) sum = sum * 31 + static_cast<unsigned char>(c);
  return sum % tables_.size();
}

StreamTable& StreamWorkers::table_of(std::string_view agent) { return *tables_[place_of(agent)]; }

void StreamWorkers::succeed(const ledger::Verifier& dead, const DeadLog* known) {
  drain();
  for (const auto& table : tables_) table->succeed(dead, known);
}

void StreamWorkers::give(std::string_view agent, StreamTask task) {
  const std::size_t place = place_of(agent);
  if (workers_.empty()) return tables_[place]->take(task);
  const std::size_t bytes = bytes_of(task);
  workers_[place]->give(
      [table = tables_[place].get(), task = std::move(task)] { table->take(task); }, bytes);
}

void StreamWorkers::drain() {
  for (const auto& worker : workers_) worker->drain();
}

}  // namespace yunjian::auditor
