#include <fmt/format.h>

#include "auditor/command_kit.h"
#include "auditor/key_file.h"
#include "auditor/pinned_state.h"
#include "auditor/printable.h"
#include "auditor/tile_reader.h"
#include "auditor/witness_command.h"
#include "ledger/checkpoint.h"
#include "ledger/leaves.h"
#include "ledger/statement_leaves.h"

namespace yunjian::auditor {

using ledger::ErrorKind;
using ledger::Result;

namespace {

// Endorses enrolments of one log. What is endorsed is read from the signed tree, not believed from
// the API.
class Endorser {
 public:
  Endorser(CollectorClient& client, const ledger::Verifier& log, const OwnKey& key)
      : client_(client), log_(log), key_(key) {}

  Result<void> open(const std::optional<ledger::TreeHead>& pinned) {
    auto note = client_.checkpoint();
    if (!note) return ledger::failure(note);
    auto checkpoint = ledger::open_checkpoint(*note, log_);
    if (!checkpoint) return ledger::failure(checkpoint);
    tiles_.emplace(client_, checkpoint->tree, log_.suite());
    if (!pinned) return {};
    auto same =
        pinned->size <= checkpoint->tree.size ? tiles_->continues(*pinned) : Result<bool>(false);
    if (!same) return ledger::failure(same);
    if (*same) return {};
    return ledger::fail(ErrorKind::corrupt,
                        "the log does not continue what was verified before: run `verify`");
  }

  // The enrolment as the log holds it; its leaf hash is in `hash`.
  Result<ledger::Enrolment> enrolment(std::uint64_t leaf, ledger::Hash& hash) {
    auto bytes = tiles_->entry(leaf);
    if (!bytes) return ledger::failure(bytes);
    hash = log_.suite().hasher()->leaf(*bytes);
    if (auto path = tiles_->path({hash, leaf}); !path) return ledger::failure(path);
    auto check = ledger::verify_enrolment(*bytes, log_, std::nullopt);
    if (!check) return ledger::failure(check);
    return std::move(check->enrolment);
  }

  Result<std::string> endorse(std::uint64_t leaf, const ledger::Hash& hash, ledger::Time now) {
    const std::string text = ledger::format_endorsement({log_.name(), leaf, hash, now});
    auto line = ledger::sign_line(key_.identity, *key_.key, text);
    if (!line) return ledger::failure(line);
    return client_.post("/v1/log/endorsements", ledger::format_note(text, {*line}));
  }

 private:
  CollectorClient& client_;
  const ledger::Verifier& log_;
  const OwnKey& key_;
  std::optional<TileReader> tiles_;
};

int code_of(const ledger::Error& error) {
  const int code = error.kind == ErrorKind::corrupt ? 1 : exit_cannot_tell;
  return complain(code, error.message);
}

void print_unendorsed(const std::vector<CollectorClient::StreamEntry>& streams, bool json) {
  for (const auto& each : streams) {
    if (each.endorsed) continue;
    if (json) {
      fmt::print("{{\"stream\":\"{}\",\"leaf\":{},\"unit\":\"{}\",\"host\":\"{}\"}}\n",
                 printable(each.stream), each.enrolment_leaf, printable(each.unit),
                 printable(each.host));
    } else {
      fmt::print("{}  {}  {}  leaf {}\n", printable(each.stream), printable(each.unit),
                 printable(each.host), each.enrolment_leaf);
    }
  }
}

}  // namespace

int run_endorse(ledger::FileSystem& files, ledger::Clock& clock, const EndorseOptions& options) {
  auto log = ledger::Verifier::from_vkey(first_line(options.vkey));
  if (!log) return complain(exit_usage, "--vkey: " + log.error().message);
  auto key = read_key(files, options.key, ledger::SignatureKind::plain);
  if (!key) return complain(exit_usage, "--key: " + key.error().message);
  std::optional<ledger::TreeHead> pinned;
  if (!options.state.empty()) {
    auto state = PinnedState::open(files, options.state, *log);
    if (!state) return complain(exit_usage, state.error().message);
    pinned = state->tree();
  }
  auto client = CollectorClient::open(files, options.live);
  if (!client) return complain(exit_usage, client.error().message);
  auto streams = client->streams();
  if (!streams) return code_of(streams.error());
  if (options.stream.empty() && !options.all) {
    print_unendorsed(*streams, options.json);
    return 0;
  }
  Endorser endorser(*client, *log, *key);
  if (auto opened = endorser.open(pinned); !opened) return code_of(opened.error());
  std::uint64_t endorsed = 0;
  for (const auto& each : *streams) {
    if (options.all ? each.endorsed : each.stream != options.stream) continue;
    ledger::Hash hash;
    auto enrolment = endorser.enrolment(each.enrolment_leaf, hash);
    if (!enrolment) return code_of(enrolment.error());
    // What the API says of a leaf and what the leaf says may differ: the person decides by the
    // leaf.
    if (ledger::stream_id(enrolment->agent, enrolment->incarnation) != each.stream) {
      return complain(1, fmt::format("leaf {} enrols another stream than {}", each.enrolment_leaf,
                                     each.stream));
    }
    auto answer = endorser.endorse(each.enrolment_leaf, hash, clock.wall());
    if (!answer) return code_of(answer.error());
    ++endorsed;
    fmt::print("已背书 endorsed: {} 单位 unit {} 主机 host {}\n", printable(each.stream),
               enrolment->unit, enrolment->host);
  }
  if (endorsed > 0 || options.all) return 0;
  return complain(exit_cannot_tell, "the collector tells of no stream " + options.stream);
}

}  // namespace yunjian::auditor
