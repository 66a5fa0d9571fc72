// The auditor's library over a log of one host's minutes: what headers cost, and what one record's
// proof costs and weighs. Prints JSON lines; `verify_bench HEADERS`.
#include <fmt/format.h>

#include <chrono>
#include <cstdlib>
#include <ctime>

#include "auditor/directory_evidence.h"
#include "auditor/prover.h"
#include "auditor/testing/sample_source.h"
#include "auditor/verifier.h"

namespace {

using namespace yunjian;
using auditor::testing::SampleLog;

double cpu_seconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

void row(const char* name, const char* metric, double value, const char* unit) {
  fmt::print(
      R"({{"bench":"verify","case":"{}","who":"yunjian","metric":"{}","value":{:.3f},"unit":"{}"}})"
      "\n",
      name, metric, value, unit);
}

double headers_per_second(SampleLog& log, std::uint64_t headers) {
  auditor::DirectoryEvidence evidence(log.files(), "/data", log.verifier().suite());
  auditor::LogVerifier verifier(log.verifier(), std::nullopt);
  const double start = cpu_seconds();
  const auto result = verifier.run(evidence);
  const double took = cpu_seconds() - start;
  ledger::require(result && result->findings.exit_code(false) == 0, "the sample log is good");
  return static_cast<double>(headers) / took;
}

void proof(SampleLog& log, std::size_t host) {
  auditor::testing::SampleSource source(log);
  auditor::Prover prover(source, log.verifier(), std::nullopt);
  const auto made = prover.prove({log.stream_id(host), 100});
  ledger::require(made.has_value(), "a record of the sample log can be proven");
  const std::string bytes = ledger::format_proof(*made);
  constexpr int rounds = 500;
  const double start = cpu_seconds();
  for (int i = 0; i < rounds; ++i) {
    const auto parsed = ledger::parse_proof(bytes);
    ledger::require(parsed && ledger::check_proof(*parsed, log.verifier()), "the proof holds");
  }
  row("proof", "ms", (cpu_seconds() - start) / rounds * 1000, "ms");
  row("proof", "bytes", static_cast<double>(bytes.size()), "B");
}

}  // namespace

int main(int argc, char** argv) {
  const std::uint64_t headers = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 20000;
  SampleLog log;
  log.enrol("collector", "collector");
  const std::size_t host = log.enrol("water-bureau", "web-01");
  for (std::uint64_t i = 0; i < headers; ++i) {
    log.seal(host, {log.random_line(200)});
    log.advance(std::chrono::seconds(60));
  }
  log.write(100000);
  row("headers", "headers_per_s_core", headers_per_second(log, headers), "1/s");
  proof(log, host);
  return 0;
}
