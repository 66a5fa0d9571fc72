#include "agent/check.h"

#include <fmt/format.h>

#include "agent/sources/line_format.h"
#include "agent/sources/source_check.h"
#include "agent/sources/syslog/listen_address.h"

namespace yunjian::agent {
namespace {

void add(CheckReport& report, const char* source, const SourceFinding& finding) {
  report.text += fmt::format("{:<9}{}\n", source, finding.text);
  report.complete = report.complete && finding.readable;
}

void add_files(CheckReport& report, const char* source, const FileConfig& file) {
  for (const auto& finding : check_files(file.paths, file.exclude)) add(report, source, finding);
  const auto format = LineFormat::make("", file.encoding);
  if (format && format->is_gb18030() && !format->can_convert()) {
    add(report, source,
        {.text = "CANNOT convert GB18030 here (on openEuler and Kylin: install "
                 "glibc-gconv-extra); lines keep their bytes as \\xHH",
         .readable = false});
  }
}

SourceFinding look_at(const SyslogAddress& address) {
  const std::string problem = syslog_listen_problem(address);
  if (problem.empty()) return {.text = address.text};
  return {.text = fmt::format("CANNOT LISTEN at {}: {}", address.text, problem), .readable = false};
}

}  // namespace

CheckReport check_sources(const AgentConfig& config) {
  CheckReport report;
  for (const FileConfig& file : config.files) add_files(report, "reads", file);
  for (const PlatformConfig& platform : config.platforms) add_files(report, "reads", platform.file);
  if (config.journal) {
    for (const auto& finding : check_journal(config.journal_directory))
      add(report, "journal", finding);
  }
  if (config.audit && config.audit_socket.empty())
    add(report, "audit", check_file(config.audit_log, "not there now (no auditd?)"));
  if (config.audit && !config.audit_socket.empty())
    add(report, "audit", check_socket(config.audit_socket, "not there now (no plugin of auditd?)"));
  for (const SyslogOptions& syslog : config.syslog) {
    for (const SyslogAddress& address : syslog.listen) add(report, "syslog", look_at(address));
  }
  return report;
}

}  // namespace yunjian::agent
