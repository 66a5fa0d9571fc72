#include "agent/wake.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>
#include <vector>

namespace yunjian::agent {

ledger::Result<Wake> Wake::open() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGHUP);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  const int signals = ::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
  const int news = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (signals < 0 || news < 0) {
    return ledger::fail(ledger::ErrorKind::fatal,
                        fmt::format("cannot wait for signals: {}", std::strerror(errno)));
  }
  return Wake(signals, news);
}

Wake::Wake(Wake&& other) noexcept
    : signals_(std::exchange(other.signals_, -1)), news_(std::exchange(other.news_, -1)) {}

Wake::~Wake() {
  if (signals_ >= 0) ::close(signals_);
  if (news_ >= 0) ::close(news_);
}

Wake::Reason Wake::wait(std::span<const int> descriptors, std::chrono::milliseconds limit) {
  std::vector<pollfd> polled = {{signals_, POLLIN, 0}, {news_, POLLIN, 0}};
  for (const int descriptor : descriptors) polled.push_back({descriptor, POLLIN, 0});
  if (::poll(polled.data(), polled.size(), static_cast<int>(limit.count())) <= 0) return {};
  Reason reason;
  if (polled[0].revents != 0) {
    signalfd_siginfo info{};
    while (::read(signals_, &info, sizeof info) == sizeof info) {
      (info.ssi_signo == SIGHUP ? reason.reload : reason.stop) = true;
    }
  }
  if (polled[1].revents != 0) {
    std::uint64_t count = 0;
    reason.news = ::read(news_, &count, sizeof count) == sizeof count;
  }
  for (std::size_t i = 2; i < polled.size(); ++i) {
    reason.source = reason.source || polled[i].revents != 0;
  }
  return reason;
}

void Wake::notify() const {
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(news_, &one, sizeof one);
}

}  // namespace yunjian::agent
