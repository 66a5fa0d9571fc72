#pragma once

#include <string>

#include "auditor/collector_client.h"

namespace yunjian::auditor {

struct SearchOptions {
  LiveOptions live;
  SearchQuestion question;
  bool json = false;
};

// "<time> <host> <unit> <stream>/<number> <message, or the line when it has none>". What could
// command a terminal is written as \xHH: a log's text is anybody's.
std::string format_found(const FoundRecord& record);

// Prints what the collector finds, newest first: lines for people, or one JSON object a line.
// Returns the exit code: 0, 4 no answer, 64 the question is wrong.
int run_search(ledger::FileSystem& files, const SearchOptions& options);

}  // namespace yunjian::auditor
