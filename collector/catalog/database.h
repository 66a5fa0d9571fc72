#pragma once

#include <soci/soci.h>
#include <soci/sqlite3/soci-sqlite3.h>

#include <mutex>
#include <string>
#include <string_view>

#include "collector/catalog/catalog.h"

namespace yunjian::collector {

// The one connection of a catalog and the mutex that serialises its use.
struct Catalog::Impl {
  std::mutex mutex;
  soci::session sql;
};

// The error a library exception stands for; call inside a catch block only.
ledger::Failure database_failure();

// Runs `work(session)` under the mutex and turns what the library throws into an error. `work`
// returns a Result; a soci::transaction that it leaves uncommitted is rolled back.
template <typename Impl, typename Work>
auto with_database(Impl& impl, const Work& work) -> decltype(work(impl.sql)) {
  try {
    const std::lock_guard lock(impl.mutex);
    return work(impl.sql);
  } catch (...) {
    return database_failure();
  }
}

// Times are stored as text in the one form of ledger::format_time, so that they compare as text.
ledger::Time stored_time(const std::string& text);

// What the tables know a secret by.
std::string secret_hash(std::string_view secret);

}  // namespace yunjian::collector
