#include "collector/catalog/database.h"

#include <fmt/format.h>

#include <exception>
#include <new>

#include "ledger/base/bytes.h"
#include "ledger/suite.h"

namespace yunjian::collector {

using ledger::ErrorKind;

namespace {

ErrorKind kind_of(int sqlite_result) {
  switch (sqlite_result & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return ErrorKind::retry;
    case SQLITE_FULL:
      return ErrorKind::full;
    case SQLITE_CONSTRAINT:
      return ErrorKind::reject;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return ErrorKind::corrupt;
    default:
      return ErrorKind::fatal;
  }
}

}  // namespace

ledger::Failure database_failure() {
  try {
    throw;
  } catch (const soci::sqlite3_soci_error& error) {
    return ledger::fail(kind_of(error.result()), fmt::format("catalog: {}", error.what()));
  } catch (const std::bad_alloc&) {
    return ledger::fail(ErrorKind::retry, "catalog: out of memory");
  } catch (const std::exception& error) {
    return ledger::fail(ErrorKind::fatal, fmt::format("catalog: {}", error.what()));
  }
}

ledger::Time stored_time(const std::string& text) {
  return ledger::parse_time(text).value_or(ledger::Time{});
}

std::string secret_hash(std::string_view secret) {
  return ledger::to_hex(ledger::as_view(ledger::sha256(secret)));
}

}  // namespace yunjian::collector
