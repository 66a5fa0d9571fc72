#include "agent/state_directory.h"

#include "agent/json_object.h"

namespace yunjian::agent {

using ledger::ErrorKind;
using ledger::fail;
using ledger::failure;
using ledger::join_path;
using ledger::Result;

StatePaths::StatePaths(std::string state_directory)
    : directory(std::move(state_directory)),
      lock(join_path(directory, "lock")),
      identity(join_path(directory, "identity.json")),
      pending(join_path(directory, "enrol.json")),
      pending_ca(join_path(directory, "enrol-ca.pem")),
      ratchet(join_path(directory, "stream.state")),
      enrolment(join_path(directory, "enrolment")),
      checkpoint(join_path(directory, "checkpoint")),
      status(join_path(directory, "status.json")),
      fork(join_path(directory, "forked")),
      tls_key(join_path(directory, "tls.key")),
      tls_certificate(join_path(directory, "tls.crt")),
      tls_next_key(join_path(directory, "tls-next.key")),
      tls_next_certificate(join_path(directory, "tls-next.crt")),
      ca(join_path(directory, "ca.pem")),
      alarms(join_path(directory, "alarms")),
      spool(join_path(directory, "spool")),
      old(join_path(directory, "old")),
      succession(join_path(directory, "succession.json")),
      inherited(join_path(directory, "inherited.json")) {}

namespace {

ledger::Failure damaged_identity(const StatePaths& paths) {
  return fail(ErrorKind::corrupt,
              paths.identity +
                  " is damaged: this is not what enrol wrote. Put it back from a backup, or enrol "
                  "this host again with a new token; what is here is then kept in " +
                  paths.old);
}

}  // namespace

Result<AgentIdentity> read_identity(ledger::FileSystem& files, const StatePaths& paths) {
  auto there = files.exists(paths.identity);
  if (!there) return failure(there);
  if (!*there) {
    return fail(ErrorKind::reject,
                paths.directory +
                    " is not enrolled: run `yunjian-agent enrol` with a token from "
                    "`yunjian-collector enrol-token`");
  }
  auto text = files.read_file(paths.identity);
  if (!text) return failure(text);
  const auto json = JsonObject::parse(*text);
  if (!json) return damaged_identity(paths);
  AgentIdentity identity{.origin = json->text("origin"),
                         .agent = json->text("agent"),
                         .incarnation = json->number("incarnation"),
                         .suite = json->text("suite"),
                         .vkey = json->text("vkey"),
                         .ingest = json->texts("ingest"),
                         .host = json->text("host"),
                         .unit = json->text("unit"),
                         .token_hash = json->text("token_hash")};
  if (!ledger::is_agent_id(identity.agent) || identity.vkey.empty() || identity.incarnation == 0) {
    return damaged_identity(paths);
  }
  return identity;
}

Result<void> write_identity(ledger::FileSystem& files, const StatePaths& paths,
                            const AgentIdentity& identity) {
  const std::string text = format_json({{"origin", identity.origin},
                                        {"agent", identity.agent},
                                        {"incarnation", identity.incarnation},
                                        {"suite", identity.suite},
                                        {"vkey", identity.vkey},
                                        {"ingest", identity.ingest},
                                        {"host", identity.host},
                                        {"unit", identity.unit},
                                        {"token_hash", identity.token_hash}});
  return replace_file(files, paths.identity, text, 0644);
}

Result<std::unique_ptr<ledger::File>> lock_state(ledger::FileSystem& files,
                                                 const StatePaths& paths) {
  auto lock = files.lock(paths.lock);
  if (!lock && lock.error().kind == ErrorKind::retry) {
    return fail(ErrorKind::reject,
                "another yunjian-agent uses " + paths.directory + ": stop it first");
  }
  return lock;
}

}  // namespace yunjian::agent
