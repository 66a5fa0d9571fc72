#include "auditor/proof_command.h"

#include <fmt/format.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <cstdio>
#include <optional>

#include "auditor/pinned_state.h"
#include "auditor/printable.h"
#include "auditor/prover.h"
#include "auditor/verify_command.h"
#include "ledger/record.h"

namespace yunjian::auditor {

using ledger::Result;

namespace {

// The key that came out of band, and what was verified with it before.
struct Trust {
  ledger::Verifier log;
  std::optional<ledger::TreeHead> pinned;
};

tl::expected<Trust, int> open_trust(ledger::FileSystem& files, const std::string& vkey,
                                    const std::string& directory) {
  auto log = ledger::Verifier::from_vkey(vkey.substr(0, vkey.find_first_of("\r\n")));
  if (!log) return tl::unexpected(complain(exit_usage, "--vkey: " + log.error().message));
  Trust trust{std::move(*log), std::nullopt};
  if (directory.empty()) return trust;
  auto state = PinnedState::open(files, directory, trust.log);
  if (!state) {
    const bool wrong_key = state.error().kind == ledger::ErrorKind::reject;
    return tl::unexpected(
        complain(wrong_key ? exit_usage : exit_cannot_tell, state.error().message));
  }
  trust.pinned = state->tree();
  return trust;
}

int tell(const Finding& finding, bool json) {
  Findings findings;
  findings.add(finding);
  const int code = findings.exit_code(false);
  if (!json) {
    fmt::print("[{}] {}\n  {}\n  {}\n", to_string(finding.kind), printable(finding.place),
               printable(finding.zh), printable(finding.en));
    return code;
  }
  rapidjson::StringBuffer buffer;
  rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
  writer.StartObject();
  writer.Key("exit");
  writer.Int(code);
  writer.Key("verdict");
  writer.String(std::string(to_string(finding.kind)).c_str());
  writer.Key("place");
  writer.String(finding.place.c_str());
  writer.Key("zh");
  writer.String(finding.zh.c_str());
  writer.Key("en");
  writer.String(finding.en.c_str());
  writer.EndObject();
  fmt::print("{}\n", buffer.GetString());
  return code;
}

// Offline only equal sizes can be compared: two roots of one size are two histories.
bool contradicts(const std::optional<ledger::TreeHead>& pinned, const ledger::TreeHead& tree) {
  return pinned && pinned->size == tree.size && pinned->root != tree.root;
}

}  // namespace

int run_prove(ledger::FileSystem& files, const ProveOptions& options) {
  auto name = parse_record_name(options.record);
  if (!name) return complain(exit_usage, "--record: " + name.error().message);
  auto trust = open_trust(files, options.vkey, options.state);
  if (!trust) return trust.error();
  auto client = CollectorClient::open(files, options.live);
  if (!client) return complain(exit_usage, client.error().message);
  auto proof = Prover(*client, trust->log, trust->pinned).prove(*name);
  if (!proof) return tell(proof.error(), options.json);
  const std::string text = ledger::format_proof(*proof);
  auto written = ledger::replace_file(files, options.out, text, 0600);
  if (!written)
    return complain(exit_cannot_tell, "cannot write the proof: " + written.error().message);
  fmt::print(stderr, "{}: {} bytes\n", options.out, text.size());
  return run_verify_proof(files, {options.out, options.vkey, options.state, options.json});
}

int run_verify_proof(ledger::FileSystem& files, const VerifyProofOptions& options) {
  auto trust = open_trust(files, options.vkey, options.state);
  if (!trust) return trust.error();
  auto bytes = files.read_file(options.proof);
  if (!bytes) return complain(exit_cannot_tell, "cannot read the proof: " + bytes.error().message);
  const auto refuse = [&](const std::string& why) {
    return tell(
        {FindingKind::tampered, options.proof, "证明不成立:文件被改动,或不属于此公钥的日志: " + why,
         "the proof does not hold; it was changed, or is not of this key's log: " + why},
        options.json);
  };
  auto proof = ledger::parse_proof(*bytes);
  if (!proof) return refuse(proof.error().message);
  auto proven = ledger::check_proof(*proof, trust->log);
  if (!proven) return refuse(proven.error().message);
  if (contradicts(trust->pinned, proven->tree)) {
    return refuse(
        fmt::format("its tree of {} leaves is not the one verified before: the log's key "
                    "signed two histories",
                    proven->tree.size));
  }
  fmt::print("{}", options.json ? proven_as_json(*proof, *proven) : format_proven(*proof, *proven));
  return 0;
}

std::string format_proven(const ledger::RecordProof& proof, const ledger::ProvenRecord& proven) {
  const auto& [header, enrolment, tree] = proven;
  std::string out = "结论 verdict: 证明成立 / the proof holds\n\n已证明 proven\n";
  out += fmt::format("  记录 record     {}/{}\n    {}\n", proof.stream, proof.number,
                     printable(proof.line));
  out +=
      fmt::format("  主机 host       {}\n  单位 unit       {}\n", enrolment.host, enrolment.unit);
  out += fmt::format("  批次 batch      {}, 第 {} 条 record {} of {}\n", header.batch,
                     proof.number - header.first_record + 1, proof.number - header.first_record + 1,
                     header.records);
  out += fmt::format("  封存 sealed     {}\n", ledger::format_time(header.sealed));
  out +=
      fmt::format("  日志 log        {}, leaf {} of {}\n  树根 root       {}\n", enrolment.origin,
                  proof.log.index, tree.size, ledger::to_base64(ledger::as_view(tree.root)));
  out +=
      "  该行逐字节即封存时所签,批次头与登记均在日志公钥所签的树中。\n"
      "  The line is byte for byte what was sealed; header and enrolment are in the tree that the "
      "log's key signed.\n\n未证明 not proven\n"
      "  - 主机所述属实;封存时间出自主机时钟。\n"
      "    That the host told the truth; the time of the seal is by the host's clock.\n";
  if (header.batch > 0) {
    out +=
        "  - 从登记到签名密钥的整条链未逐批核对(仅核对了前一批次),须以 verify 核验整个日志。\n"
        "    The chain from the enrolment up to the signing key was not walked, only its last "
        "link: `verify` on the whole log walks it.\n";
  }
  out +=
      "  - 登记有背书;没有其他记录缺失;他人所见为同一日志。\n"
      "    That the enrolment is endorsed, that no other record is missing, that others were shown "
      "the same log.\n";
  return out;
}

std::string proven_as_json(const ledger::RecordProof& proof, const ledger::ProvenRecord& proven) {
  const auto& [header, enrolment, tree] = proven;
  rapidjson::StringBuffer buffer;
  rapidjson::Writer<rapidjson::StringBuffer> json(buffer);
  const auto text = [&json](const char* key, std::string_view value) {
    json.Key(key);
    json.String(value.data(), static_cast<rapidjson::SizeType>(value.size()));
  };
  const auto number = [&json](const char* key, std::uint64_t value) {
    json.Key(key);
    json.Uint64(value);
  };
  json.StartObject();
  number("exit", 0);
  text("verdict", "good");
  text("stream", proof.stream);
  number("number", proof.number);
  text("host", enrolment.host);
  text("unit", enrolment.unit);
  number("batch", header.batch);
  text("sealed", ledger::format_time(header.sealed));
  text("origin", enrolment.origin);
  number("leaf", proof.log.index);
  number("tree_size", tree.size);
  text("root", ledger::to_base64(ledger::as_view(tree.root)));
  json.Key("chain_walked");
  json.Bool(header.batch == 0);
  const bool utf8 = ledger::is_valid_utf8(proof.line);
  text("line", utf8 ? proof.line : ledger::escape_bytes(proof.line));
  if (!utf8) text("encoding", "escaped");
  json.EndObject();
  return std::string(buffer.GetString(), buffer.GetSize()) + "\n";
}

}  // namespace yunjian::auditor
