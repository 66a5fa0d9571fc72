#pragma once

#include <memory>
#include <string_view>

#include "ledger/base/bytes.h"

namespace yunjian::ledger {

// SHA-256 of more than one wants to hold in memory: add() …, then finish() once. One thread.
class Sha256Stream {
 public:
  Sha256Stream();
  ~Sha256Stream();
  Sha256Stream(const Sha256Stream&) = delete;
  Sha256Stream& operator=(const Sha256Stream&) = delete;

  void add(std::string_view bytes);
  Hash finish();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace yunjian::ledger
