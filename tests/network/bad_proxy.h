#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <thread>

namespace yunjian::testing {

// What happens to one connection.
struct Trouble {
  std::int64_t up_bytes = -1;     // towards the server, then the connection is cut; -1 = never
  std::int64_t down_bytes = -1;   // towards the client, likewise
  bool swallow = false;           // instead of a cut: nothing passes any more, nobody is told
  std::int64_t bytes_per_s = -1;  // upwards; -1 = as fast as it goes
};

// A TCP proxy on 127.0.0.1 that mistreats connections as it is told. With `http_connect` it is an
// HTTP proxy that takes CONNECT. One connection at a time, each on the proxy's own thread: a new
// one ends the one before, as curl keeps no more than one.
class BadProxy {
 public:
  explicit BadProxy(std::uint16_t target, bool http_connect = false);
  ~BadProxy();
  BadProxy(const BadProxy&) = delete;
  BadProxy& operator=(const BadProxy&) = delete;

  std::uint16_t port() const { return port_; }
  // Ends the connection there is; the next one has this trouble, all later ones none.
  void next(const Trouble& trouble);
  std::uint64_t connections() const { return connections_; }
  std::uint64_t cuts() const { return cuts_; }
  std::uint64_t up_bytes() const { return up_bytes_; }      // of the newest connection
  std::uint64_t down_bytes() const { return down_bytes_; }  // likewise

 private:
  void run();
  void serve(int client);
  bool answer_connect(int client) const;
  bool pass(int from, int to, bool up, Trouble& trouble);
  bool stale() const { return stop_ || generation_ != serving_; }

  const std::uint16_t target_;
  const bool http_connect_;
  int listener_ = -1;
  std::uint16_t port_ = 0;
  std::mutex mutex_;
  Trouble trouble_;  // of the next connection
  std::atomic<std::uint64_t> generation_{0}, connections_{0}, cuts_{0}, up_bytes_{0},
      down_bytes_{0};
  std::uint64_t serving_ = 0;  // generation of the connection; proxy thread
  std::atomic<bool> stop_ = false;
  std::thread thread_;
};

}  // namespace yunjian::testing
