#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "ledger/base/clock.h"

namespace yunjian::agent {

inline constexpr std::size_t syslog_senders_max = 4096;
inline constexpr std::uint64_t syslog_connections_max = 4096;

struct SyslogLimits {
  std::uint64_t lines_per_s = 1000;  // of one sender, on average over ten seconds
  std::uint64_t bytes_per_s = 1 << 20;
  std::uint64_t connections = 256;            // in all
  std::uint64_t connections_per_sender = 16;  // open at once
};

// What was not taken of one sender.
struct SenderLoss {
  std::string sender;
  std::uint64_t lines = 0;
  std::uint64_t bytes = 0;
  std::uint64_t connections = 0;  // refused
  ledger::Time from{};
  ledger::Time to{};
};

// How much each sender may still send, and what was refused: a function of the time passed in. A
// sender that is quiet long enough is forgotten; beyond syslog_senders_max the rest share one
// account, so that made-up addresses cost no memory. One thread.
class SenderLimits {
 public:
  explicit SenderLimits(const SyslogLimits& limits) : limits_(limits) {}

  // True when nothing is used up.
  bool may_send(const std::string& sender, ledger::Time now);
  void charge(const std::string& sender, std::size_t bytes, ledger::Time now);
  // Counts a message that was thrown away.
  void lose(const std::string& sender, std::size_t bytes, ledger::Time now);

  // The account that the connection counts on from here; nothing, and counted as a loss, when there
  // are too many.
  std::optional<std::string> connect(const std::string& sender, ledger::Time now);
  void disconnect(const std::string& account);

  // A loss that is due to be told: one of each sender every ten seconds. forget_loss() when told.
  std::optional<SenderLoss> due_loss(ledger::Time now) const;
  void forget_loss(const std::string& sender, ledger::Time now);
  // Since when there is one that is not told.
  std::optional<ledger::Time> oldest_loss() const;

 private:
  struct Account {
    double lines = 0;  // that may come at once
    double bytes = 0;
    ledger::Time filled{};
    std::uint64_t connections = 0;
    SenderLoss loss;
    ledger::Time told{};
  };

  using Accounts = std::map<std::string, Account>;

  Accounts::value_type& account(const std::string& sender, ledger::Time now);
  void refill(Account& account, ledger::Time now) const;
  void count_loss(Accounts::value_type& entry, ledger::Time now);
  void forget_quiet(ledger::Time now);

  SyslogLimits limits_;
  Accounts accounts_;
  std::uint64_t connections_ = 0;
  std::size_t lossy_ = 0;  // accounts with a loss that is not told
};

}  // namespace yunjian::agent
