#pragma once

#include <string>

#include "auditor/collector_client.h"
#include "ledger/base/clock.h"
#include "ledger/base/file_system.h"
#include "ledger/base/random.h"

namespace yunjian::auditor {

struct KeyOptions {
  std::string out;   // file
  std::string name;  // of the key
  std::string suite = "ed25519-sha256";
  std::string kind = "witness";  // or authority
};
// Makes a key file and prints its vkey. Returns the exit code.
int run_key(ledger::FileSystem& files, ledger::Random& random, const KeyOptions& options);

struct WitnessOptions {
  LiveOptions live;
  std::string vkey;
  std::string logs;              // instead: file with "URL CA-FILE TOKEN-FILE VKEY" a line
  std::string key;               // file made by `key`
  std::string state;             // directory
  std::uint64_t interval_s = 0;  // 0: one round
  std::uint64_t stale_s = 7200;
  bool json = false;
};
// Follows the logs: verifies, cosigns, gives the cosignatures back. One round, or one each interval
// until SIGTERM or SIGINT. A log that cannot be followed is told in each round and keeps none of
// the others from it. Returns the exit code of the worst that the last round found.
int run_witness(ledger::FileSystem& files, ledger::Clock& clock, const WitnessOptions& options);

struct EndorseOptions {
  LiveOptions live;
  std::string vkey;
  std::string key;     // file made by `key --kind authority`
  std::string state;   // may be empty
  std::string stream;  // one; else
  bool all = false;    // every enrolment that is unendorsed
  bool json = false;
};
// Without stream and all: lists the enrolments that are unendorsed. Returns the exit code.
int run_endorse(ledger::FileSystem& files, ledger::Clock& clock, const EndorseOptions& options);

struct VerifyAlarmOptions {
  std::string alarm;  // evidence file of a witness or an agent
  std::string vkey;
  std::vector<std::string> witnesses;  // vkeys whose statements count
  bool json = false;  // {"exit","kind","zh","en"}; kind "unproven": it proves nothing
};
// Exit 1: the file proves that one key signed two histories; 2: a witness states that the log went
// back; 4: it states that the log was stale or silent, or the file proves nothing.
int run_verify_alarm(ledger::FileSystem& files, const VerifyAlarmOptions& options);

}  // namespace yunjian::auditor
