#include "agent/status.h"

#include <fmt/format.h>

#include "agent/json_object.h"

namespace yunjian::agent {

using ledger::failure;
using ledger::Result;

namespace {

Result<void> write_text(ledger::FileSystem& files, const std::string& path, std::string_view text) {
  auto file = files.open_append(path, 0644);
  if (!file) return failure(file);
  if (auto done = (*file)->truncate(0); !done) return failure(done);
  return (*file)->append(text);
}

}  // namespace

Result<void> write_status(ledger::FileSystem& files, const StatePaths& paths,
                          const AgentStatus& status) {
  const std::string text = format_json({{"state", status.state},
                                        {"sealed", status.sealed},
                                        {"records", status.records},
                                        {"receipted", status.receipted},
                                        {"witnessed", status.witnessed},
                                        {"witness_problem", status.witness_problem},
                                        {"spool_bytes", status.spool_bytes},
                                        {"spool_bytes_max", status.spool_bytes_max},
                                        {"dropped", status.dropped},
                                        {"dropped_cause", status.dropped_cause},
                                        {"last_sealed", status.last_sealed},
                                        {"last_receipt", status.last_receipt},
                                        {"last_error", status.last_error},
                                        {"log_size", status.log_size},
                                        {"certificate_end", status.certificate_end},
                                        {"certificate_renewal", status.certificate_renewal},
                                        {"certificate_problem", status.certificate_problem},
                                        {"clock", status.clock}});
  const std::string temporary = paths.status + ".new";
  auto written = write_text(files, temporary, text);
  if (written) return files.rename(temporary, paths.status);
  // On a full disk the room of the old text must do, or nobody is told that the disk is full.
  if (written.error().kind != ledger::ErrorKind::full) return written;
  return write_text(files, paths.status, text);
}

Result<std::string> describe_status(ledger::FileSystem& files, const StatePaths& paths,
                                    const AgentIdentity& identity, bool running) {
  std::string out;
  const auto line = [&out](std::string_view name, const std::string& value) {
    out += fmt::format("{:<14}{}\n", name, value);
  };
  line("stream", identity.stream());
  line("host", fmt::format("{} (unit {})", identity.host, identity.unit));
  line("log", identity.origin);
  auto there = files.exists(paths.status);
  if (!there) return failure(there);
  if (!*there) {
    line("agent", running ? "starting" : "has not run yet");
    return out;
  }
  auto text = files.read_file(paths.status);
  if (!text) return failure(text);
  const auto json = JsonObject::parse(*text);
  if (!json) return ledger::fail(ledger::ErrorKind::corrupt, paths.status + " is not JSON");
  const std::string state = json->text("state");
  const auto or_never = [](const std::string& value) {
    return value.empty() ? "never in this run" : value;
  };
  line("agent", running ? "running, " + state : "not running (last: " + state + ")");
  line("sealed", fmt::format("{} batches, {} records; last {}", json->number("sealed"),
                             json->number("records"), or_never(json->text("last_sealed"))));
  line("receipted", fmt::format("{} batches; last {}", json->number("receipted"),
                                or_never(json->text("last_receipt"))));
  const std::string witnessless = json->text("witness_problem");
  if (json->number("witnessed") > 0 || !witnessless.empty()) {
    line("witnessed", fmt::format("{} batches{}{}", json->number("witnessed"),
                                  witnessless.empty() ? "" : "; last question: ", witnessless));
  }
  line("spool", fmt::format("{:.1f} of {:.1f} MiB",
                            static_cast<double>(json->number("spool_bytes")) / 1048576,
                            static_cast<double>(json->number("spool_bytes_max")) / 1048576));
  if (json->number("dropped") > 0) {
    line("dropped", fmt::format("the bodies of {} batches since the start, last cause {}; gap "
                                "records name them",
                                json->number("dropped"), json->text("dropped_cause")));
  }
  line("log size", fmt::format("{} leaves", json->number("log_size")));
  if (const std::string end = json->text("certificate_end"); !end.empty()) {
    const std::string problem = json->text("certificate_problem");
    line("certificate",
         fmt::format("good until {}; renewed from {}{}{}", end, json->text("certificate_renewal"),
                     problem.empty() ? "" : "; last try: ", problem));
  }
  if (const std::string clock = json->text("clock"); !clock.empty()) line("clock", clock);
  const std::string error = json->text("last_error");
  line("last error", error.empty() ? "none" : error);
  return out;
}

}  // namespace yunjian::agent
