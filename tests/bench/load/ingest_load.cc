#include "tests/bench/load/ingest_load.h"

#include <fmt/format.h>

#include <fstream>
#include <thread>

#include "tests/bench/corpus_record.h"

namespace yunjian::load {

using ledger::ErrorKind;
using ledger::fail;
using ledger::Result;

IngestLoad::IngestLoad(std::vector<std::unique_ptr<LoadAgent>> agents)
    : agents_(std::move(agents)) {}

Result<void> IngestLoad::seal(const std::string& corpus, std::uint64_t lines,
                              std::uint64_t batch_lines) {
  std::ifstream file(corpus);
  const ledger::SystemClock clock;
  ledger::BodyEncoder encoder;
  std::vector<std::string> batch;
  std::string text;
  std::size_t agent = 0;
  for (std::uint64_t i = 0; i < lines; ++i) {
    if (!std::getline(file, text)) {
      return fail(ErrorKind::reject, fmt::format("{} has {} lines only", corpus, i));
    }
    bench::write_record(batch.emplace_back(), clock.wall(), text);
    if (batch.size() < batch_lines && i + 1 < lines) continue;
    auto sealed = agents_[agent++ % agents_.size()]->seal(batch, Steady::now(), encoder);
    if (!sealed) return sealed;
    batch.clear();
  }
  return {};
}

Result<void> IngestLoad::post() {
  std::vector<std::string> problems(agents_.size());
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < agents_.size(); ++i) {
    threads.emplace_back([&agent = *agents_[i], &problem = problems[i]] {
      while (agent.has_waiting() && problem.empty()) problem = agent.ship().problem;
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const std::string& problem : problems) {
    if (!problem.empty()) return fail(ErrorKind::reject, problem);
  }
  return {};
}

}  // namespace yunjian::load
