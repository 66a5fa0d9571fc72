#include "agent/sources/journal_files.h"

#ifdef HAVE_SYSTEMD

#include <sys/stat.h>
#include <systemd/sd-id128.h>
#include <systemd/sd-journal.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "agent/sources/file_search.h"

namespace yunjian::agent {
namespace {

std::vector<std::string> patterns_of(const JournalOptions& options) {
  if (!options.directory.empty())
    return {options.directory + "/*.journal", options.directory + "/*/*.journal"};
  sd_id128_t machine{};
  if (sd_id128_get_machine(&machine) < 0) return {};
  std::array<char, SD_ID128_STRING_MAX> id{};
  sd_id128_to_string(machine, id.data());
  std::vector<std::string> patterns;
  for (const char* place : {"/var/log/journal/", "/run/log/journal/"})
    patterns.push_back(std::string(place) + id.data() + "/*.journal");
  return patterns;
}

// 0 or the error for which the library does not open the file because of what it holds.
int open_error(const std::string& path) {
  struct stat status {};
  if (stat(path.c_str(), &status) != 0 || status.st_size == 0) return 0;
  const std::array<const char*, 2> paths = {path.c_str(), nullptr};
  sd_journal* opened = nullptr;
  const int result = sd_journal_open_files(&opened, const_cast<const char**>(paths.data()), 0);
  if (result >= 0) sd_journal_close(opened);
  switch (-result) {
    case EBADMSG:
    case EIO:
    case ENODATA:
    case EPROTONOSUPPORT:
      return -result;
    default:
      return 0;
  }
}

}  // namespace

std::vector<DamagedJournal> damaged_journals(const JournalOptions& options) {
  std::vector<std::string> paths = options.files;
  if (paths.empty()) {
    for (const auto& file : find_files(patterns_of(options), {}).files) paths.push_back(file.path);
  }
  std::vector<DamagedJournal> damaged;
  for (const std::string& path : paths) {
    const int error = open_error(path);
    if (error != 0) damaged.push_back({.path = path, .problem = std::strerror(error)});
  }
  return damaged;
}

}  // namespace yunjian::agent

#else

namespace yunjian::agent {
std::vector<DamagedJournal> damaged_journals(const JournalOptions&) { return {}; }
}  // namespace yunjian::agent

#endif
