#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "ledger/base/clock.h"

namespace yunjian::agent {

// What of a minute's samples goes into its record.
enum class Keep { mean_max, last, total };

struct FigureKind {
  std::string_view key;
  Keep keep;
  bool decimal;  // two decimals; otherwise rounded to an integer
};

// The samples of one minute: adding costs no allocation once a figure is known.
// A figure without a sample leaves no key: absent is not 0.
class UsageFigures {
 public:
  // A handle for add(). `device` is the last part of the key, empty for the whole host.
  std::size_t define(const FigureKind& kind, std::string_view device = {});
  // Negative and not finite values count as 0.
  void add(std::size_t handle, double value);

  // Appends the canonical record of kind `usage` and forgets the samples.
  struct Minute {
    ledger::Time end;
    std::uint64_t interval_s;
    std::uint64_t samples;
    std::string_view boot_id;  // empty: not known
  };
  void write(std::string& out, const Minute& minute);

 private:
  struct Figure {
    FigureKind kind;
    std::string device;
    double sum = 0, max = 0, last = 0;
    std::uint64_t count = 0;
  };
  struct Entry {
    std::string key;
    double value;
    bool decimal;
  };
  std::vector<Entry> entries() const;

  std::vector<Figure> figures_;
};

// A name as the last part of a key: bytes other than letters, digits and "/._-:@+" as %HH.
std::string device_key(std::string_view name);

}  // namespace yunjian::agent
