#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <random>
#include <string>

#include "ledger/base/clock.h"
#include "ledger/record.h"

namespace yunjian::bench {

// A made-up host whose usage records have the keys that an agent's have on a host with one disk and
// one network interface; the figures wander as those of a web server do. The same seed gives the
// same figures. One thread.
class MinuteMachine {
 public:
  explicit MinuteMachine(unsigned seed) : random_(seed) {}

  std::string minute(ledger::Time time);  // the `usage` record of the minute that ends then
  std::string hour(ledger::Time time);    // the `usage_hour` record of the hour that ends then

 private:
  struct Value {
    double value = 0;
    bool decimal = false;
  };
  struct Less {
    bool operator()(const std::string& a, const std::string& b) const {
      return ledger::record_key_less(a, b);
    }
  };

  void processor(double percent);
  void memory();
  void devices();
  void last(const std::string& key, double value);
  void both(const std::string& name, double value, bool decimal);
  double noise(double width);
  std::string line(ledger::Time time);

  std::minstd_rand random_;  // small: there may be ten thousand hosts
  std::map<std::string, Value, Less> fields_;
  double load_ = 5;
  double memory_ = 0;
  double used_ = 0;
  std::uint64_t minutes_ = 0;
};

}  // namespace yunjian::bench
