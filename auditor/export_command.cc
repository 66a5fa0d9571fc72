#include "auditor/export_command.h"

#include <fmt/format.h>

#include <optional>

#include "auditor/command_kit.h"
#include "auditor/export.h"
#include "auditor/findings_output.h"
#include "auditor/pinned_state.h"
#include "auditor/printable.h"
#include "auditor/tile_reader.h"

namespace yunjian::auditor {

using ledger::ErrorKind;
using ledger::Result;

namespace {

int code_of(const ledger::Error& error) {
  const int code = error.kind == ErrorKind::corrupt ? 1 : exit_cannot_tell;
  return complain(code, error.message);
}

void print_json(const Export& exported, const ExportCheck& check, int code) {
  rapidjson::StringBuffer buffer;
  JsonWriter json(buffer);
  json.StartObject();
  json.Key("exit");
  json.Int(code);
  write_text(json, "what", exported.what);
  write_text(json, "from", ledger::format_time(exported.from));
  write_text(json, "to", ledger::format_time(exported.to));
  write_number(json, "tree_size", check.tree.size);
  write_number(json, "streams", check.streams);
  write_number(json, "open", check.open);
  write_number(json, "batches", check.counts.batches);
  write_number(json, "records", check.counts.records);
  write_number(json, "in_period", check.in_period);
  write_number(json, "bodies_absent", check.counts.bodies_absent);
  write_findings(json, check.findings);
  json.EndObject();
  fmt::print("{}\n", buffer.GetString());
}

int tell(const Export& exported, const ExportCheck& check, bool json) {
  const int code = check.findings.exit_code(false);
  if (json) {
    print_json(exported, check, code);
    return code;
  }
  fmt::print(
      "{},{} 至 {}:{} 条流,{} 个批次首尾相接,{} 条记录,其中 {} 条属于本期,{} 个正文缺失\n"
      "{} from {} to {}: {} streams, {} batches that follow each other, {} records, {} of them of "
      "the period, {} bodies absent\n",
      printable(exported.what), ledger::format_time(exported.from),
      ledger::format_time(exported.to), check.streams, check.counts.batches, check.counts.records,
      check.in_period, check.counts.bodies_absent, printable(exported.what),
      ledger::format_time(exported.from), ledger::format_time(exported.to), check.streams,
      check.counts.batches, check.counts.records, check.in_period, check.counts.bodies_absent);
  fmt::print("{}", format_findings(check.findings));
  if (check.open > 0) {
    fmt::print(
        "  {} 条流尚无期后批次:晚到的批次仍可能属本期 / {} streams have no batch behind the period "
        "yet: what is late may still be of it\n",
        check.open, check.open);
  }
  fmt::print(
      "  未示:该单位或主机是否还有其他流,见 verify / not shown: whether there are other "
      "streams; see verify\n");
  return code;
}

// Streams of the unit or host, with what the collector says of them.
Result<Export> collect(CollectorClient& client, const ledger::Verifier& log,
                       const std::optional<ledger::TreeHead>& pinned,
                       const ExportOptions& options) {
  Export exported;
  auto from = ledger::parse_rfc3339(options.from);
  auto to = ledger::parse_rfc3339(options.to);
  if (!from || !to || *to <= *from) {
    return ledger::fail(ErrorKind::reject, "--from and --to are RFC 3339 times, in this order");
  }
  exported.from = *from;
  exported.to = *to;
  exported.what = options.unit.empty() ? "host " + options.host : "unit " + options.unit;
  auto streams = client.streams();
  if (!streams) return ledger::failure(streams);
  // Fetched behind the list, so that it covers what the list tells; batches that come in later are
  // not asked for.
  auto note = client.checkpoint();
  if (!note) return ledger::failure(note);
  auto checkpoint = ledger::open_checkpoint(*note, log);
  if (!checkpoint) return ledger::fail(ErrorKind::corrupt, checkpoint.error().message);
  if (pinned) {
    TileReader tiles(client, checkpoint->tree, log.suite());
    auto same =
        pinned->size <= checkpoint->tree.size ? tiles.continues(*pinned) : Result<bool>(false);
    if (!same) return ledger::failure(same);
    if (!*same) {
      return ledger::fail(ErrorKind::corrupt, "the log does not continue what was verified before");
    }
  }
  exported.checkpoint = std::move(*note);
  auto roster = newest_roster(client, log, checkpoint->tree);
  if (!roster) return ledger::failure(roster);
  const FullRoster* const newest = *roster ? &**roster : nullptr;
  for (const auto& each : *streams) {
    if (options.unit.empty() ? each.host != options.host : each.unit != options.unit) continue;
    const ExportPlan plan{*from, *to, each.stream, {each.batches, each.enrolment_leaf}, newest};
    auto stream = export_stream(client, log, checkpoint->tree, plan);
    if (!stream) return ledger::failure(stream, each.stream);
    if (*stream) exported.streams.push_back(std::move(**stream));
  }
  return exported;
}

}  // namespace

int run_export(ledger::FileSystem& files, const ExportOptions& options) {
  auto log = ledger::Verifier::from_vkey(first_line(options.vkey));
  if (!log) return complain(exit_usage, "--vkey: " + log.error().message);
  std::optional<ledger::TreeHead> pinned;
  if (!options.state.empty()) {
    auto state = PinnedState::open(files, options.state, *log);
    if (!state) return complain(exit_usage, state.error().message);
    pinned = state->tree();
  }
  auto client = CollectorClient::open(files, options.live);
  if (!client) return complain(exit_usage, client.error().message);
  auto exported = collect(*client, *log, pinned, options);
  if (!exported) return code_of(exported.error());
  if (exported->streams.empty()) {
    return complain(exit_cannot_tell, "no stream of it has a batch in this period");
  }
  auto check = check_export(*exported, *log, nullptr);
  if (!check) return code_of(check.error());
  auto written = ledger::replace_file(files, options.out, format_export(*exported), 0600);
  if (!written) return complain(exit_cannot_tell, written.error().message);
  return tell(*exported, *check, options.json);
}

int run_verify_export(ledger::FileSystem& files, const VerifyExportOptions& options) {
  auto log = ledger::Verifier::from_vkey(first_line(options.vkey));
  if (!log) return complain(exit_usage, "--vkey: " + log.error().message);
  auto bytes = files.read_file(options.file);
  if (!bytes) return complain(exit_cannot_tell, bytes.error().message);
  auto exported = parse_export(*bytes);
  if (!exported)
    return complain(1, "不是有效的导出 not a valid export: " + exported.error().message);
  std::string lines;
  const auto take = [&](std::string_view, std::string_view line) {
    lines += line;
    lines += '\n';
  };
  auto check = check_export(
      *exported, *log,
      options.lines.empty() ? std::function<void(std::string_view, std::string_view)>() : take);
  if (!check) return complain(1, check.error().message);
  if (!options.lines.empty()) {
    auto written = ledger::replace_file(files, options.lines, lines, 0600);
    if (!written) return complain(exit_cannot_tell, written.error().message);
  }
  return tell(*exported, *check, options.json);
}

}  // namespace yunjian::auditor
