#include <cstdio>
#include <ctime>
#include <iostream>
#include <map>
#include <string>
#include <vector>

#include "ledger/record.h"
#include "rules/classify/classifier.h"

// How long the collector thinks about what a line means. Reads lines on stdin (corpus.py writes
// them), makes records of them as the file source does, and classifies them: reading and parsing
// stand outside the time that is printed. Prints one `metric value` a line.

namespace {

using yunjian::ledger::ParsedRecord;
using yunjian::rules::Classifier;

std::vector<std::unique_ptr<ParsedRecord>> read_records() {
  std::vector<std::unique_ptr<ParsedRecord>> records;
  std::string text;
  while (std::getline(std::cin, text)) {
    std::string line;
    yunjian::ledger::RecordWriter writer(line, {}, "event");
    writer.text("source", "file").text("log", "/var/log/syslog").message(text).finish();
    if (auto record = yunjian::ledger::parse_record(line)) records.push_back(*std::move(record));
  }
  return records;
}

}  // namespace

int main() {
  const auto records = read_records();
  const Classifier& classifier = Classifier::builtin();
  std::map<std::uint32_t, std::size_t> classes;
  double best_ns = 1e18;
  for (int round = 0; round < 5; ++round) {
    classes.clear();
    const std::clock_t begun = std::clock();  // of the process, so that others do not count
    for (const auto& record : records) {
      if (const auto derived = classifier.classify(*record)) ++classes[derived->class_uid];
    }
    const double took_ns = static_cast<double>(std::clock() - begun) * 1e9 / CLOCKS_PER_SEC;
    best_ns = std::min(best_ns, took_ns / static_cast<double>(records.size()));
  }
  std::printf("ns_per_record %.0f\n", best_ns);
  for (const auto& [uid, count] : classes) std::printf("class_%u %zu\n", uid, count);
  return 0;
}
