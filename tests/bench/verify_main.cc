// The auditor's library over a log of one host's minutes: what headers cost, and what one record's
// proof costs and weighs; on sm2-sm3 also what bodies cost, in batches of 1000 records rebuilt from
// a part. Prints JSON lines; `verify_bench HEADERS`.
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

void row(const std::string& name, const char* metric, double value, const char* unit) {
  fmt::print(
      R"({{"bench":"verify","case":"{}","who":"yunjian","metric":"{}","value":{:.3f},"unit":"{}"}})"
      "\n",
      name, metric, value, unit);
}

// `count` things, in all that one check of the log costs.
double checked_per_second(SampleLog& log, std::uint64_t count) {
  auditor::DirectoryEvidence evidence(log.files(), "/data", log.verifier().suite());
  auditor::LogVerifier verifier(log.verifier(), std::nullopt);
  const double start = cpu_seconds();
  const auto result = verifier.run(evidence);
  const double took = cpu_seconds() - start;
  ledger::require(result && result->findings.exit_code(false) == 0, "the sample log is good");
  return static_cast<double>(count) / took;
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

namespace {

void minutes_of_a_host(const ledger::Suite& suite, std::uint64_t headers,
                       const std::string& suffix) {
  SampleLog log(1, suite);
  log.enrol("collector", "collector");
  const std::size_t host = log.enrol("water-bureau", "web-01");
  for (std::uint64_t i = 0; i < headers; ++i) {
    log.seal(host, {log.random_line(200)});
    log.advance(std::chrono::seconds(60));
  }
  log.write(100000);
  row("headers" + suffix, "headers_per_s_core", checked_per_second(log, headers), "1/s");
  if (suffix.empty()) proof(log, host);
}

void bodies(const ledger::Suite& suite, const std::string& suffix) {
  constexpr std::uint64_t batches = 200;
  constexpr std::uint64_t records = 1000;  // in each
  SampleLog log(1, suite);
  log.enrol("collector", "collector");
  const std::size_t host = log.enrol("water-bureau", "web-01");
  for (std::uint64_t i = 0; i < batches; ++i) {
    std::vector<std::string> lines;
    for (std::uint64_t n = 0; n < records; ++n) lines.push_back(log.random_line(200));
    log.seal(host, lines);
    log.advance(std::chrono::seconds(60));
  }
  log.write_with_part(log.entries().size());
  row("bodies" + suffix, "records_per_s_core", checked_per_second(log, batches * records), "1/s");
}

}  // namespace

int main(int argc, char** argv) {
  const std::uint64_t headers = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 20000;
  minutes_of_a_host(ledger::default_suite(), headers, "");
  const ledger::Suite& sm = **ledger::find_suite("sm2-sm3");
  minutes_of_a_host(sm, headers, "-sm2-sm3");
  bodies(sm, "-sm2-sm3");
  return 0;
}
