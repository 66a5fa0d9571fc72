#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "collector/report/fold_codec.h"
#include "collector/store/record_store.h"

namespace yunjian::collector {

// Folds the usage_hour records of some hosts that were committed on one UTC day, in whatever order
// the store gives them. A host of which a record cannot be read or cannot be true is irregular: of
// it only the records themselves tell. One thread.
class DayFold {
 public:
  void add(const StoredRecord& record);

  struct Host {
    bool irregular = false;
    std::map<std::string, std::vector<StreamRun>, std::less<>> streams;
  };
  using Hosts = std::map<std::pair<std::string, std::string>, Host>;  // by host and unit
  const Hosts& hosts() const { return hosts_; }

 private:
  Hosts hosts_;
};

// A host of a day, packed; empty when it is irregular.
std::string pack_host(const DayFold::Host& host);
// Appends its runs of that month to `streams`. Corrupt: not what pack_host() gave.
using StreamRuns = std::map<std::string, std::vector<StreamRun>, std::less<>>;
ledger::Result<void> unpack_host(std::string_view packed, rules::Month month, StreamRuns& streams);

}  // namespace yunjian::collector
