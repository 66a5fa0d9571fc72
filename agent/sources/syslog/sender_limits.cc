#include "agent/sources/syslog/sender_limits.h"

#include <algorithm>

#include "agent/sources/elapsed.h"

namespace yunjian::agent {
namespace {

constexpr double burst_s = 10;
constexpr std::chrono::seconds told_every{10};
constexpr std::chrono::seconds quiet_after{60};  // its account is full again long before
constexpr const char* others = "others";

bool is_empty(const SenderLoss& loss) { return loss.lines == 0 && loss.connections == 0; }

}  // namespace

SenderLimits::Accounts::value_type& SenderLimits::account(const std::string& sender,
                                                          ledger::Time now) {
  auto found = accounts_.find(sender);
  if (found == accounts_.end()) {
    if (accounts_.size() >= syslog_senders_max) forget_quiet(now);
    const bool room = accounts_.size() < syslog_senders_max;
    found = accounts_.try_emplace(room ? sender : others).first;
  }
  refill(found->second, now);
  return *found;
}

void SenderLimits::refill(Account& account, ledger::Time now) const {
  const auto lines = static_cast<double>(limits_.lines_per_s);
  const auto bytes = static_cast<double>(limits_.bytes_per_s);
  const auto passed_us = now > account.filled ? now - account.filled : std::chrono::microseconds(0);
  const double passed_s = static_cast<double>(passed_us.count()) / 1e6;
  account.lines = std::min(account.lines + passed_s * lines, burst_s * lines);
  account.bytes = std::min(account.bytes + passed_s * bytes, burst_s * bytes);
  account.filled = now;
}

bool SenderLimits::may_send(const std::string& sender, ledger::Time now) {
  const Account& found = account(sender, now).second;
  return found.lines >= 1 && found.bytes >= 1;
}

void SenderLimits::charge(const std::string& sender, std::size_t bytes, ledger::Time now) {
  Account& found = account(sender, now).second;
  found.lines -= 1;
  found.bytes -= static_cast<double>(bytes);
}

void SenderLimits::lose(const std::string& sender, std::size_t bytes, ledger::Time now) {
  auto& entry = account(sender, now);
  count_loss(entry, now);
  ++entry.second.loss.lines;
  entry.second.loss.bytes += bytes;
}

void SenderLimits::count_loss(Accounts::value_type& entry, ledger::Time now) {
  SenderLoss& loss = entry.second.loss;
  if (is_empty(loss)) {
    ++lossy_;
    loss.from = now;
    loss.sender = entry.first;
  }
  loss.to = now;
}

std::optional<std::string> SenderLimits::connect(const std::string& sender, ledger::Time now) {
  auto& entry = account(sender, now);
  Account& found = entry.second;
  if (connections_ < limits_.connections && found.connections < limits_.connections_per_sender) {
    ++connections_;
    ++found.connections;
    return entry.first;
  }
  count_loss(entry, now);
  ++found.loss.connections;
  return {};
}

void SenderLimits::disconnect(const std::string& account) {
  --connections_;
  --accounts_.at(account).connections;
}

std::optional<SenderLoss> SenderLimits::due_loss(ledger::Time now) const {
  if (lossy_ == 0) return {};
  for (const auto& [sender, account] : accounts_) {
    if (!is_empty(account.loss) && elapsed(now, account.told, told_every)) return account.loss;
  }
  return {};
}

void SenderLimits::forget_loss(const std::string& sender, ledger::Time now) {
  const auto found = accounts_.find(sender);
  if (found == accounts_.end() || is_empty(found->second.loss)) return;
  --lossy_;
  found->second.loss = {};
  found->second.told = now;
}

std::optional<ledger::Time> SenderLimits::oldest_loss() const {
  std::optional<ledger::Time> oldest;
  if (lossy_ == 0) return oldest;
  for (const auto& [sender, account] : accounts_) {
    if (is_empty(account.loss)) continue;
    oldest = oldest ? std::min(*oldest, account.loss.from) : account.loss.from;
  }
  return oldest;
}

void SenderLimits::forget_quiet(ledger::Time now) {
  std::erase_if(accounts_, [&](const auto& entry) {
    const Account& account = entry.second;
    return account.connections == 0 && is_empty(account.loss) &&
           elapsed(now, account.filled, quiet_after);
  });
}

}  // namespace yunjian::agent
