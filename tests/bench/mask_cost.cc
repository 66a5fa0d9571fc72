// mask_cost FILE: what masking costs for the lines of a log, as the agent meets them.
#include <fmt/format.h>

#include <chrono>
#include <fstream>
#include <string>
#include <vector>

#include "agent/mask/masker.h"
#include "ledger/record.h"

int main(int argc, char** argv) {
  using namespace yunjian;
  if (argc != 2) return 64;
  std::ifstream file(argv[1]);
  std::vector<std::string> records;
  for (std::string line; std::getline(file, line);) {
    ledger::RecordWriter record(records.emplace_back(), ledger::Time(std::chrono::years(56)),
                                "event");
    record.text("source", "file").text("log", "/var/log/app.log").message(line).finish();
  }
  for (const bool numbers : {false, true}) {
    agent::Masker masker({.enabled = true, .identity_cards = numbers, .mobile_numbers = numbers});
    double best = 1e18;
    std::size_t changed = 0;
    for (int round = 0; round < 5; ++round) {
      changed = 0;
      const auto start = std::chrono::steady_clock::now();
      for (const auto& record : records) {
        changed += masker.mask(record).data() != record.data() ? 1U : 0U;
        masker.taken();
      }
      const std::chrono::duration<double, std::nano> spent =
          std::chrono::steady_clock::now() - start;
      best = std::min(best, spent.count() / static_cast<double>(records.size()));
    }
    fmt::print("{} lines, {} masked, {}: {:.0f} ns a line\n", records.size(), changed,
               numbers ? "with identity cards and mobile numbers" : "secrets only", best);
  }
}
