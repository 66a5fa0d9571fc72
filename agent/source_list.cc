#include "agent/source_list.h"

#include "agent/sources/audit/audit_log.h"
#include "agent/sources/audit/audit_socket.h"
#include "agent/sources/file_tail.h"
#include "agent/sources/journal.h"

namespace yunjian::agent {

std::vector<std::unique_ptr<Source>> make_sources(const AgentConfig& config) {
  std::vector<std::unique_ptr<Source>> sources;
  for (const FileConfig& file : config.files) {
    FileTailOptions options;
    options.patterns = file.paths;
    options.excludes = file.exclude;
    options.start = file.from_end ? FileStart::end : FileStart::beginning;
    sources.push_back(std::make_unique<FileTail>(std::move(options)));
  }
  if (config.journal) {
    JournalOptions options;
    options.directory = config.journal_directory;
    options.start = config.journal_from_end ? FileStart::end : FileStart::beginning;
    if (auto journal = make_journal(std::move(options))) sources.push_back(std::move(journal));
  }
  if (config.audit && config.audit_socket.empty()) {
    sources.push_back(std::make_unique<AuditLog>(config.audit_log));
  } else if (config.audit) {
    sources.push_back(std::make_unique<AuditSocket>(config.audit_socket));
  }
  return sources;
}

}  // namespace yunjian::agent
