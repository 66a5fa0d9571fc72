#include "agent/source_plan.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "agent/sources/audit/audit_log.h"
#include "agent/sources/audit/audit_socket.h"
#include "agent/sources/file_tail.h"
#include "agent/sources/journal.h"
#include "agent/sources/platform/platform_log.h"
#include "agent/sources/remote_guard.h"
#include "agent/sources/syslog/syslog_listener.h"

namespace yunjian::agent {
namespace {

constexpr std::string_view file_prefix = "file:";
constexpr std::string_view left_name = "file-left";
constexpr std::size_t left_places_max = 4096;

FileStart start_of(bool from_end) { return from_end ? FileStart::end : FileStart::beginning; }

SourcePlan plan_file(const FileConfig& file) {
  FileTailOptions options;
  options.patterns = file.paths;
  options.excludes = file.exclude;
  options.start = start_of(file.from_end);
  options.multiline_start = file.multiline_start;
  options.encoding = file.encoding;
  options.line_timeout = std::chrono::seconds(file.multiline_timeout_s);
  return {.label = fmt::format("file {}", fmt::join(file.paths, " ")),
          .settings =
              fmt::format("file {} not {} {} '{}' {} {}", file.paths, file.exclude, file.from_end,
                          file.multiline_start, file.multiline_timeout_s, file.encoding),
          .files = true,
          .make = [options]() -> std::unique_ptr<Source> {
            return std::make_unique<RemoteGuard>(std::make_unique<FileTail>(options),
                                                 options.patterns, this_host());
          }};
}

SourcePlan plan_journal(const AgentConfig& config) {
  JournalOptions options;
  options.directory = config.journal_directory;
  options.units = config.journal_units;
  options.exclude_units = config.journal_exclude_units;
  options.severity_max = config.journal_severity_max;
  options.start = start_of(config.journal_from_end);
  return {.label = "journal",
          .settings =
              fmt::format("journal {} {} {} not {} {}", options.directory, config.journal_from_end,
                          options.units, options.exclude_units, options.severity_max),
          .make = [options] { return make_journal(options); }};
}

SourcePlan plan_audit(const AgentConfig& config) {
  if (config.audit_socket.empty()) {
    return {.label = "audit " + config.audit_log,
            .settings = "audit log " + config.audit_log,
            .make = [path = config.audit_log] { return std::make_unique<AuditLog>(path); }};
  }
  return {.label = "audit " + config.audit_socket,
          .settings = "audit socket " + config.audit_socket,
          .make = [path = config.audit_socket] { return std::make_unique<AuditSocket>(path); }};
}

SourcePlan plan_platform(const PlatformConfig& platform) {
  PlatformOptions options;
  options.files.patterns = platform.file.paths;
  options.files.excludes = platform.file.exclude;
  options.files.start = start_of(platform.file.from_end);
  options.form = platform.form;
  const PlatformForm& form = platform.form;
  return {.label = fmt::format("platform {}", fmt::join(platform.file.paths, " ")),
          .settings = fmt::format("platform {} not {} {} as {} {} {} {}", platform.file.paths,
                                  platform.file.exclude, platform.file.from_end, form.name,
                                  form.time, form.severity, form.program),
          .make = [options] { return std::make_unique<PlatformLog>(options); }};
}

SourcePlan plan_syslog(const SyslogOptions& options) {
  std::vector<std::string> addresses;
  for (const auto& address : options.listen) addresses.push_back(address.text);
  const SyslogLimits& limits = options.limits;
  return {.label = fmt::format("syslog {}", fmt::join(addresses, " ")),
          .settings = fmt::format("syslog {} {} {} {} {} {}", addresses, limits.lines_per_s,
                                  limits.bytes_per_s, limits.connections,
                                  limits.connections_per_sender, options.idle.count()),
          .make = [options] { return std::make_unique<SyslogListener>(options); }};
}

std::set<std::string> settings_of_files(const std::vector<SourcePlan>& plans) {
  std::set<std::string> all;
  for (const auto& plan : plans) {
    if (plan.files) all.insert(plan.settings);
  }
  return all;
}

std::vector<std::string> labels_only_in(const std::vector<SourcePlan>& these,
                                        const std::vector<SourcePlan>& those) {
  std::vector<std::string> labels;
  for (const auto& plan : these) {
    const bool there = std::any_of(those.begin(), those.end(), [&](const SourcePlan& other) {
      return other.settings == plan.settings;
    });
    if (!there) labels.push_back(plan.label);
  }
  return labels;
}

}  // namespace

std::vector<SourcePlan> plan_sources(const AgentConfig& config) {
  std::vector<SourcePlan> plans;
  for (const FileConfig& file : config.files) plans.push_back(plan_file(file));
  if (config.journal) plans.push_back(plan_journal(config));
  if (config.audit) plans.push_back(plan_audit(config));
  for (const PlatformConfig& platform : config.platforms) plans.push_back(plan_platform(platform));
  for (const SyslogOptions& syslog : config.syslog) plans.push_back(plan_syslog(syslog));
  return plans;
}

SourceSet::Sources SourceSet::make(std::vector<SourcePlan> plans) {
  return exchange({}, std::move(plans)).sources;
}

SourceSet::Change SourceSet::exchange(Sources running, std::vector<SourcePlan> plans) {
  Change change;
  change.added = labels_only_in(plans, plans_);
  change.removed = labels_only_in(plans_, plans);
  const bool keep_files = settings_of_files(plans) == settings_of_files(plans_);
  Sources kept(plans.size());
  for (std::size_t i = 0; i < plans.size(); ++i) {
    if (plans[i].files && !keep_files) continue;
    for (std::size_t old = 0; old < running.size(); ++old) {
      if (running[old] && plans_[old].settings == plans[i].settings)
        kept[i] = std::move(running[old]);
    }
  }
  // Closed before their successors open: a socket has one owner.
  running.clear();
  plans_.clear();
  for (std::size_t i = 0; i < plans.size(); ++i) {
    const bool fresh = kept[i] == nullptr;
    auto source = fresh ? plans[i].make() : std::move(kept[i]);
    if (!source) continue;
    if (fresh) change.fresh.push_back(source.get());
    change.sources.push_back(std::move(source));
    plans_.push_back(std::move(plans[i]));
  }
  return change;
}

void regroup_file_positions(Positions& positions, const std::vector<FileConfig>& files) {
  std::vector<FilePlace> places;
  std::map<std::string, std::vector<FilePlace>> groups;
  for (auto it = positions.begin(); it != positions.end();) {
    const bool is_files = it->first.starts_with(file_prefix) || it->first == left_name;
    auto parsed = is_files ? parse_places(it->second) : std::vector<FilePlace>{};
    // What cannot be understood stays: the source says so in a gap record.
    const bool taken = is_files && parsed;
    if (taken) std::move(parsed->begin(), parsed->end(), std::back_inserter(places));
    // A table that followed nothing yet has nevertheless been started before.
    const bool configured = std::any_of(files.begin(), files.end(), [&](const FileConfig& file) {
      return it->first == std::string(file_prefix) + file.paths.front();
    });
    if (taken && configured) groups[it->first];
    it = taken ? positions.erase(it) : std::next(it);
  }
  for (auto& place : places) {
    const auto owner = std::find_if(files.begin(), files.end(), [&](const FileConfig& file) {
      return matches_pattern(place.path, file.paths, file.exclude);
    });
    auto& group = groups[owner == files.end() ? std::string(left_name)
                                              : std::string(file_prefix) + owner->paths.front()];
    group.push_back(std::move(place));
  }
  for (auto& [name, group] : groups) {
    if (name == left_name && group.size() > left_places_max)
      group.erase(group.begin(), group.end() - left_places_max);
    positions.insert_or_assign(name, format_places(group));
  }
}

}  // namespace yunjian::agent
