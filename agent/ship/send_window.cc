#include "agent/ship/send_window.h"

#include <algorithm>

namespace yunjian::agent {

void SendWindow::answered(std::size_t sent, std::uint64_t bytes_per_s) {
  const bool slow = bytes_per_s > 0 && sent / bytes_per_s >= seconds_aim;
  const std::size_t wanted = slow ? bytes_per_s * seconds_aim : bytes_ * 2;
  bytes_ = std::clamp(wanted, bytes_min, post_bytes_aim);
}

void SendWindow::failed(std::size_t sent) {
  bytes_ = std::clamp(std::min(bytes_, sent) / 4, bytes_min, post_bytes_aim);
}

}  // namespace yunjian::agent
