#include "agent/sources/source_check.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <glob.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "agent/sources/file_search.h"

namespace yunjian::agent {
namespace {

constexpr std::size_t shown_max = 20;  // of one pattern: the rest is counted

// 0 or why the file cannot be read.
int read_error(const std::string& path) {
  const int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
  if (descriptor < 0) return errno;
  close(descriptor);
  return 0;
}

SourceFinding cannot(const std::string& path, int error) {
  return {.text = fmt::format("CANNOT READ {}: {}{}", path, std::strerror(error),
                              error == EACCES ? "; give this user a group that may (often adm), or "
                                                "an ACL: setfacl -m u:USER:r"
                                              : ""),
          .readable = false};
}

// Directories that the pattern leads through and this user may not look into.
std::vector<SourceFinding> closed_directories(const std::string& pattern) {
  static thread_local std::vector<SourceFinding>* found = nullptr;
  std::vector<SourceFinding> findings;
  found = &findings;
  glob_t matches{};
  const auto note = [](const char* path, int error) {
    if (error == EACCES) found->push_back(cannot(path, error));
    return 0;
  };
  glob(pattern.c_str(), GLOB_NOSORT, note, &matches);
  globfree(&matches);
  const std::string directory = directory_of(pattern);
  if (findings.empty() && directory.find_first_of("*?[") == std::string::npos) {
    struct stat status {};
    if (stat(pattern.c_str(), &status) != 0 && errno == EACCES)
      findings.push_back(cannot(directory, EACCES));
  }
  return findings;
}

std::string size_text(std::uint64_t bytes) {
  return bytes < 10 * 1024 ? fmt::format("{} bytes", bytes) : fmt::format("{} KiB", bytes / 1024);
}

}  // namespace

std::vector<SourceFinding> check_files(const std::vector<std::string>& patterns,
                                       const std::vector<std::string>& excludes) {
  std::vector<SourceFinding> findings;
  for (const auto& pattern : patterns) {
    const auto found = find_files({pattern}, excludes);
    auto closed = closed_directories(pattern);
    if (found.files.empty() && closed.empty())
      findings.push_back({.text = fmt::format("{}: nothing there now", pattern)});
    std::size_t shown = 0;
    for (const auto& file : found.files) {
      const int error = read_error(file.path);
      if (error != 0) {
        findings.push_back(cannot(file.path, error));
      } else if (shown++ < shown_max) {
        findings.push_back(
            {.text = fmt::format("{} ({}{})", file.path, size_text(file.size),
                                 file.is_link ? ", a link: looked at every second" : "")});
      }
    }
    if (shown > shown_max)
      findings.push_back({.text = fmt::format("{}: and {} more", pattern, shown - shown_max)});
    for (auto& finding : closed) findings.push_back(std::move(finding));
  }
  return findings;
}

std::vector<SourceFinding> check_journal(const std::string& directory) {
  std::vector<std::string> places = {"/var/log/journal", "/run/log/journal"};
  if (!directory.empty()) places = {directory};
  std::vector<SourceFinding> findings;
  std::size_t readable = 0;
  std::string first_closed;
  std::size_t closed = 0;
  for (const auto& place : places) {
    for (const char* below : {"/*.journal", "/*/*.journal"}) {
      for (const auto& file : find_files({place + below}, {}).files) {
        if (read_error(file.path) == 0) {
          ++readable;
        } else if (closed++ == 0) {
          first_closed = file.path;
        }
      }
    }
    if (access(place.c_str(), F_OK) == 0 && access(place.c_str(), R_OK | X_OK) != 0 &&
        closed++ == 0)
      first_closed = place;
  }
  if (readable > 0) findings.push_back({.text = fmt::format("{} journal files", readable)});
  if (closed > 0) {
    findings.push_back(
        {.text = fmt::format("CANNOT READ {} of the journal's files, as {}; give this user the "
                             "group systemd-journal",
                             closed, first_closed),
         .readable = false});
  }
  if (findings.empty()) findings.push_back({.text = "no journal on this host now"});
  return findings;
}

SourceFinding check_socket(const std::string& path, const std::string& when_absent) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path)
    return {.text = fmt::format("{}: the path is longer than a socket's may be", path),
            .readable = false};
  std::memcpy(address.sun_path, path.data(), path.size());
  struct stat status {};
  if (stat(path.c_str(), &status) != 0 && errno == ENOENT)
    return {.text = path + ": " + when_absent};
  const int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (probe < 0) return cannot(path, errno);
  const bool connected =
      connect(probe, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  const int error = errno;
  close(probe);
  if (connected || error == EAGAIN) return {.text = path};
  if (error == ECONNREFUSED) return {.text = path + ": nobody listens there now"};
  SourceFinding finding = cannot(path, error);
  if (error == EACCES)
    finding.text = fmt::format(
        "CANNOT CONNECT to {}: {}; give the agent's group to the socket in "
        "auditd's plugin (mode 0660)",
        path, std::strerror(error));
  return finding;
}

SourceFinding check_file(const std::string& path, const std::string& when_absent) {
  const int error = read_error(path);
  if (error == 0) return {.text = path};
  if (error == ENOENT || error == ENOTDIR) return {.text = path + ": " + when_absent};
  return cannot(path, error);
}

}  // namespace yunjian::agent
